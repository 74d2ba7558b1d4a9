"""From figures to tables, and whether the goals are met."""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PROGRAM, COMPOSE = "this program", "Docker Compose"
_SHOP = (
    "cold start",
    "nothing to change",
    "release of all",
    "release of one",
    "bad release, then the good one again",
)
_ALONE = (
    "nothing to change, preview",
    "empty program, up",
    "empty program, preview",
    "slowest service alone",
    "release of all, no load, provider over SSH",
    "release of all, no load, provider over socket",
)
_GROWTH = tuple(f"small services: {what}" for what in ("cold start", "nothing to change", "release of all"))


@dataclass(frozen=True)
class Sample:
    """What was measured several times."""

    seconds: Sequence[float]
    requests: int
    failed: int
    outage_s: float

    @property
    def median(self) -> float:
        """In seconds."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        low, high = min(self.seconds), max(self.seconds)
        spread = f" ({low:.1f}–{high:.1f})" if len(self.seconds) > 1 else ""
        return f"{self.median:.1f} s{spread}"


@dataclass(frozen=True)
class Results:
    """All figures of a run."""

    figures: Sequence[dict[str, Any]]

    def of(self, measure: str, side: str = PROGRAM, services: int = 8) -> Sample | None:
        """One measure of one side; None where it was not taken."""
        found = [
            one for one in self.figures if (one["measure"], one["side"], one["services"]) == (measure, side, services)
        ]
        if not found:
            return None
        return Sample(
            [one["seconds"] for one in found],
            sum(one.get("requests", 0) for one in found),
            sum(one.get("failed", 0) for one in found),
            statistics.median(one.get("outage_s", 0.0) for one in found),
        )

    def seconds(self, measure: str, side: str = PROGRAM, services: int = 8) -> float:
        """Median; NaN where it was not measured, which meets no goal."""
        sample = self.of(measure, side, services)
        return sample.median if sample else float("nan")

    def sizes(self) -> list[int]:
        """How many small services there were."""
        return sorted({one["services"] for one in self.figures if one["measure"] in _GROWTH})


def summary(results: Results) -> str:
    """The shop's eight services on both sides."""
    rows = [f"| | {PROGRAM} | {COMPOSE} |", "|---|---|---|"]
    for measure in _SHOP:
        cells = [results.of(measure, side) for side in (PROGRAM, COMPOSE)]
        rows.append(f"| {measure} | {' | '.join(_with_load(cell) for cell in cells)} |")
    return "\n".join(rows) + "\n"


def floors(results: Results) -> str:
    """What this program's figures are held against."""
    rows = ["| | |", "|---|---|"]
    rows += [f"| {measure} | {results.of(measure) or 'not measured'} |" for measure in _ALONE]
    return "\n".join(rows) + "\n"


def edge(results: Results) -> str:
    """One page from the service itself, and through nginx: medians of the runs."""
    rows = ["| | p50 | p99 | pages a second |", "|---|---|---|---|"]
    for way in ("service alone", "through nginx"):
        found = [one for one in results.figures if (one["measure"], one["side"]) == ("page", way)]
        p50, p99, rate = (statistics.median(one[key] for one in found) for key in ("seconds", "p99_s", "per_second"))
        rows.append(f"| {way} | {p50 * 1000:.1f} ms | {p99 * 1000:.1f} ms | {rate:.0f} |")
    return "\n".join(rows) + "\n"


def growth(results: Results) -> str:
    """Small services: time by their number, and what each further one costs."""
    sizes = results.sizes()
    steps = list(itertools.pairwise(sizes))
    head = ["", "", *map(str, sizes), *(f"each more, {a} → {b}" for a, b in steps)]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for measure in _GROWTH:
        for side in (PROGRAM, COMPOSE):
            cells = [str(results.of(measure, side, size)) for size in sizes]
            cells += [f"{_marginal(results, measure, side, *step) * 1000:.0f} ms" for step in steps]
            rows.append(f"| {measure.removeprefix('small services: ')} | {side} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def goals(results: Results) -> str:
    """Each goal, what was measured, and whether that meets it."""
    seconds = results.seconds
    failed = sum(one.get("failed", 0) for one in results.figures if one["side"] == PROGRAM)
    requests = sum(one.get("requests", 0) for one in results.figures if one["side"] == PROGRAM)
    above_floor = seconds("nothing to change") - seconds("empty program, up")
    preview_above = seconds("nothing to change, preview") - seconds("empty program, preview")
    above_alone = seconds("release of all") - seconds("slowest service alone")
    beyond_compose = seconds("release of all") - seconds("release of all", COMPOSE)
    ssh, socket = (seconds(f"release of all, no load, provider over {way}") for way in ("SSH", "socket"))
    checked = [
        ("no failed request", f"{failed} of {requests}", requests > 0 and failed == 0),
        ("nothing to change: within 2 s of an empty program", f"{above_floor:+.1f} s", above_floor <= 2),
        ("the same for preview", f"{preview_above:+.1f} s", preview_above <= 2),
        ("release of all: within 5 s of its slowest service alone", f"{above_alone:+.1f} s", above_alone <= 5),
        ("release of all: no slower than Compose", f"{beyond_compose:+.1f} s", beyond_compose <= 0),
        ("over SSH within 1.2 times the local socket", f"{ssh / socket:.2f}", ssh / socket <= 1.2),
    ]
    sizes = results.sizes()
    for measure in _GROWTH:
        # A straight line: a further service costs the same, however many there are; a tenth is left to noise.
        steps = [_marginal(results, measure, PROGRAM, *step) for step in itertools.pairwise(sizes)]
        told = " → ".join(f"{step * 1000:.0f} ms" for step in steps)
        linear = len(steps) > 1 and all(b <= 1.1 * a for a, b in itertools.pairwise(steps))
        checked.append((f"{measure}: each further one costs no more", told, linear))
    rows = ["| goal | measured | met |", "|---|---|---|"]
    rows += [f"| {goal} | {measured} | {'yes' if met else '**no**'} |" for goal, measured, met in checked]
    return "\n".join(rows) + "\n"


def put(text: str, name: str, content: str) -> str:
    """`text` with what is between the marks called `name` replaced."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"there is no place marked {begin.strip()} … {end}")
    return f"{before}{begin}{content}{end}{after}"


def _with_load(sample: Sample | None) -> str:
    if sample is None:
        return "not measured"
    if not sample.requests:
        return str(sample)
    failed = f"{sample.failed} of {sample.requests} requests failed" if sample.failed else "no request failed"
    over = f", over {sample.outage_s:.0f} s" if sample.failed else ""
    return f"{sample}, {failed}{over}"


def _marginal(results: Results, measure: str, side: str, few: int, many: int) -> float:
    """Seconds for each service that is added between two sizes."""
    return (results.seconds(measure, side, many) - results.seconds(measure, side, few)) / (many - few)

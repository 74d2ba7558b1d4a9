from typing import Any

import pytest

from bench import report
from bench.compose import compose_file
from bench.measure import _seconds
from bench.run import BenchError
from config.load import build

MACHINE = {"host": {"address": "192.0.2.1", "hostKey": "ssh-ed25519 AAAA"}, "environment": "development"}


def figure(measure: str, seconds: float, side: str = report.PROGRAM, services: int = 8, **load: Any) -> dict[str, Any]:
    return {"measure": measure, "side": side, "seconds": seconds, "services": services, **load}


def test_a_sample_is_its_median_and_its_spread() -> None:
    results = report.Results([figure("cold start", seconds) for seconds in (9.0, 5.04, 6.0)])
    assert str(results.of("cold start")) == "6.0 s (5.0–9.0)"
    assert results.of("cold start", report.COMPOSE) is None


def test_what_failed_is_told() -> None:
    figures = [figure("release of all", 2.0, requests=100, failed=n, outage_s=3.0) for n in (0, 7)]
    assert "7 of 200 requests failed, over 3 s" in report.summary(report.Results(figures))


@pytest.mark.parametrize(("last", "met"), [(64.0, "yes"), (128.0, "**no**")])
def test_a_straight_line_meets_the_goal_and_a_curve_does_not(last: float, met: str) -> None:
    measure = "small services: cold start"
    times = {8: 4.0, 32: 16.0, 128: last}
    results = report.Results([figure(measure, seconds, services=size) for size, seconds in times.items()])
    assert next(row for row in report.goals(results).splitlines() if measure in row).endswith(f"| {met} |")


def test_a_goal_is_not_met_by_what_was_not_measured() -> None:
    assert "yes" not in report.goals(report.Results([]))


def test_a_table_replaces_the_one_before_and_nothing_else() -> None:
    page = "a\n<!-- shop -->\nold\n<!-- /shop -->\nb\n"
    assert report.put(page, "shop", "new\n") == "a\n<!-- shop -->\nnew\n<!-- /shop -->\nb\n"
    with pytest.raises(ValueError, match="no place marked <!-- goals -->"):
        report.put(page, "goals", "new\n")


def test_compose_has_every_server_and_service_with_its_limits() -> None:
    platform = build("bench", MACHINE).platform
    services = compose_file(platform)["services"]
    assert services.keys() == {*platform.services, "postgres", "nats", "redis", "nginx"}
    for name, service in platform.services.items():
        assert services[name]["mem_limit"] == f"{service.limits.memory}m"
        assert services[name]["environment"].keys() >= service.variables.keys()


def test_what_the_edge_adds_is_told_by_its_medians() -> None:
    figures = [
        figure("page", p50, side, p99_s=4 * p50, per_second=1 / p50)
        for side, p50 in (("service alone", 0.001), ("service alone", 0.002), ("service alone", 0.009),
                          ("through nginx", 0.004))
    ]  # fmt: skip
    told = report.edge(report.Results(figures))
    assert "| service alone | 2.0 ms | 8.0 ms | 500 |" in told
    assert "| through nginx | 4.0 ms | 16.0 ms | 250 |" in told


@pytest.mark.parametrize(
    ("line", "seconds"), [("50%  812.00us", 0.000812), ("50%    1.25ms", 0.00125), ("50% 2.00s", 2.0)]
)
def test_latencies_of_wrk(line: str, seconds: float) -> None:
    assert _seconds(f"  Latency Distribution\n     {line}\n     99%    9.00ms\n", 50) == pytest.approx(seconds)
    with pytest.raises(BenchError, match="did not say how long 75%"):
        _seconds(line, 75)

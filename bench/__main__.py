"""`python -m bench`, as `make bench` calls it: measure all, keep the figures, write the tables."""

import argparse
import json
import os
import platform
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import report
from bench.measure import Bench
from bench.run import BenchError, Host, timed
from lab import shell, toolchain
from lab.checkout import Checkout, write

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results.json"


def main() -> int:
    """Run it; the exit status says whether everything could be measured, not whether the goals are met."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--clear", action="store_true", help="only remove what a killed run left on the lab host")
    options = parser.parse_args()
    checkout = Checkout(ROOT)
    if options.clear:
        Host(checkout).clear()
        return 0
    work = checkout.dir / "bench"
    shutil.rmtree(work, ignore_errors=True)
    bench = Bench(checkout, work, shell.environment(checkout))
    machine = _machine(bench)
    try:
        bench.prepare()
        bench.shop(options.repeat)
        bench.growth(options.repeat)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        print("removing what was made", flush=True)
        bench.end()
        shutil.rmtree(work)
    kept = {"machine": machine, "notes": bench.notes, "figures": bench.as_data()}
    write(RESULTS, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    tell(kept)
    return 0


def tell(kept: dict[str, Any]) -> None:
    """Write the tables into bench/README.md and README.md."""
    results = report.Results(kept["figures"])
    machine = "".join(f"- {name}: {value}\n" for name, value in kept["machine"].items())
    notes = "".join(f"- {note}\n" for note in kept["notes"])
    tables = {
        "machine": machine + notes,
        "goals": report.goals(results),
        "shop": report.summary(results),
        "floors": report.floors(results),
        "edge": report.edge(results),
        "growth": report.growth(results),
    }
    page = ROOT / "bench" / "README.md"
    text = page.read_text()
    for name, table in tables.items():
        text = report.put(text, name, table)
    write(page, text)
    front = ROOT / "README.md"
    write(front, report.put(front.read_text(), "bench", tables["shop"]))
    print(f"wrote {RESULTS.relative_to(ROOT)}, {page.relative_to(ROOT)} and the table in {front.name}")


def _machine(bench: Bench) -> dict[str, str]:
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    engine = bench.host.sh("docker version -f '{{.Server.Version}}'").strip()
    client = timed(["docker", "version", "-f", "{{.Server.Version}}"]).must().printed.strip()
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processors": str(os.cpu_count()),
        "memory": f"{memory_gb:.0f} GB",
        "kernel": platform.release(),
        "Docker": f"{engine} on the lab host, inside {client}",
        "Docker Compose": bench.compose.version(),
        "Engine and plug-ins": toolchain.chosen(bench.checkout),
        "load average at the beginning": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

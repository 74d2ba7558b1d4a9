"""The production checklist on the lab: what holds there is proved, and what is broken is named."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.platform import Platform
from ops.checklist.item import sections
from tests.lab.conftest import PREFIX, Lab, until
from tests.lab.stack import ops

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def forgotten(platform: Platform) -> Iterator[None]:
    """Until nginx has forgotten how often it was asked; asking it would count."""
    yield
    time.sleep(max(rate.burst / rate.per_second for _, rate in platform.edge.rates))


def failed(said: str) -> set[str]:
    return set(re.findall(r"^([a-z]+-\d\d) +FAILED ", said, re.M))


def test_nothing_that_should_hold_on_the_lab_fails(tmp_path: Path) -> None:
    path = tmp_path / "list.md"
    done = ops("checklist", "lab", "--write", str(path), check=False)
    assert (failed(done.stdout), done.returncode) == (set(), 0), done.stdout
    last = done.stdout.splitlines()[-1]
    counts = {state: int(number) for number, state in re.findall(r"(\d+) ([^,]+)", last)}
    assert counts.keys() <= {"ok", "failed", "by hand", "can't be proved here", "not for development"}
    assert counts["ok"] >= 100
    assert sum(counts.values()) == sum(len(section.items) for section in sections())
    written = path.read_text()
    assert last in written
    assert re.search(r"^release [0-9a-f]{12} \(", written, re.M)


def test_what_is_broken_is_named_and_nothing_else(lab: Lab, platform: Platform) -> None:
    lab.run("docker", "update", "--pids-limit", "-1", f"{PREFIX}-redis")
    try:
        done = ops("checklist", "lab", check=False)
    finally:
        lab.run("docker", "update", "--pids-limit", str(platform.redis.limits.pids), f"{PREFIX}-redis")
    assert (failed(done.stdout), done.returncode) == ({"containers-11"}, 1), done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("containers-11 "))
    assert f"found: {PREFIX}-redis " in line
    assert "do: `docker update --pids-limit 200 NAME`" in line


def test_a_service_that_does_not_run_is_noticed_from_each_side(lab: Lab) -> None:
    container = lab.inspect()["product-service"]["Name"].lstrip("/")
    lab.run("docker", "stop", container)
    try:
        done = ops("checklist", "lab", check=False)
    finally:
        lab.run("docker", "start", container)
        until(
            lambda: lab.inspect()["product-service"]["State"]["Health"]["Status"] == "healthy", within_s=60, what="up"
        )
    assert done.returncode == 1
    broken = failed(done.stdout)
    assert {"containers-01", "containers-02", "services-01", "delivery-04"} <= broken, done.stdout
    assert {id.partition("-")[0] for id in broken} <= {"containers", "services", "delivery", "edge"}, done.stdout

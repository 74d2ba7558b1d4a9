"""Releases under load: nobody notices a good one, and nobody notices a bad one."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from config.platform import Platform
from tests.lab.conftest import Lab
from tests.lab.credentials import accepted, generated
from tests.lab.load import Load
from tests.lab.stack import Stack, exactly_once

Note = Callable[[str, str], None]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("title", "change"),
    [
        ("release of all nine", lambda stack: stack.change(logLevel="info")),
        ("release of one", lambda stack: stack.parrot(variables={"GREETING": "good morning"})),
    ],
)
def test_nobody_notices_a_release(
    deployed: Stack,
    base: str,
    title: str,
    change: Callable[[Stack], Stack],
    record_property: Note,
) -> None:
    change(deployed)
    with Load(base) as load, load.during():
        deployed.up()
    record_property("load", load.report(title))
    assert load.failures == []
    assert len(load.seconds) > 200
    exactly_once(load)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["database-parrot", "database-order-owner", "nats-order", "redis-product"])
def test_nobody_notices_a_rotation_and_the_old_value_is_worth_nothing(  # noqa: PLR0917
    deployed: Stack, lab: Lab, platform: Platform, base: str, name: str, record_property: Note
) -> None:
    old = generated(name)
    assert accepted(lab, platform, name, 1, old)
    before = {component: container["Id"] for component, container in lab.inspect().items()}
    with Load(base) as load, load.during():
        deployed.change(rotations={name: 2}).up()
    record_property("load", load.report(f"rotated {name}"))
    assert load.failures == []
    exactly_once(load)
    new = generated(name)
    assert new != old
    assert accepted(lab, platform, name, 2, new)
    assert not accepted(lab, platform, name, 1, old)
    after = {component: container["Id"] for component, container in lab.inspect().items()}
    replaced = {component for component in after if after[component] != before[component]}
    assert (
        replaced
        == {
            "database-parrot": {"parrot"},
            "database-order-owner": set(),
            "nats-order": {"order-service"},
            "redis-product": {"product-service"},
        }[name]
    )


@pytest.mark.timeout(600)
def test_tokens_of_a_rotated_key_are_worth_nothing(deployed: Stack, base: str, visitor: httpx.Client) -> None:
    assert visitor.get("/api/v1/orders").status_code == 200
    with Load(base) as load, load.during():
        deployed.change(rotations={"jwt": 2}).up()
    assert load.failures == []
    assert visitor.get("/api/v1/orders").status_code == 401


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("title", "bad", "good", "says"),
    [
        ("missing image", {"image": "lab/nothing:1"}, {"image": None}, "lab/nothing:1"),
        (
            "failing migration",
            {"variables": {"MIGRATION_FAILS": "1"}},
            {"variables": {"MIGRATION_FAILS": ""}},
            "the migration failed as it was asked to",
        ),
        (
            "never healthy",
            {"variables": {"NEVER_HEALTHY": "1"}},
            {"variables": {"NEVER_HEALTHY": ""}},
            "is not healthy after 20 s; nothing was moved to it",
        ),
        (
            "healthy, but out of reach",
            {"variables": {"LISTEN": "127.0.0.1"}},
            {"variables": {"LISTEN": ""}},
            "a new container does not answer through nginx; the old routes stay",
        ),
    ],
)
def test_nobody_notices_a_bad_release(  # noqa: PLR0917
    deployed: Stack,
    lab: Lab,
    base: str,
    title: str,
    bad: dict[str, Any],
    good: dict[str, Any],
    says: str,
    record_property: Note,
) -> None:
    before = lab.inspect()["parrot"]["Id"]
    with Load(base) as load, load.during():
        failed = deployed.parrot(**bad, limits={"memory": "257MB"}).up(check=False)
        assert failed.returncode != 0
        assert says in failed.stdout + failed.stderr
        assert lab.run("docker", "inspect", "-f", "{{.State.Health.Status}}", before).strip() == "healthy"
        deployed.parrot(**good, limits={"memory": "256MB"}).up()
    record_property("load", load.report(f"{title}, then a good release"))
    assert load.failures == []
    exactly_once(load)
    parrots = lab.run("docker", "ps", "-aq", "--filter", "label=a4co.component=parrot").split()
    assert len(parrots) == 1, "the failed container is gone"


def test_a_subnet_that_hides_a_route_of_the_host_stops_everything_before_it_begins(deployed: Stack, lab: Lab) -> None:
    before = {component: container["Id"] for component, container in lab.inspect().items()}
    networks = {"frontend": {"subnet": "10.77.0.0/24", "internal": False}}
    lab.as_root("ip", "route", "add", "10.77.0.0/25", "dev", "lo")
    try:
        failed = deployed.change(networks=networks).up(check=False)
    finally:
        lab.as_root("ip", "route", "del", "10.77.0.0/25", "dev", "lo")
        deployed.change(networks={"frontend": {"subnet": "172.20.0.0/24", "internal": False}})
    assert failed.returncode != 0
    assert "10.77.0.0/24 of a4co-lab-frontend-net overlaps a route of the host" in failed.stdout + failed.stderr
    assert {component: container["Id"] for component, container in lab.inspect().items()} == before

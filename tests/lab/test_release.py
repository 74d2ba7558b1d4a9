"""Releases under load: nobody notices a good one, and nobody notices a bad one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from config.load import merge
from config.platform import Platform
from tests.lab.conftest import ROOT, Lab, pulumi
from tests.lab.credentials import accepted, generated
from tests.lab.load import Load

Note = Callable[[str, str], None]
PARROT = {
    "port": 8090,
    "build": {"workspace": "tests/fixtures/other-team", "folder": "services/parrot"},
    "database": "parrot",
    "poolSize": 5,
    "migrate": ["node", "dist/migrate.js"],
    "health": {"path": "/alive", "healthyWithin": "20s"},
    "routes": [{"path": "/parrot/"}],
    "variables": {"GREETING": "hello"},
    "secrets": {"PARROT_KEY": {"generated": "parrot"}},
    "limits": {"memory": "256MB", "reservedMemory": "64MB"},
}


class Stack:
    """The lab's stack with changes to its file, as an operator would make them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sections: dict[str, Any] = {}
        self.change()

    def change(self, **sections: Any) -> "Stack":
        """Lay these sections over what the file has by now."""
        self._sections = merge(self._sections, sections)
        original = yaml.safe_load((ROOT / "Pulumi.lab.yaml").read_text())
        config = merge(original["config"], {f"a4co:{key}": value for key, value in self._sections.items()})
        self._path.write_text(yaml.safe_dump({**original, "config": config}))
        return self

    def parrot(self, **entry: Any) -> "Stack":
        return self.change(services={"parrot": entry})

    def up(self, *, check: bool = True) -> Any:
        return pulumi("up", "--yes", "--skip-preview", "--config-file", str(self._path), check=check)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The platform with a ninth service, of another team: one entry in the stack's file."""
    stack = Stack(tmp_path_factory.mktemp("stack") / "Pulumi.lab.yaml").parrot(**PARROT)
    stack.up()
    yield stack
    pulumi("up", "--yes", "--skip-preview")


@pytest.fixture
def base(lab: Lab) -> str:
    return f"http://{lab.settings['address']}:{lab.settings['httpPort']}"


def exactly_once(load: Load) -> None:
    """Every POST of the load happened, and happened once."""
    tally = httpx.get(f"{load.base}/parrot/tally", params={"run": load.run}).json()
    assert tally == {"keys": load.posts, "times": load.posts}


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
        (
            "failing migration",
            {"MIGRATION_FAILS": "1"},
            {"MIGRATION_FAILS": ""},
            "the migration failed as it was asked to",
        ),
        (
            "never healthy",
            {"NEVER_HEALTHY": "1"},
            {"NEVER_HEALTHY": ""},
            "is not healthy after 20 s; nothing was moved to it",
        ),
    ],
)
def test_nobody_notices_a_bad_release(  # noqa: PLR0917
    deployed: Stack,
    lab: Lab,
    base: str,
    title: str,
    bad: dict[str, str],
    good: dict[str, str],
    says: str,
    record_property: Note,
) -> None:
    before = lab.inspect()["parrot"]["Id"]
    with Load(base) as load, load.during():
        failed = deployed.parrot(variables=bad, limits={"memory": "257MB"}).up(check=False)
        assert failed.returncode != 0
        assert says in failed.stdout + failed.stderr
        assert lab.run("docker", "inspect", "-f", "{{.State.Health.Status}}", before).strip() == "healthy"
        deployed.parrot(variables=good, limits={"memory": "256MB"}).up()
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

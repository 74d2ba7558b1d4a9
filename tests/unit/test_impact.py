"""What a reviewer reads of a change."""

from typing import Any

import pytest

from components.archive import pack
from ops.impact import Impact, changes, table

CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"
COMMAND = "command:remote:Command"


def step(op: str, kind: str, name: str, old: dict[str, Any], new: dict[str, Any], *paths: str) -> dict[str, Any]:
    return {
        "op": op,
        "urn": f"urn:pulumi:lab::a4co::a4co:index:X${kind}::{name}",
        "oldState": {"inputs": old},
        "newState": {"inputs": new},
        "detailedDiff": {path: {"kind": "update"} for path in paths},
    }


@pytest.mark.parametrize(
    ("op", "kind", "old", "impact"),
    [
        ("replace", CONTAINER, {"name": "a4co-lab-order-service-0a1b2c3"}, Impact.ROLLING),
        ("delete", CONTAINER, {"name": "a4co-lab-order-service-0a1b2c3"}, Impact.ROLLING),
        ("replace", CONTAINER, {"name": "a4co-lab-postgres"}, Impact.INTERRUPTION),
        ("update", CONTAINER, {"name": "a4co-lab-postgres"}, Impact.NONE),
        ("replace", VOLUME, {"name": "a4co-lab-postgres-data"}, Impact.DATA),
        ("replace", "docker:index/network:Network", {"name": "a4co-lab-data-net"}, Impact.INTERRUPTION),
        ("update", COMMAND, {}, Impact.NONE),
    ],
)
def test_how_a_change_is_noticed(op: str, kind: str, old: dict[str, Any], impact: Impact) -> None:
    (change,) = changes({"steps": [step(op, kind, "a4co-lab-x", old, {})]})
    assert change.impact is impact


@pytest.mark.parametrize(
    "name", ["a4co-lab-x-service-egress", "a4co-lab-x-service-egress-ready", "x-service-egress", "x-service-image"]
)
def test_what_belongs_to_a_service_is_told_of_the_service(name: str) -> None:
    (change,) = changes({"steps": [step("update", COMMAND, name, {}, {})]})
    assert change.part == "x-service"


def test_another_authority_for_the_certificate() -> None:
    old, new = ({"stdin": pack({"settings": f"hosts=shop.lab\ndirectory=https://{ca}/dir\n"})} for ca in ("one", "two"))
    (change,) = changes({"steps": [step("update", COMMAND, "certificate-acme", old, new, "stdin")]})
    assert (change.part, change.impact) == ("certificate", Impact.NONE)
    assert change.details == ["settings: -directory=https://one/dir", "settings: +directory=https://two/dir"]


def test_fields_old_and_new() -> None:
    old = {
        "name": "a4co-lab-order-service-0a1b2c3",
        "memory": 512,
        "envs": ["A=1", "B=2"],
        "healthcheck": {"retries": 3},
    }
    new = {**old, "memory": 1024, "envs": ["B=3", "C=4"], "healthcheck": {"retries": 5}}
    one = step("replace", CONTAINER, "a4co-lab-order-service", old, new, "memory", "envs[0]", "healthcheck.retries")
    (change,) = changes({"steps": [one]})
    assert change.part == "order-service"
    assert change.details == [
        *("A: 1 → nothing", "B: 2 → 3", "C: nothing → 4", "memory: 512 → 1024", "healthcheck.retries: 3 → 5"),
    ]


def test_a_configuration_file_line_by_line() -> None:
    old, new = ({"stdin": pack({"postgresql.conf": f"max_connections = {n}\njit = off\n"})} for n in (200, 210))
    (change,) = changes({"steps": [step("update", COMMAND, "postgres", old, new, "stdin")]})
    assert change.details == ["postgresql.conf: -max_connections = 200", "postgresql.conf: +max_connections = 210"]


def test_what_is_secret_or_new_in_each_release_is_not_shown() -> None:
    route = "proxy_pass http://a4co-lab-frontend-{};\nlocation = /revision {{ return 200 {}; }}\n"
    old = {"stdin": pack({"servers.conf": route.format("0a1b2c3", "0123456789ab")})}
    new = {"stdin": pack({"servers.conf": route.format("4d5e6f7", "ba9876543210")})}
    secret = step("update", COMMAND, "nats-accounts", {"stdin": "[secret]"}, {"stdin": "[secret]"}, "stdin")
    found = changes({"steps": [step("update", COMMAND, "routes", old, new, "stdin"), secret]})
    assert [change.details for change in found] == [[], []]
    assert table(found).count("\n") == 3


def test_most_noticed_first_and_nothing_is_said_plainly() -> None:
    steps = [
        step("update", COMMAND, "order-service-migrate", {}, {}),
        step("replace", CONTAINER, "a4co-lab-frontend", {"name": "a4co-lab-frontend-0a1b2c3"}, {}),
        step("replace", VOLUME, "a4co-lab-redis-data", {"name": "a4co-lab-redis-data"}, {}),
    ]
    assert [change.part for change in changes({"steps": steps})] == ["redis", "frontend", "order-service"]
    assert "DATA AT RISK" in table(changes({"steps": steps}))
    assert table(changes({"steps": []})) == "No changes.\n"


def test_a_program_that_did_not_start_changes_nothing() -> None:
    assert changes({"diagnostics": [{"severity": "error", "message": "failed to load"}]}) == []

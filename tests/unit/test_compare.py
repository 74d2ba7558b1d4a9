"""What a change looks like to somebody without the state: the same as in pulumi's own preview."""

from typing import Any

import pytest

from components import container
from lab.plugins.docker.container_fields import FIELDS
from ops import compare
from ops.answers import BUILT_IMAGE, CONTAINER, FOUND_IMAGE, PASSWORD
from ops.impact import Impact, table
from ops.plan import COMMAND, NETWORK, VOLUME, Plan, Resource

LIVE = {"name": "a4co-test-order-service-0a1b2c3"}


def changes(kind: str, old: dict[str, Any] | None, new: dict[str, Any] | None, name: str = "order-service") -> Any:
    def plan(inputs: dict[str, Any] | None) -> Plan:
        urn = f"urn:pulumi:test::a4co::a4co:index:X${kind}::{name}"
        return Plan("production", {} if inputs is None else {urn: Resource(urn, inputs, inputs)}, frozenset())

    return compare.compare(plan(old), plan(new))


def test_what_is_the_same_is_not_told() -> None:
    assert changes(CONTAINER, {"memory": 512}, {"memory": 512}) == []


@pytest.mark.parametrize(
    ("kind", "old", "new", "impact", "details"),
    [
        (CONTAINER, {**LIVE, "memory": 1}, {**LIVE, "memory": 2}, Impact.NONE, ["memory: 1 → 2"]),
        (CONTAINER, {**LIVE, "cpus": 1}, {**LIVE, "cpus": 2}, Impact.ROLLING, ["cpus: 1 → 2"]),
        (CONTAINER, {"name": "redis", "cpus": 1}, {"name": "redis", "cpus": 2}, Impact.INTERRUPTION, ["cpus: 1 → 2"]),
        (
            CONTAINER,
            {"name": "redis", "healthcheck": {"retries": 3}},
            {"name": "redis", "healthcheck": {"retries": 4}},
            Impact.INTERRUPTION,
            ["healthcheck.retries: 3 → 4"],
        ),
        (VOLUME, {"name": "a"}, {"name": "b"}, Impact.DATA, ["name: a → b"]),
        (NETWORK, {"internal": True}, {"internal": False}, Impact.INTERRUPTION, ["internal: True → False"]),
        (BUILT_IMAGE, {"contextDigest": "a"}, {"contextDigest": "b"}, Impact.NONE, ["rebuilt"]),
        (FOUND_IMAGE, {"name": "x:1"}, {"name": "x:2"}, Impact.NONE, ["name: x:1 → x:2"]),
        (PASSWORD, {"length": 32}, {"length": 64}, Impact.NONE, ["length: 32 → 64"]),
        (COMMAND, {"create": "a 1\nb"}, {"create": "a 2\nb"}, Impact.NONE, ["-a 1", "+a 2"]),
        (COMMAND, {"stdin": "a"}, {"stdin": "a\nb"}, Impact.NONE, ["+b"]),
        (VOLUME, None, {"name": "a"}, Impact.NONE, ["created"]),
        (CONTAINER, {"name": "redis"}, None, Impact.INTERRUPTION, ["deleted"]),
    ],
)  # fmt: skip
def test_each_kind_of_change(
    kind: str, old: dict[str, Any] | None, new: dict[str, Any] | None, impact: Impact, details: list[str]
) -> None:
    (change,) = changes(kind, old, new)
    assert (change.impact, change.details) == (impact, details)


def test_of_a_long_line_the_part_that_differs() -> None:
    (change,) = changes(COMMAND, {"create": "x" * 500 + "old"}, {"create": "x" * 500 + "new"})
    assert [len(detail) < 150 and detail[-4:] for detail in change.details] == ["old…", "new…"]


def test_what_is_compared_can_not_leave_its_cell() -> None:
    (change,) = changes(CONTAINER, {"hostname": "a"}, {"hostname": "`|\n# @everyone"})
    assert "`hostname: a → '\\|⏎# @everyone`" in table([change])


def test_what_docker_changes_in_place_is_what_the_provider_does_not_replace() -> None:
    kept = {name for name, field in FIELDS.items() if not field.replace} - set(container._REPLACED_ON)
    assert kept >= compare._IN_PLACE

"""A rotation replaces the containers that use the secret, and nothing else."""

import pytest

from config.load import build
from tests.unit.program import HOST, Recorder, run

NAMES = build("test", {"host": HOST, "environment": "development"}).platform.generated_secrets


def changed(before: Recorder, after: Recorder) -> set[str]:
    """Containers whose inputs differ."""
    return {
        name.removeprefix("a4co-test-")
        for name, inputs in after.containers.items()
        if repr(inputs) != repr(before.containers[name])
    }


def users(name: str) -> set[str]:
    """Who uses a generated secret, from its name."""
    kind, _, rest = name.partition("-")
    if name.endswith("-owner"):
        return set()  # migrations alone
    if kind == "jwt":
        return {"auth-service", "api-gateway"}
    return {f"{rest}-service", f"{rest}-service-egress"} if kind == "egress" else {f"{rest}-service"}


@pytest.mark.parametrize("name", NAMES)
def test_only_its_users_are_replaced(recorded: Recorder, name: str) -> None:
    rotated = run(rotations={name: 2})
    assert changed(recorded, rotated) == users(name)
    passwords = rotated.of_type("random:index/randomPassword:RandomPassword")
    assert {f"{name}-1", f"{name}-2"} <= set(passwords)


@pytest.mark.parametrize(
    ("name", "forgets"),
    [
        ("nats-order", "nats-accounts-forget-old"),
        ("redis-auth", "redis-accounts-forget-old"),
        ("database-order", "order-service-database-forget-old"),
    ],
)
def test_servers_accept_both_until_the_new_containers_serve(name: str, forgets: str) -> None:
    def text(command: str) -> str:
        value = rotated.commands[command]["stdin"]
        return str(value["value"] if isinstance(value, dict) else value)

    rotated = run(rotations={name: 2})
    first, last = text(forgets.removesuffix("-forget-old")), text(forgets)
    user = {"nats-order": "order", "redis-auth": "auth", "database-order": "order_app"}[name]
    assert f"{user}_2" in first
    if name.startswith("database"):
        assert f'"{user}_1"' in first
        assert f"rolname <> '{user}_2'" in last
    elif name.startswith("nats"):
        assert f"generated-for-{name}-1" in first
        assert f"generated-for-{name}-1" not in last
        assert f"generated-for-{name}-2" in last
    else:
        assert f"user {user} on" in first
        assert f"user {user} on" not in last


def test_the_third_replaces_the_second(recorded: Recorder) -> None:
    passwords = run(rotations={"jwt": 3}).of_type("random:index/randomPassword:RandomPassword")
    assert {name for name in passwords if name.startswith("jwt")} == {"jwt-2", "jwt-3"}

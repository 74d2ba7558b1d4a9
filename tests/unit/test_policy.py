"""Each rule has a plan that keeps it, and at least one that breaks it and no other."""

from dataclasses import replace
from typing import Any

import pytest

from components.archive import pack
from ops.answers import BUILT_IMAGE, CONTAINER, FOUND_IMAGE
from ops.plan import COMMAND, NETWORK, VOLUME, Plan, Resource
from ops.policy import RULES, judge

DIGEST = "@sha256:" + "0" * 64
SECRET = "c0ffee" * 8
ONE_SHOT = "docker run --rm --cap-drop ALL --security-opt no-new-privileges --read-only --memory 64m --pids-limit 20 x"


def resource(kind: str, name: str, /, *, kept: bool = False, **inputs: Any) -> Resource:
    return Resource(f"urn:pulumi:test::a4co::{kind}::{name}", inputs, inputs, protected=kept, retained=kept)


def container(component: str, *networks: str, **inputs: Any) -> Resource:
    given = {
        "memory": 512,
        "memorySwap": 512,
        "cpus": "1.0",
        "logOpts": {"max-size": "10m", "max-file": "3"},
        "healthcheck": {"tests": ["CMD", "true"]},
        "networksAdvanced": [{"name": name} for name in networks],
        "readOnly": True,
        "capabilities": {"drops": ["ALL"]},
        "securityOpts": ["no-new-privileges:true"],
        "user": "1001:1001",
        "labels": [{"label": "a4co.component", "value": component}],
    }
    return resource(CONTAINER, component, **{**given, **inputs})


SOUND = [
    resource(NETWORK, "frontend-net", name="frontend-net", internal=False),
    resource(NETWORK, "data-net", name="data-net", internal=True),
    resource(FOUND_IMAGE, "order-service-image", name=f"ghcr.io/x/order-service{DIGEST}"),
    resource(FOUND_IMAGE, "postgres-image", name=f"postgres:16-bookworm{DIGEST}"),
    resource(FOUND_IMAGE, "node-image", name=f"node:22-alpine{DIGEST}"),
    resource(VOLUME, "postgres-data", kept=True, name="postgres-data"),
    resource(COMMAND, "order-service-migrate", create=ONE_SHOT, stdin="[secret]"),
    container("nginx", "frontend-net", ports=[{"internal": 8080, "external": 80}]),
    container("order-service", "data-net", mounts=[{"type": "bind", "source": "/x", "target": "/run/secrets"}]),
    container("postgres", "data-net", mounts=[{"type": "volume", "source": "postgres-data", "target": "/data"}]),
]

# The rule, the resource, and what of it is changed.
BREAKS: list[tuple[str, str, dict[str, Any]]] = [
    ("images by digest", "order-service-image", {"name": "ghcr.io/x/order-service:latest"}),
    ("servers by digest", "postgres-image", {"name": "postgres:16-bookworm"}),
    ("servers by digest", "node-image", {"name": "node:22-alpine"}),
    ("limits", "order-service", {"memory": 0}),
    ("limits", "order-service", {"cpus": "0"}),
    ("limits", "order-service", {"memorySwap": -1}),
    ("log rotation", "order-service", {"logOpts": {"max-size": "10m"}}),
    ("log rotation", "order-service", {"logOpts": None}),
    ("health check", "order-service", {"healthcheck": None}),
    ("health check", "order-service", {"healthcheck": {"tests": ["NONE"]}}),
    ("data on internal networks", "postgres", {"networksAdvanced": [{"name": "data-net"}, {"name": "frontend-net"}]}),
    ("data on internal networks", "postgres", {"networksAdvanced": None}),
    (
        "data on internal networks",
        "order-service",
        {"networksAdvanced": [{"name": "data-net"}, {"name": "frontend-net"}]},
    ),
    ("published ports", "order-service", {"ports": [{"internal": 3000, "external": 3000}]}),
    ("isolation", "order-service", {"privileged": True}),
    ("isolation", "order-service", {"networkMode": "host"}),
    ("isolation", "order-service", {"securityOpts": ["no-new-privileges:true", "seccomp=unconfined"]}),
    (
        "no Docker socket",
        "order-service",
        {"mounts": [{"type": "bind", "source": "/var/run/docker.sock", "target": "/x"}]},
    ),
    ("no Docker socket", "order-service", {"volumes": [{"hostPath": "/run/docker.sock", "containerPath": "/x"}]}),
    ("read-only root", "order-service", {"readOnly": False}),
    ("no capabilities", "order-service", {"capabilities": {"drops": ["ALL"], "adds": ["SYS_ADMIN"]}}),
    ("no capabilities", "order-service", {"capabilities": None}),
    ("no privileges", "order-service", {"user": "0:0"}),
    ("no privileges", "order-service", {"user": ""}),
    ("no privileges", "order-service", {"securityOpts": []}),
    ("one-shot containers", "order-service-migrate", {"create": ONE_SHOT.replace("--cap-drop ALL ", "")}),
    ("one-shot containers", "order-service-migrate", {"create": ONE_SHOT + " --privileged"}),
    ("secrets are secret", "order-service", {"envs": [f"JWT_SECRET={SECRET}"]}),
    ("secrets are secret", "order-service-migrate", {"create": f"{ONE_SHOT} --password {SECRET}"}),
    ("secrets are secret", "order-service-migrate", {"stdin": f"export JWT_SECRET={SECRET}"}),
    ("secrets are secret", "order-service-migrate", {"stdin": pack({"JWT_SECRET": SECRET})}),
]


def plan(*resources: Resource, environment: str = "production") -> Plan:
    return Plan(environment, {one.urn: one for one in resources}, frozenset({SECRET}))


def broken(*resources: Resource, environment: str = "production") -> set[str]:
    return {breach.rule.name for breach in judge(plan(*resources, environment=environment))}


def test_a_sound_plan_breaks_no_rule() -> None:
    assert broken(*SOUND) == set()


@pytest.mark.parametrize(("rule", "name", "change"), BREAKS)
def test_a_breach_is_named(rule: str, name: str, change: dict[str, Any]) -> None:
    changed = [
        replace(one, inputs={**one.inputs, **change}, clear={**one.clear, **change}) if one.name == name else one
        for one in SOUND
    ]
    assert broken(*changed) == {rule}
    (breach,) = judge(plan(*changed))
    assert name in str(breach)


@pytest.mark.parametrize("kept", [{"protected": False}, {"retained": False}])
def test_a_volume_outlives_its_stack(kept: dict[str, bool]) -> None:
    changed = [replace(one, **kept) if one.kind == VOLUME else one for one in SOUND]
    assert broken(*changed) == {"kept volumes"}
    assert broken(*changed, environment="development") == ({"kept volumes"} if "retained" in kept else set())


def test_an_image_is_built_on_a_host_of_development_alone() -> None:
    built = resource(BUILT_IMAGE, "auth-service-image", build={"context": "."})
    assert broken(*SOUND, built) == {"images by digest"}
    assert broken(*SOUND, built, environment="development") == set()


def test_a_tag_of_a_server_is_a_warning() -> None:
    assert [rule.name for rule in RULES if rule.warning] == ["servers by digest"]


def test_every_rule_is_tested() -> None:
    assert {rule.name for rule in RULES} == {rule for rule, _, _ in BREAKS} | {"kept volumes"}

"""A mistake in a stack file is said before anything is touched, at the place where it is."""

from typing import Any

import pytest
import yaml

from config.load import ROOT, ConfigurationError, build, merge
from config.types import go_duration
from tests.unit.program import HOST, stack_file


def problems(**sections: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        build("test", {"host": HOST, **sections})
    return str(caught.value)


def test_defaults_are_the_production_values() -> None:
    platform = build("test", {"host": HOST})
    assert platform.postgres.max_connections == 200
    assert platform.redis.max_memory == 256
    assert [service.port for service in platform.services] == [4000, 3002, 3002, 3000, 3001, 3000, 80, 3001]
    assert platform.protect_data


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"services": {"order-service": {"port": 70000}}}, "services.order-service.port: .*65535.*70000"),
        ({"services": {"order-service": {"prt": 3000}}}, "services.order-service.prt: Extra inputs"),
        ({"services": {"order-service": {"limits": {"memory": "512 mib"}}}}, "memory: '512 mib'.*512MB or 2GB"),
        ({"services": {"order-service": {"limits": {"reservedMemory": "1GB"}}}}, "1024 MB reserved, .* 512 MB"),
        ({"services": {"order-service": {"grace": "half a minute"}}}, "grace: 'half a minute'.*30s"),
        ({"services": {"order-service": {"networks": ["backend"]}}}, "uses database but is not on the data network"),
        ({"services": {"auth-service": {"database": "order"}}}, "database: order belongs to auth-service already"),
        ({"services": {"order-service": {"nats": {"consumes": ["NOPE"]}}}}, "no service owns the stream NOPE"),
        ({"services": {"frontend": {"routes": [{"path": "/api/"}]}}}, "routes: /api/ leads to api-gateway"),
        ({"services": {"ninth": {"port": 3003}}}, "services.ninth: give `image`"),
        ({"services": {"auth-service": {"secrets": {"KEY": {}}}}}, "secrets.KEY: give either `generated`"),
        ({"networks": {"data": {"subnet": "172.20.0.128/25", "internal": True}}}, "overlaps data 172.20.0.128/25"),
        ({"networks": {"data": {"subnet": "8.8.8.0/24", "internal": True}}}, "8.8.8.0/24 is not a private network"),
        ({"images": {"redis": "Redis:7"}}, "images.redis: String should match"),
        ({"host": {"address": "a"}}, "host.hostKey: Field required"),
        ({"host": {"file": "nowhere.yaml"}}, "nowhere.yaml is missing: `make up`"),
    ],
)
def test_mistakes_are_named(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build("test", {"host": HOST, **sections})


def test_all_mistakes_in_one_report() -> None:
    report = problems(services={"order-service": {"port": 0}, "frontend": {"grace": "x"}}, logLevel="loud")
    assert "3 mistake(s)" in report
    assert all(where in report for where in ("services.order-service.port", "services.frontend.grace", "logLevel"))


def test_an_override_holds_only_what_differs() -> None:
    platform = build("test", {"host": HOST, "services": {"order-service": {"limits": {"memory": "1GB"}}}})
    order = next(service for service in platform.services if service.name == "order-service")
    assert order.limits.memory == 1024
    assert order.limits.cpus == 1
    assert order.database == "order"


def test_a_ninth_service_is_one_entry() -> None:
    entry = {"image": f"example.org/team/search@sha256:{'a' * 64}", "port": 8090, "networks": ["backend"]}
    assert build("test", {"host": HOST, "services": {"search": entry}}).services[-1].name == "search"


def test_merge_leaves_its_arguments_alone() -> None:
    base, change = {"a": {"b": 1}}, {"a": {"c": 2}, "d": [3]}
    assert merge(base, change) == {"a": {"b": 1, "c": 2}, "d": [3]}
    assert base == {"a": {"b": 1}}


def test_a_mirror_is_one_setting() -> None:
    images = build("test", {"host": HOST, "images": {"mirror": "registry.example.org/hub"}}).images
    assert images.reference("nats") == "registry.example.org/hub/nats:2.10-alpine"


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_checked_in_stacks_are_right(stack: str) -> None:
    build(stack, stack_file(stack))


def test_production_runs_digests_only() -> None:
    for service in build("prod", stack_file("prod")).services:
        assert service.image is not None
        assert "@sha256:" in service.image


def test_no_stack_file_holds_a_secret_in_clear() -> None:
    for path in ROOT.glob("Pulumi.*.yaml"):
        for key, value in yaml.safe_load(path.read_text())["config"].items():
            assert "secret" not in key.lower() or set(value) == {"secure"}, f"{path.name}: {key}"


@pytest.mark.parametrize(
    ("seconds", "text"), [(30, "30s"), (60, "1m0s"), (90, "1m30s"), (1.5, "1.5s"), (3600, "1h0m0s"), (0, "0s")]
)
def test_durations_as_docker_writes_them(seconds: float, text: str) -> None:
    from datetime import timedelta

    assert go_duration(timedelta(seconds=seconds)) == text

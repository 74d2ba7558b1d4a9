"""What is right is deployed with the production values; what is merged, generated and checked in holds."""

import json
from datetime import timedelta

import pytest
import yaml

from config.__main__ import docs
from config.load import ROOT, build, merge
from config.platform import Platform
from config.reference import markdown, schema
from config.types import go_duration
from tests.unit.program import HOST, stack_file


def platform(**sections: object) -> Platform:
    return build("test", {"host": HOST, "environment": "development", **sections}).platform


def test_defaults_are_the_production_values() -> None:
    test = platform()
    assert test.postgres.max_connections == 200
    assert test.redis.max_memory == 256
    assert [service.port for service in test.services.values()] == [4000, 3002, 3002, 3000, 3001, 3000, 80, 3001]
    assert test.protect_data


def test_an_override_holds_only_what_differs() -> None:
    order = platform(services={"order-service": {"limits": {"memory": "1GB"}}}).services["order-service"]
    assert order.limits.memory == 1024
    assert order.limits.cpus == 1
    assert order.database == "order"


def test_a_ninth_service_is_one_entry() -> None:
    entry = {"image": f"example.org/team/search@sha256:{'a' * 64}", "port": 8090, "networks": ["backend"]}
    assert platform(services={"search": entry}).services["search"].name == "search"


def test_merge_leaves_its_arguments_alone() -> None:
    base, change = {"a": {"b": 1}}, {"a": {"c": 2}, "d": [3]}
    assert merge(base, change) == {"a": {"b": 1, "c": 2}, "d": [3]}
    assert base == {"a": {"b": 1}}


def test_a_mirror_is_one_setting() -> None:
    images = platform(images={"mirror": "registry.example.org/hub"}).images
    assert images.reference("nats") == "registry.example.org/hub/nats:2.10-alpine"


def test_limits_beyond_the_host_are_a_warning_with_the_figures() -> None:
    (warning,) = build("test", {"host": {**HOST, "memory": "6GB"}, "environment": "development"}).warnings
    assert str(warning).startswith("host.memory: 6144 MB, and the limits add up to 7168 MB")


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_checked_in_stacks_are_right(stack: str) -> None:
    build(stack, stack_file(stack))


def test_no_stack_file_holds_a_secret_in_clear() -> None:
    for path in ROOT.glob("Pulumi.*.yaml"):
        for key, value in yaml.safe_load(path.read_text())["config"].items():
            assert "secret" not in key.lower() or set(value) == {"secure"}, f"{path.name}: {key}"


def test_schema_pages_and_pictures_are_current() -> None:
    assert json.loads((ROOT / "config" / "stack.schema.json").read_text()) == schema(), "python -m config schema"
    for path, text in docs().items():
        assert path.read_text() == text, f"{path.name}: python -m config docs"


def test_every_key_has_a_meaning() -> None:
    assert [line for line in markdown().splitlines() if line.endswith("|  |")] == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(30, "30s"), (60, "1m0s"), (90, "1m30s"), (1.5, "1.5s"), (3600, "1h0m0s"), (0, "0s")]
)
def test_durations_as_docker_writes_them(seconds: float, text: str) -> None:
    assert go_duration(timedelta(seconds=seconds)) == text

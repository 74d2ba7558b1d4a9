"""The way out of a service: who gets a proxy, and who is told of it."""

import hashlib
import json
from typing import Any

from components.egress import SCRIPT
from ops.impact import _unpack
from tests.unit.program import Recorder, run

CONTAINER = "a4co-test-payment-service"
PASSWORD = "generated-for-egress-payment-1"
FOUND_IMAGE = "docker:index/remoteImage:RemoteImage"


def text(value: Any) -> str:
    """What is told to a command, be it a secret or not."""
    return str(value["value"] if isinstance(value, dict) else value)


def files(recorder: Recorder, bundle: str) -> dict[str, str]:
    return _unpack(text(recorder.commands[bundle]["stdin"]))


def variables(recorder: Recorder, container: str) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in recorder.containers[container]["envs"])


def test_the_service_is_told_of_its_proxy_and_the_password_is_in_a_file(recorded: Recorder) -> None:
    secrets = files(recorded, "payment-service")
    assert secrets["HTTPS_PROXY"] == f"http://payment:{PASSWORD}@{CONTAINER}-egress-0a1b2c3:3128"
    assert secrets["https_proxy"] == secrets["HTTPS_PROXY"]
    told = variables(recorded, CONTAINER)
    assert told["NODE_USE_ENV_PROXY"] == "1"
    assert told["NO_PROXY"] == told["no_proxy"]
    assert {"localhost", "127.0.0.1", "order-service", "nats", "postgres"} <= set(told["NO_PROXY"].split(","))


def test_no_other_service_is_told_and_no_migration(recorded: Recorder) -> None:
    assert "HTTPS_PROXY" not in files(recorded, "order-service")
    assert "NO_PROXY" not in variables(recorded, "a4co-test-order-service")
    migration = recorded.commands["payment-service-migrate"]
    assert "proxy" not in (migration["create"] + text(migration["stdin"])).lower()


def test_what_the_proxy_reads(recorded: Recorder) -> None:
    read = files(recorded, "payment-service-egress")
    assert read["proxy.mjs"] == SCRIPT.read_text()
    config = json.loads(read["config.json"])
    assert config["allowed"] == ["api.stripe.com:443"]
    assert config["credentials"] == hashlib.sha256(f"payment:{PASSWORD}".encode()).hexdigest()
    assert {"172.20.0.0/24", "172.21.0.0/24", "172.22.0.0/24"} <= set(config["inner"])
    assert PASSWORD not in read["config.json"]


def test_no_route_leads_to_it_and_so_it_has_no_revision(recorded: Recorder) -> None:
    labels = {label["label"] for label in recorded.containers[f"{CONTAINER}-egress"]["labels"]}
    assert labels == {"a4co.stack", "a4co.component"}


def test_each_service_has_its_own_with_its_own_list() -> None:
    recorder = run(services={"order-service": {"egress": ["api.example.org", "b.example.org:8443"]}})
    order, payment = (
        json.loads(files(recorder, f"{name}-service-egress")["config.json"]) for name in ("order", "payment")
    )
    assert order["allowed"] == ["api.example.org:443", "b.example.org:8443"]
    assert payment["allowed"] == ["api.stripe.com:443"]
    assert order["credentials"] != payment["credentials"]


def test_the_image_is_found_only_if_something_runs_on_it(recorded: Recorder) -> None:
    assert recorded.of_type(FOUND_IMAGE)["node-image"]["name"] == "node:22-alpine"
    closed = run(services={"payment-service": {"egress": []}})
    assert "node-image" not in closed.of_type(FOUND_IMAGE)
    assert not [name for name in closed.containers if "egress" in name]
    assert "NO_PROXY" not in variables(closed, CONTAINER)


def test_the_service_does_not_start_before_its_proxy_is_healthy() -> None:
    entry = {"image": "example.org/search:1", "port": 8090, "networks": ["backend"], "egress": ["api.example.org"]}
    assert "stdin" in run(services={"search": entry}).commands["search"]
    assert "stdin" not in run(gates=False, services={"search": entry}).commands["search"], "it holds the proxy's name"

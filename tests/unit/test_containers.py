"""What holds for every container at once, and the values that the specification names."""

import pytest

from tests.unit.program import Recorder, run

SERVERS = ["postgres", "nats", "redis", "nginx"]
SERVICES = [
    "auth-service",
    "order-service",
    "payment-service",
    "inventory-service",
    "product-service",
    "api-gateway",
    "frontend",
    "dashboard-client",
]
PROXY = "payment-service-egress"
ALL = [f"a4co-test-{name}" for name in [*SERVERS, *SERVICES, PROXY]]


def test_every_part_is_one_container(recorded: Recorder) -> None:
    assert sorted(recorded.containers) == sorted(ALL)


@pytest.mark.parametrize("name", ALL)
def test_hardened_limited_and_watched(recorded: Recorder, name: str) -> None:
    container = recorded.containers[name]
    assert container["readOnly"] is True
    assert container["capabilities"] == {"drops": ["ALL"]}
    assert container["securityOpts"] == ["no-new-privileges:true"]
    assert not container.get("privileged")
    user, _, group = container["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert container["memory"] == container["memorySwap"] >= container["memoryReservation"] > 0
    assert float(container["cpus"]) > 0
    assert container["restart"] == "unless-stopped"
    assert container["logOpts"] == {"max-size": "10m", "max-file": "3"}
    assert container["healthcheck"]["tests"]
    assert all("size=" in options for options in container.get("tmpfs", {}).values())
    assert {label["label"] for label in container["labels"]} >= {"a4co.stack", "a4co.component"}


@pytest.mark.parametrize("name", ALL)
def test_no_form_that_the_provider_writes_back_differently(recorded: Recorder, name: str) -> None:
    container = recorded.containers[name]
    assert container["cpus"] == str(float(container["cpus"]))
    assert {container["healthcheck"][key] for key in ("interval", "timeout", "startPeriod", "startInterval")} == {
        "30s",
        "10s",
        "1m0s",
        "1s",
    }
    assert container["healthcheck"]["retries"] == 3
    assert "platform" not in container


@pytest.mark.parametrize("name", ALL)
def test_bounded_processes_and_a_grace_period_from_the_first_deploy(recorded: Recorder, name: str) -> None:
    ready = recorded.commands[f"{name}-ready"]["create"]
    processes = 50 if name.endswith(PROXY) else 200
    assert ready == f"bash /home/deploy/a4co/test/scripts/ready.sh {name}-id {processes} 120"
    assert recorded.containers[name]["destroyGraceSeconds"] >= 30


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_keeps_its_name(recorded: Recorder, name: str) -> None:
    assert recorded.containers[f"a4co-test-{name}"]["name"] == f"a4co-test-{name}"


@pytest.mark.parametrize("name", [*SERVICES, PROXY])
def test_a_service_gets_a_new_name_with_each_revision(recorded: Recorder, name: str) -> None:
    container = recorded.containers[f"a4co-test-{name}"]
    assert "name" not in container
    assert "ports" not in container
    assert container["user"] == "1001:1001"
    # No alias: Docker's DNS would lead to it before it is healthy. Nginx answers to the service's name.
    assert all("aliases" not in network for network in container["networksAdvanced"])


def test_only_nginx_publishes_ports(recorded: Recorder) -> None:
    published = {name: container["ports"] for name, container in recorded.containers.items() if container.get("ports")}
    assert list(published) == ["a4co-test-nginx"]
    assert [(port["ip"], port["external"]) for port in published["a4co-test-nginx"]] == [
        ("0.0.0.0", 80), ("::", 80), ("0.0.0.0", 443), ("::", 443),  # noqa: S104 - visitors come from anywhere
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "cpus", "memory", "reserved"),
    [
        ("postgres", "2.0", 2048, 512),
        ("nats", "1.0", 512, 128),
        ("redis", "0.5", 512, 128),
        ("nginx", "0.5", 128, 64),
        *[(name, "1.0", 512, 256) for name in SERVICES if name != "frontend"],
        ("frontend", "0.5", 256, 128),
        (PROXY, "0.5", 128, 48),
    ],
)
def test_limits(recorded: Recorder, name: str, cpus: str, memory: int, reserved: int) -> None:
    container = recorded.containers[f"a4co-test-{name}"]
    assert (container["cpus"], container["memory"], container["memoryReservation"]) == (cpus, memory, reserved)


@pytest.mark.parametrize(
    ("names", "networks"),
    [
        (["postgres", "redis"], {"data"}),
        (["nats", "auth-service", "order-service", "payment-service"], {"backend", "data"}),
        (["inventory-service", "product-service"], {"backend", "data"}),
        (["nginx", "api-gateway", PROXY], {"frontend", "backend"}),
        (["frontend", "dashboard-client"], {"frontend"}),
    ],
)
def test_places_on_the_networks(recorded: Recorder, names: list[str], networks: set[str]) -> None:
    for name in names:
        joined = {network["name"] for network in recorded.containers[f"a4co-test-{name}"]["networksAdvanced"]}
        assert joined == {f"a4co-test-{network}-net" for network in networks}


def test_networks(recorded: Recorder) -> None:
    networks = recorded.of_type("docker:index/network:Network")
    assert {name: (network["internal"], network["ipamConfigs"][0]["subnet"]) for name, network in networks.items()} == {
        "a4co-test-frontend-net": (False, "172.20.0.0/24"),
        "a4co-test-backend-net": (True, "172.21.0.0/24"),
        "a4co-test-data-net": (True, "172.22.0.0/24"),
    }


def test_nginx_has_a_fixed_inner_address_that_docker_gives_to_nobody_else(recorded: Recorder) -> None:
    inner = recorded.containers["a4co-test-nginx"]["networksAdvanced"][1]
    assert inner["ipv4Address"] == "172.21.0.10"
    backend = recorded.of_type("docker:index/network:Network")["a4co-test-backend-net"]
    assert backend["ipamConfigs"][0]["ipRange"] == "172.21.0.128/25"


def test_no_secret_in_a_container_or_a_command_line(recorded: Recorder) -> None:
    for name, container in recorded.containers.items():
        assert "generated-for" not in repr(container), name
    for name, command in recorded.commands.items():
        assert "generated-for" not in command["create"], name


def test_secrets_on_standard_input_are_marked_secret(recorded: Recorder) -> None:
    marked = {name for name, command in recorded.commands.items() if isinstance(command.get("stdin"), dict)}
    writes = {
        "nats-accounts",
        "redis-accounts",
        "postgres-superuser",
        "auth-service",
        "order-service-migrate",
        "order-service-database",
    }
    assert writes <= marked


def test_protected_data_is_a_setting() -> None:
    assert "protect" not in repr(run(protectData=False).of_type("docker:index/volume:Volume"))


def test_the_components(recorded: Recorder) -> None:
    components = {r.typ.removeprefix("a4co:index:") for r in recorded.resources if r.typ.startswith("a4co:")}
    assert components == {
        *("Host", "Images", "Networks", "Postgres", "Nats", "Redis", "Nginx", "Egress", "Release", "Certificate"),
        *("Accounts", "Bundle", "Credential", "Database", "Microservice", "Secrets"),
    }


def test_nobody_asks_a_server_before_it_is_healthy() -> None:
    """While no container is healthy, what is to be told to them stays unknown."""
    waiting = run(gates=False).commands
    for name in ("postgres-lock-superuser", "order-service-database", "release"):
        assert "create" not in waiting[name], name
    assert "stdin" not in waiting["order-service"], "its secrets hold addresses of servers"

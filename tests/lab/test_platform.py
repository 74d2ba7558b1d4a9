"""The platform as it stands on the host: limits, hardening, isolation, secrets."""

import json
from pathlib import Path
from typing import Any

import pytest

from config.platform import EGRESS_LIMITS, Platform
from tests.lab.conftest import PREFIX, ROOT, Lab, pulumi

MB = 1024 * 1024
SERVERS = ("postgres", "nats", "redis", "nginx")


@pytest.fixture(scope="module")
def containers(lab: Lab) -> dict[str, dict[str, Any]]:
    return lab.inspect()


def proxies(platform: Platform) -> list[str]:
    return [f"{name}-egress" for name, service in platform.services.items() if service.egress]


def test_all_are_healthy(containers: dict[str, dict[str, Any]], platform: Platform) -> None:
    assert sorted(containers) == sorted([*SERVERS, *platform.services, *proxies(platform)])
    assert {name: c["State"]["Health"]["Status"] for name, c in containers.items()} == dict.fromkeys(
        containers, "healthy"
    )


def test_limits_on_the_running_host(containers: dict[str, dict[str, Any]], platform: Platform) -> None:
    limits = {
        "postgres": platform.postgres.limits,
        "nats": platform.nats.limits,
        "redis": platform.redis.limits,
        "nginx": platform.edge.limits,
        **{name: service.limits for name, service in platform.services.items()},
        **dict.fromkeys(proxies(platform), EGRESS_LIMITS),
    }
    for name, container in containers.items():
        host, limit = container["HostConfig"], limits[name]
        assert host["Memory"] == host["MemorySwap"] == limit.memory * MB, name
        assert host["MemoryReservation"] == limit.reserved_memory * MB, name
        assert host["NanoCpus"] == limit.cpus * 1e9, name
        assert host["PidsLimit"] == limit.pids, name


def test_hardening_on_the_running_host(containers: dict[str, dict[str, Any]]) -> None:
    for name, container in containers.items():
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["CapAdd"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert not host["Privileged"], name
        assert container["Config"]["User"].split(":")[0] not in ("", "0", "root"), name
        assert host["LogConfig"] == {"Type": "local", "Config": {"max-file": "3", "max-size": "10m"}}, name
        assert host["RestartPolicy"]["Name"] == "unless-stopped", name
        assert not any("docker.sock" in mount["Source"] for mount in container["Mounts"]), name
        assert bool(host["PortBindings"]) == (name == "nginx"), name


def test_what_runs_inside_is_what_was_asked_for(lab: Lab) -> None:
    settings = lab.run(
        *("docker", "exec", f"{PREFIX}-postgres", "psql", "-XAtU", "postgres", "-c"),
        "select name || '=' || current_setting(name) from unnest(array['max_connections', 'shared_buffers',"
        "'effective_cache_size', 'work_mem', 'maintenance_work_mem']) name",
    ).split()
    assert settings == [
        *("max_connections=200", "shared_buffers=256MB", "effective_cache_size=1GB"),
        *("work_mem=6MB", "maintenance_work_mem=64MB"),
    ]
    databases = lab.run("docker", "exec", f"{PREFIX}-postgres", "psql", "-XAtU", "postgres", "-l").splitlines()
    owners = {line.split("|")[0]: line.split("|")[1] for line in databases if line.count("|") > 3}
    for database in ("auth", "order", "payment", "inventory", "product"):
        assert owners[database] == f"{database}_owner"
    variables = json.loads(
        lab.run("docker", "exec", f"{PREFIX}-nats", "wget", "-q", "-O", "-", "http://127.0.0.1:8222/varz")
    )
    assert variables["max_payload"] == 8 * MB
    assert variables["jetstream"]["config"]["store_dir"].startswith("/data")
    info = lab.run("docker", "exec", f"{PREFIX}-redis", "cat", "/etc/redis/redis.conf")
    assert "maxmemory 256mb\nmaxmemory-policy allkeys-lru\n" in info


def test_no_secret_is_readable_anywhere(lab: Lab) -> None:
    state = json.loads(pulumi("stack", "export", "--show-secrets").stdout)
    secrets = {
        resource["outputs"]["result"]["plaintext"].strip('"')
        for resource in state["deployment"]["resources"]
        if resource["type"] == "random:index/randomPassword:RandomPassword"
    }
    assert len(secrets) >= 15
    places = {
        "docker inspect": lab.run("docker", "inspect", *lab.containers()),
        "the process list": lab.as_root("ps", "-eo", "args"),
        "the program's outputs": pulumi("stack", "output", "--json").stdout,
        "a preview": pulumi("preview", "--diff", "--show-sames").stdout,
        "the state file": "".join(path.read_text() for path in Path(ROOT, ".lab/state").rglob("*.json")),
        "logs": lab.run("sh", "-c", 'for one; do docker logs "$one" 2>&1; done', "sh", *lab.containers()),
    }
    for place, text in places.items():
        assert len(text) > 2, place
        assert not [secret[:4] + "..." for secret in secrets if secret in text], place


def test_files_on_the_host_are_closed_to_other_users(lab: Lab) -> None:
    assert lab.run("stat", "-c", "%a %U", "/home/deploy/a4co/lab").split() == ["700", "deploy"]
    assert "Permission denied" in lab.as_root(
        "sh", "-c", "su -s /bin/sh nobody -c 'ls /home/deploy/a4co/lab' 2>&1 || true"
    )


def test_a_preview_shows_no_change(lab: Lab) -> None:
    pulumi("preview", "--expect-no-changes")
    pulumi("preview", "--expect-no-changes", "--refresh")


def test_a_second_up_replaces_nothing(lab: Lab, containers: dict[str, dict[str, Any]]) -> None:
    pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert {name: c["Id"] for name, c in lab.inspect().items()} == {name: c["Id"] for name, c in containers.items()}

"""docker resources on a real engine: what is made, what is read back, what fails and how."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from pulumi.runtime.proto import provider_pb2, status_pb2

from lab.plugins.docker.engine import DockerError
from lab.plugins.docker.engine import Engine as DockerClient
from lab.plugins.wire import decode
from tests.plugins.conftest import Host, Plugin

pytestmark = pytest.mark.lab
CONTAINER = "docker:index/container:Container"
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"

SLEEP = {"command": ["sleep", "300"], "init": True}
HEALTHY = {"tests": ["CMD", "true"], "interval": "500ms", "timeout": "5s", "retries": 2}
SICK = {"tests": ["CMD", "false"], "interval": "500ms", "timeout": "5s", "retries": 1}


class Maker:
    """Creates through the plug-in, and removes what is left when the test ends."""

    def __init__(self, plugin: Plugin, image: str) -> None:
        self._plugin = plugin
        self._image = image
        self._made: list[tuple[str, str, dict[str, Any]]] = []

    def container(self, **inputs: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """The id, the checked inputs and the state."""
        return self.make(CONTAINER, {"image": self._image, **SLEEP, **inputs})

    def make(self, type: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
        checked = self._plugin.inputs(type, inputs)
        id, state = self._plugin.create(type, checked)
        self._made.append((type, id, state))
        return id, checked, state

    def clean(self) -> None:
        for type, id, state in reversed(self._made):
            self._plugin.delete(type, id, state)


@pytest.fixture
def make(docker_plugin: Plugin, lab_host: Host) -> Iterator[Maker]:
    maker = Maker(docker_plugin, lab_host.image)
    yield maker
    maker.clean()


def inspected(docker_host: DockerClient, id: str) -> dict[str, Any]:
    return docker_host.call("GET", f"/containers/{id}/json")


def exists(docker_host: DockerClient, path: str) -> bool:
    try:
        docker_host.call("GET", path)
    except DockerError:
        return False
    return True


def failure(act: Callable[[], Any]) -> tuple[str, provider_pb2.ErrorResourceInitFailed | None]:
    """What the failing call says, and the half-made resource that comes with it."""
    with pytest.raises(grpc.RpcError) as caught:
        act()
    error: Any = caught.value
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            packed: any_pb2.Any = status_pb2.Status.FromString(value).details[0]
            detail = provider_pb2.ErrorResourceInitFailed()
            assert packed.Unpack(detail)
            return error.details(), detail
    return error.details(), None


def test_a_hardened_container_is_as_asked_for(make: Maker, docker_host: DockerClient, docker_plugin: Plugin) -> None:
    _, _, net = make.make(NETWORK, {"internal": True})
    _, _, volume = make.make(VOLUME, {"labels": [{"label": "a", "value": "b"}]})
    inputs: dict[str, Any] = {
        "envs": ["A=1"], "user": "1001:1001", "workingDir": "/tmp", "readOnly": True,  # noqa: S108
        "tmpfs": {"/tmp": "size=1m,mode=1777"}, "labels": [{"label": "a", "value": "b"}],  # noqa: S108
        "mounts": [{"type": "volume", "source": volume["name"], "target": "/data"},
                   {"type": "bind", "source": "/etc/hostname", "target": "/x", "readOnly": True},
                   {"type": "tmpfs", "target": "/run", "tmpfsOptions": {"sizeBytes": 65536}}],
        "networksAdvanced": [{"name": net["name"], "aliases": ["me"]}],
        "capabilities": {"adds": ["CAP_NET_BIND_SERVICE"], "drops": ["ALL"]}, "securityOpts": ["no-new-privileges"],
        "memory": 64, "memorySwap": 64, "memoryReservation": 32, "cpus": "0.5", "cpuShares": 512, "shmSize": 16,
        "restart": "unless-stopped", "logDriver": "json-file", "logOpts": {"max-size": "1m"},
        "healthcheck": HEALTHY, "wait": True, "stopSignal": "SIGINT", "stopTimeout": 7, "hostname": "me",
        "ulimits": [{"name": "nofile", "soft": 64, "hard": 128}], "sysctls": {"net.ipv4.ip_forward": "0"},
        "hosts": [{"host": "other", "ip": "10.9.8.7"}], "dns": ["10.9.8.7"], "groupAdds": ["7"],
    }  # fmt: skip
    id, checked, state = make.container(**inputs)
    found = inspected(docker_host, id)
    config, host = found["Config"], found["HostConfig"]
    assert "A=1" in config["Env"]
    assert (config["User"], config["WorkingDir"], config["Hostname"]) == ("1001:1001", "/tmp", "me")  # noqa: S108
    assert (config["StopSignal"], config["StopTimeout"], config["Labels"]["a"]) == ("SIGINT", 7, "b")
    assert config["Healthcheck"]["Interval"] == 500 * 10**6
    assert (host["ReadonlyRootfs"], host["Init"], host["Tmpfs"]) == (True, True, inputs["tmpfs"])
    assert (host["CapAdd"], host["CapDrop"]) == (["CAP_NET_BIND_SERVICE"], ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Memory"], host["MemorySwap"], host["MemoryReservation"]) == (64 << 20, 64 << 20, 32 << 20)
    assert (host["NanoCpus"], host["CpuShares"], host["ShmSize"]) == (5 * 10**8, 512, 16 << 20)
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m"}}
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 64, "Hard": 128}]
    assert (host["ExtraHosts"], host["Dns"], host["GroupAdd"]) == (["other:10.9.8.7"], ["10.9.8.7"], ["7"])
    assert [mount["Type"] for mount in host["Mounts"]] == ["volume", "bind", "tmpfs"]
    assert list(found["NetworkSettings"]["Networks"]) == [net["name"]]
    assert "me" in found["NetworkSettings"]["Networks"][net["name"]]["Aliases"]
    assert found["State"]["Health"]["Status"] == "healthy"
    assert state["networkDatas"][0]["networkName"] == net["name"]
    assert not docker_plugin.diff(CONTAINER, state, checked).diffs
    read = docker_plugin.read(CONTAINER, id, checked, state)
    assert not docker_plugin.diff(CONTAINER, decode(read.properties), checked).diffs


def test_a_plain_container_comes_to_rest_too(make: Maker, docker_plugin: Plugin) -> None:
    id, checked, state = make.container()
    assert not docker_plugin.diff(CONTAINER, state, checked).diffs
    read = docker_plugin.read(CONTAINER, id, checked, state)
    assert not docker_plugin.diff(CONTAINER, decode(read.properties), checked).diffs


def test_a_static_address_is_given(make: Maker, docker_host: DockerClient) -> None:
    _, _, net = make.make(NETWORK, {"ipamConfigs": [{"subnet": "172.31.251.0/24"}]})
    id, _, state = make.container(networksAdvanced=[{"name": net["name"], "ipv4Address": "172.31.251.9"}])
    assert state["networkDatas"][0]["ipAddress"] == "172.31.251.9"
    assert list(inspected(docker_host, id)["NetworkSettings"]["Networks"]) == [net["name"]]


def test_waiting_for_health_that_never_comes_keeps_the_container(make: Maker, docker_host: DockerClient) -> None:
    started = time.monotonic()
    said, half = failure(lambda: make.container(healthcheck=SICK, wait=True, waitTimeout=3))
    assert 3 <= time.monotonic() - started < 8, "the whole wait is spent, though it was unhealthy before"
    assert half is not None
    assert half.reasons == [said]
    assert said == (
        f"creating urn:pulumi:test::test::{CONTAINER}::it: 1 error occurred:\n"
        "\t* container failed to be in healthy state\n\n"
    )
    state = decode(half.properties)
    assert "entrypoints" not in state
    assert exists(docker_host, f"/containers/{half.id}/json")
    docker_host.call("DELETE", f"/containers/{half.id}", force=1)


def test_waiting_without_a_healthcheck_is_an_error(make: Maker, docker_host: DockerClient) -> None:
    said, half = failure(lambda: make.container(wait=True, healthcheck={"tests": ["NONE"]}))
    assert "you have supplied a 'wait' argument, but the container does not have a healthcheck defined" in said
    assert half is not None
    docker_host.call("DELETE", f"/containers/{half.id}", force=1)


def test_a_network_that_is_not_there_leaves_a_half_made_container(make: Maker, docker_host: DockerClient) -> None:
    said, half = failure(lambda: make.container(networksAdvanced=[{"name": "no-such-network"}]))
    # An older engine says so when the container is connected, a newer one when it is started.
    assert re.search(r"Unable to (connect to network|start container).*no-such-network.* not found", said)
    assert half is not None
    docker_host.call("DELETE", f"/containers/{half.id}", force=1)


def test_uploads_into_a_read_only_root_fail(make: Maker, docker_host: DockerClient) -> None:
    said, half = failure(lambda: make.container(readOnly=True, uploads=[{"file": "/x", "content": "y"}]))
    assert "rootfs is marked read-only" in said
    assert half is not None
    docker_host.call("DELETE", f"/containers/{half.id}", force=1)


def test_uploads_arrive(make: Maker, docker_host: DockerClient) -> None:
    id, _, _ = make.container(uploads=[{"file": "/tmp/x", "content": "y", "executable": True}])  # noqa: S108
    assert b"y" in docker_host.raw("GET", f"/containers/{id}/archive", path="/tmp/x")  # noqa: S108


def test_a_taken_name_makes_nothing(make: Maker) -> None:
    _, _, state = make.container()
    said, half = failure(lambda: make.container(name=state["name"]))
    assert said.startswith("1 error occurred:\n\t* Unable to create container: Error response from daemon: Conflict.")
    assert half is None


def test_an_image_that_nobody_has_makes_nothing(make: Maker) -> None:
    said, half = failure(lambda: make.container(image="127.0.0.1:9/no/such:1"))
    assert "Unable to create container with image 127.0.0.1:9/no/such:1: unable to pull image" in said
    assert half is None


@pytest.mark.parametrize(
    ("change", "read"),
    [({"memory": 96, "memorySwap": 96}, {"Memory": 96 << 20}), ({"cpuShares": 300}, {"CpuShares": 300}),
     ({"restart": "always"}, {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}),
     ({"memoryReservation": 16}, {"MemoryReservation": 16 << 20})],
)  # fmt: skip
def test_an_update_is_applied_in_place(
    make: Maker, docker_plugin: Plugin, docker_host: DockerClient, change: dict[str, Any], read: dict[str, Any]
) -> None:
    base = {"memory": 64, "memorySwap": 64}
    id, checked, state = make.container(**base)
    news = docker_plugin.inputs(CONTAINER, {**checked, **base, **change}, checked)
    updated = docker_plugin.update(CONTAINER, id, state, news)
    host = inspected(docker_host, id)["HostConfig"]
    assert {key: host[key] for key in read} == read
    assert not docker_plugin.diff(CONTAINER, updated, news).diffs


@pytest.mark.parametrize("change", [{"healthcheck": SICK}, {"tmpfs": {"/x": ""}}, {"init": False}, {"rm": True}])
def test_an_update_of_these_is_reported_and_changes_nothing(
    make: Maker, docker_plugin: Plugin, docker_host: DockerClient, change: dict[str, Any]
) -> None:
    id, checked, state = make.container(healthcheck=HEALTHY)
    before = inspected(docker_host, id)
    news = docker_plugin.inputs(CONTAINER, {**checked, **change}, checked)
    updated = docker_plugin.update(CONTAINER, id, state, news)
    after = inspected(docker_host, id)
    assert after["HostConfig"] == before["HostConfig"]
    assert after["Config"] == before["Config"]
    assert not docker_plugin.diff(CONTAINER, updated, news).diffs


def test_a_stopped_container_is_seen_by_a_refresh_and_started_by_the_update(
    make: Maker, docker_plugin: Plugin, docker_host: DockerClient
) -> None:
    id, checked, state = make.container()
    docker_host.call("POST", f"/containers/{id}/stop", t=0)
    read = docker_plugin.read(CONTAINER, id, checked, state)
    stopped = decode(read.properties)
    assert stopped["mustRun"] is False
    assert stopped["exitCode"] != 0
    news = docker_plugin.inputs(CONTAINER, {**checked, "mustRun": True}, decode(read.inputs))
    assert list(docker_plugin.diff(CONTAINER, stopped, news).diffs) == ["mustRun"]
    docker_plugin.update(CONTAINER, id, stopped, news)
    assert inspected(docker_host, id)["State"]["Running"]


def test_a_refresh_does_not_read_environment_and_labels(make: Maker, docker_plugin: Plugin) -> None:
    id, checked, state = make.container(envs=["A=1"], labels=[{"label": "a", "value": "b"}])
    doctored = {**state, "envs": ["A=2"], "labels": []}
    read = decode(docker_plugin.read(CONTAINER, id, checked, doctored).properties)
    assert read["envs"] == ["A=2"]
    assert read["labels"] == []


@pytest.mark.parametrize(("type", "path"), [(CONTAINER, "containers"), (NETWORK, "networks"), (VOLUME, "volumes")])
def test_what_was_removed_by_hand_is_gone_after_a_refresh(
    make: Maker, docker_plugin: Plugin, docker_host: DockerClient, type: str, path: str
) -> None:
    id, checked, state = make.container() if type == CONTAINER else make.make(type, {})
    docker_host.call("DELETE", f"/{path}/{id}", force=1)
    assert docker_plugin.read(type, id, checked, state).id == ""
    if type == VOLUME:
        make.make(VOLUME, {"name": state["name"]})


SLOW_TO_END = ["sh", "-c", "trap 'sleep 2; exit 0' TERM; while :; do sleep 0.1; done"]


@pytest.mark.parametrize(("grace_s", "at_least_s", "below_s"), [(None, 0, 1.8), (10, 1.9, 8)])
def test_delete_kills_at_once_unless_given_time(
    docker_plugin: Plugin, lab_host: Host, grace_s: int | None, at_least_s: float, below_s: float
) -> None:
    inputs: dict[str, Any] = {
        "image": lab_host.image,
        "command": SLOW_TO_END,
        "stopSignal": "SIGTERM",
        "stopTimeout": 30,
    }
    if grace_s:
        inputs["destroyGraceSeconds"] = grace_s
    id, state = docker_plugin.create(CONTAINER, docker_plugin.inputs(CONTAINER, inputs))
    time.sleep(0.5)
    started = time.monotonic()
    docker_plugin.delete(CONTAINER, id, state)
    assert at_least_s <= time.monotonic() - started < below_s


def test_deleting_what_is_gone_is_fine(make: Maker, docker_plugin: Plugin, docker_host: DockerClient) -> None:
    id, _, state = make.container()
    docker_host.call("DELETE", f"/containers/{id}", force=1)
    docker_plugin.delete(CONTAINER, id, state)


def test_an_existing_volume_is_taken_over(make: Maker, docker_host: DockerClient) -> None:
    _, _, first = make.make(VOLUME, {})
    before = docker_host.call("GET", f"/volumes/{first['name']}")
    make.make(VOLUME, {"name": first["name"], "labels": [{"label": "new", "value": "x"}]})
    assert docker_host.call("GET", f"/volumes/{first['name']}") == before
    docker_host.call("POST", "/volumes/create", {"Name": first["name"]})


def test_a_network_is_made_as_asked_for_and_comes_to_rest(
    make: Maker, docker_host: DockerClient, docker_plugin: Plugin
) -> None:
    id, checked, state = make.make(
        NETWORK,
        {
            "internal": True,
            "driver": "bridge",
            "ipamConfigs": [{"subnet": "172.31.252.0/24", "gateway": "172.31.252.1"}],
        },
    )
    found = docker_host.call("GET", f"/networks/{id}")
    assert found["Internal"] is True
    assert found["IPAM"]["Config"] == [{"Subnet": "172.31.252.0/24", "Gateway": "172.31.252.1"}]
    assert not docker_plugin.diff(NETWORK, state, checked).diffs


def test_a_tag_names_the_image_and_outlives_its_resource(
    docker_plugin: Plugin, docker_host: DockerClient, lab_host: Host
) -> None:
    type, name = "docker:index/tag:Tag", "plugins-test/tagged:1"
    inputs = docker_plugin.inputs(type, {"sourceImage": lab_host.image, "targetImage": name})
    id, state = docker_plugin.create(type, inputs)
    assert id == f"{lab_host.image}.{name}"
    docker_plugin.delete(type, id, state)
    assert docker_host.call("GET", f"/images/{name}/json")["Id"] == state["sourceImageId"]
    docker_host.call("DELETE", f"/images/{name}")


def test_an_image_on_the_host_is_found_without_a_registry(docker_plugin: Plugin, lab_host: Host) -> None:
    type = "docker:index/remoteImage:RemoteImage"
    inputs = docker_plugin.inputs(type, {"name": lab_host.image, "keepLocally": True})
    id, state = docker_plugin.create(type, inputs)
    assert state["imageId"].startswith("sha256:")
    assert id == state["imageId"] + lab_host.image
    docker_plugin.delete(type, id, state)
    assert docker_plugin.read(type, id, inputs, state).id == id


def test_a_host_key_that_is_not_the_pinned_one_is_refused(plugin: Callable[[str], Plugin], lab_host: Host) -> None:
    stranger = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    other = Host(**{**vars(lab_host), "host_key": stranger})
    started = plugin("docker")
    started.configure(other.docker)
    said, _ = failure(lambda: started.create(VOLUME, started.inputs(VOLUME, {})))
    assert "Host key verification failed" in said

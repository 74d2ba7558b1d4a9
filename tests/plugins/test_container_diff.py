"""Which changes of docker.Container replace it, which update it, and which are none."""

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from lab.plugins.docker.container_state import read_back
from lab.plugins.wire import UNKNOWN
from tests.plugins.conftest import Plugin

TYPE = "docker:index/container:Container"
Kind = provider_pb2.PropertyDiff.Kind
BASE = {"name": "one", "image": "img:1"}

REPLACED = {
    "image": "img:2", "command": ["a"], "entrypoints": ["b"], "envs": ["A=1"], "user": "1:1", "workingDir": "/w",
    "hostname": "h", "domainname": "d", "labels": [{"label": "a", "value": "b"}], "tty": True, "stdinOpen": True,
    "stopSignal": "SIGINT", "stopTimeout": 3, "readOnly": True, "privileged": True, "capabilities": {"drops": ["ALL"]},
    "securityOpts": ["no-new-privileges"], "groupAdds": ["7"], "runtime": "runc", "platform": "linux/amd64",
    "pidMode": "host", "ipcMode": "host", "usernsMode": "host", "cgroupnsMode": "host", "cgroupParent": "/x",
    "sysctls": {"a": "1"}, "storageOpts": {"size": "1G"}, "ulimits": [{"name": "nofile", "soft": 1, "hard": 2}],
    "shmSize": 32, "cpus": "1.0", "logDriver": "json-file", "logOpts": {"max-size": "1m"},
    "mounts": [{"type": "bind", "source": "/a", "target": "/b"}],
    "volumes": [{"volumeName": "v", "containerPath": "/v"}],
    "uploads": [{"file": "/f", "content": "c"}], "devices": [{"hostPath": "/dev/null"}], "networkMode": "none",
    "networksAdvanced": [{"name": "n"}], "ports": [{"internal": 80}], "publishAllPorts": True,
    "hosts": [{"host": "a", "ip": "1.2.3.4"}], "dns": ["1.1.1.1"], "dnsOpts": ["ndots:1"], "dnsSearches": ["x"],
}  # fmt: skip
UPDATED = {
    "attach": True, "logs": True, "start": False, "mustRun": False, "wait": True, "waitTimeout": 5, "rm": True,
    "removeVolumes": False, "restart": "always", "maxRetryCount": 2, "destroyGraceSeconds": 9, "memory": 64,
    "memoryReservation": 32, "memorySwap": 64, "cpuShares": 512, "cpuSet": "0-1", "cpuPeriod": 100000,
    "cpuQuota": 50000, "healthcheck": {"tests": ["CMD", "true"]}, "tmpfs": {"/x": "size=1m"}, "init": True,
    "containerReadRefreshTimeoutMilliseconds": 1, "deviceReadBps": [{"path": "/dev/sda", "rate": 1}],
}  # fmt: skip


def checked(offline: Plugin, **inputs: Any) -> dict[str, Any]:
    return offline.inputs(TYPE, BASE | inputs)


def state_of(inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a successful create leaves, as far as these tests look: lists that were read are there, even if empty."""
    plain = {key: value for key, value in inputs.items() if key != "__defaults"}
    return {"command": [], "entrypoints": [], **plain, **more}


def changes(offline: Plugin, state: dict[str, Any], **inputs: Any) -> tuple[list[str], list[str]]:
    """The properties that change, and those of them that replace."""
    response = offline.diff(TYPE, state, checked(offline, **inputs))
    assert (response.changes == provider_pb2.DiffResponse.DIFF_SOME) == bool(response.diffs)
    return list(response.diffs), list(response.replaces)


@pytest.mark.parametrize("key", REPLACED)
def test_replaces(offline: Plugin, key: str) -> None:
    assert changes(offline, state_of(checked(offline)), **{key: REPLACED[key]}) == ([key], [key])


@pytest.mark.parametrize("key", UPDATED)
def test_updates_without_replacing(offline: Plugin, key: str) -> None:
    assert changes(offline, state_of(checked(offline)), **{key: UPDATED[key]}) == ([key], [])


@pytest.mark.parametrize("key", [*REPLACED, *UPDATED])
def test_the_same_inputs_are_no_change(offline: Plugin, key: str) -> None:
    said = {key: (REPLACED | UPDATED)[key]}
    assert changes(offline, state_of(checked(offline, **said)), **said) == ([], [])


@pytest.mark.parametrize(
    "key", ["command", "entrypoints", "envs", "hostname", "labels", "init", "ipcMode", "logDriver", "runtime",
            "securityOpts", "shmSize", "stopSignal", "stopTimeout", "healthcheck", "platform"]
)  # fmt: skip
def test_what_the_image_or_the_engine_decides_is_kept_when_the_program_is_silent(offline: Plugin, key: str) -> None:
    said = {key: (REPLACED | UPDATED)[key]}
    assert changes(offline, state_of(checked(offline, **said))) == ([], [])


def test_is_deleted_before_it_is_replaced(offline: Plugin) -> None:
    response = offline.diff(TYPE, state_of(checked(offline)), checked(offline, image="img:2"))
    assert response.deleteBeforeReplace


def test_an_update_deletes_nothing(offline: Plugin) -> None:
    response = offline.diff(TYPE, state_of(checked(offline)), checked(offline, memory=5))
    assert not response.deleteBeforeReplace


@pytest.mark.parametrize("key", ["envs", "securityOpts", "dns", "groupAdds"])
def test_order_in_a_set_is_nothing(offline: Plugin, key: str) -> None:
    state = state_of(checked(offline, **{key: ["a=1", "b=2"]}))
    assert changes(offline, state, **{key: ["b=2", "a=1"]}) == ([], [])


def test_order_in_a_list_counts(offline: Plugin) -> None:
    response = offline.diff(TYPE, state_of(checked(offline, command=["a", "b"])), checked(offline, command=["b", "a"]))
    assert response.replaces == ["command"]


def test_order_of_networks_and_their_aliases_is_nothing(offline: Plugin) -> None:
    one, two = {"name": "n", "aliases": ["a", "b"]}, {"name": "m"}
    state = state_of(checked(offline, networksAdvanced=[one, two]))
    assert changes(offline, state, networksAdvanced=[two, {"name": "n", "aliases": ["b", "a"]}]) == ([], [])


def test_the_detail_names_the_element(offline: Plugin) -> None:
    state = state_of(checked(offline, envs=["A=1", "B=1"], command=["run", "-v"]))
    response = offline.diff(TYPE, state, checked(offline, envs=["A=1", "B=2"], command=["run", "-v", "-x"]))
    assert {path: change.kind for path, change in response.detailedDiff.items()} == {
        "envs[1]": Kind.UPDATE_REPLACE,
        "command[2]": Kind.ADD_REPLACE,
    }


def test_an_unknown_input_replaces_where_a_change_would(offline: Plugin) -> None:
    state = state_of(checked(offline, envs=["A=1"]))
    assert changes(offline, state, image=UNKNOWN, memory=UNKNOWN, envs=["A=1"])[1] == ["image"]


def test_ignored_changes_are_none(offline: Plugin) -> None:
    state = state_of(checked(offline))
    response = offline.diff(TYPE, state, checked(offline, envs=["A=1"]), ignoreChanges=["envs"])
    assert response.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_after_a_failed_create_the_unread_entrypoint_replaces(offline: Plugin) -> None:
    inputs = checked(offline, command=["a"])
    half_made = {key: value for key, value in inputs.items() if key != "__defaults"}
    assert changes(offline, half_made, command=["a"]) == (["entrypoints"], ["entrypoints"])


def test_after_a_failed_create_an_explicit_entrypoint_hides_the_failure(offline: Plugin) -> None:
    said = {"command": ["a"], "entrypoints": ["b"]}
    half_made = {key: value for key, value in checked(offline, **said).items() if key != "__defaults"}
    assert changes(offline, half_made, **said) == ([], [])


def test_a_container_that_was_found_stopped_is_started(offline: Plugin) -> None:
    assert changes(offline, state_of(checked(offline), mustRun=False)) == (["mustRun"], [])


INSPECTED = {
    "Name": "/one",
    "Image": "sha256:1",
    "Platform": "linux",
    "State": {"Running": True},
    "Config": {"Image": "img:1", "Hostname": "h", "Domainname": "", "User": "", "WorkingDir": "", "Tty": False,
               "OpenStdin": False},
    "HostConfig": {"AutoRemove": False, "ReadonlyRootfs": False, "Privileged": False, "PublishAllPorts": False,
                   "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "Runtime": "runc", "Memory": 0,
                   "MemoryReservation": 0, "MemorySwap": 0, "ShmSize": 67108864, "CpuShares": 0, "CpusetCpus": "",
                   "LogConfig": {"Type": "json-file"}, "NetworkMode": "bridge", "UsernsMode": "", "IpcMode": "private",
                   "NanoCpus": 0},
    "NetworkSettings": {"Bridge": "", "Networks": {}},
}  # fmt: skip


def found(inputs: dict[str, Any], **changed: Any) -> dict[str, Any]:
    state = {key: value for key, value in inputs.items() if key != "__defaults"}
    config = INSPECTED["Config"] | changed.pop("Config", {})
    return state | read_back(INSPECTED | {"Config": config, "HostConfig": INSPECTED["HostConfig"] | changed}, state)


def test_what_was_read_back_unchanged_is_no_change(offline: Plugin) -> None:
    assert changes(offline, found(checked(offline))) == ([], [])


@pytest.mark.parametrize(
    ("written", "read", "replaces"),
    [
        ({"cpus": "1"}, {"NanoCpus": 10**9}, ["cpus"]),
        ({"cpus": "1.50"}, {"NanoCpus": 15 * 10**8}, ["cpus"]),
        ({"memory": 64}, {"Memory": 64 << 20, "MemorySwap": 128 << 20}, []),
        ({"platform": "linux/amd64"}, {}, ["platform"]),
        ({"capabilities": {"adds": ["NET_RAW"]}}, {"CapAdd": ["CAP_NET_RAW"]}, ["capabilities"]),
        ({"healthcheck": {"interval": "60s"}}, {"Config": {"Healthcheck": {"Interval": 60 * 10**9}}}, []),
        ({"workingDir": "/tmp/"}, {"Config": {"WorkingDir": "/tmp"}}, ["workingDir"]),  # noqa: S108
    ],
)
def test_a_spelling_that_the_engine_does_not_give_back_never_comes_to_rest(
    offline: Plugin, written: dict[str, Any], read: dict[str, Any], replaces: list[str]
) -> None:
    diffs, replaced = changes(offline, found(checked(offline, **written), **read), **written)
    assert diffs
    assert replaced == replaces


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"cpus": "1.0"}, {"NanoCpus": 10**9}),
        ({"cpus": "1.5"}, {"NanoCpus": 15 * 10**8}),
        ({"cpus": "0.25"}, {"NanoCpus": 25 * 10**7}),
        ({"memory": 64, "memorySwap": 64}, {"Memory": 64 << 20, "MemorySwap": 64 << 20}),
        ({"capabilities": {"adds": ["CAP_NET_RAW"]}}, {"CapAdd": ["CAP_NET_RAW"]}),
        ({"capabilities": {"drops": ["ALL"]}}, {"CapDrop": ["ALL"]}),
        (
            {"healthcheck": {"tests": ["CMD", "true"], "interval": "1m0s", "timeout": "1.5s",
                             "startInterval": "500ms"}},
            {"Config": {"Healthcheck": {"Test": ["CMD", "true"], "Interval": 60 * 10**9, "Timeout": 1500 * 10**6,
                                        "StartInterval": 500 * 10**6}}},
        ),
        ({"tmpfs": {"/tmp": "size=1m"}}, {"Tmpfs": {"/tmp": "size=1m"}}),  # noqa: S108
    ],
)  # fmt: skip
def test_the_engines_own_spelling_comes_to_rest(offline: Plugin, written: dict[str, Any], read: dict[str, Any]) -> None:
    assert changes(offline, found(checked(offline, **written), **read), **written) == ([], [])


def test_a_host_port_that_the_engine_chose_is_no_change(offline: Plugin) -> None:
    state = state_of(checked(offline, ports=[{"internal": 80}]))
    state["ports"] = [{"internal": 80, "external": 32768, "ip": "0.0.0.0", "protocol": "tcp"}]  # noqa: S104
    assert changes(offline, state, ports=[{"internal": 80}]) == ([], [])
    assert changes(offline, state, ports=[{"internal": 80, "external": 81}]) == (["ports"], ["ports"])

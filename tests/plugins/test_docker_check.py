"""What docker's Check makes of inputs, what a preview foretells, and that neither touches the host."""

import time
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from lab.plugins.docker import durations
from lab.plugins.wire import UNKNOWN, decode
from tests.plugins.conftest import Plugin, urn

CONTAINER = "docker:index/container:Container"
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"
IMAGE = "docker:index/remoteImage:RemoteImage"


def test_a_name_is_made_of_the_logical_name_and_seven_digits(offline: Plugin) -> None:
    first = offline.inputs(CONTAINER, {"image": "i"})
    prefix, _, suffix = first["name"].rpartition("-")
    assert prefix == "it"
    assert len(suffix) == 7
    assert int(suffix, 16) >= 0
    assert "name" in first["__defaults"]


def test_a_name_once_made_is_kept(offline: Plugin) -> None:
    first = offline.inputs(CONTAINER, {"image": "i"})
    assert offline.inputs(CONTAINER, {"image": "j"}, first)["name"] == first["name"]


def test_a_name_that_the_program_gave_is_not_kept_when_it_stops_giving_it(offline: Plugin) -> None:
    first = offline.inputs(CONTAINER, {"image": "i", "name": "given"})
    assert offline.inputs(CONTAINER, {"image": "i"}, first)["name"] != "given"


def test_the_seed_decides_the_name(offline: Plugin) -> None:
    names = {decode(offline.check(VOLUME, {}, randomSeed=b"seed").inputs)["name"] for _ in range(2)}
    assert len(names) == 1


def test_a_name_that_the_engine_proposes_is_taken(offline: Plugin) -> None:
    options = provider_pb2.CheckRequest.AutonamingOptions(proposed_name="proposed")
    assert decode(offline.check(NETWORK, {}, autonaming=options).inputs)["name"] == "proposed"


def test_defaults_are_filled_in_and_remembered_as_such(offline: Plugin) -> None:
    inputs = offline.inputs(CONTAINER, {"image": "i", "name": "n", "ports": [{"internal": 80}], "healthcheck": {}})
    assert inputs["restart"] == "no"
    assert inputs["networkMode"] == "bridge"
    assert inputs["waitTimeout"] == 60
    assert "restart" in inputs["__defaults"]
    assert inputs["ports"][0] | {"__defaults": []} == {
        "internal": 80, "ip": "0.0.0.0", "protocol": "tcp", "__defaults": [],  # noqa: S104
    }  # fmt: skip
    assert inputs["healthcheck"]["interval"] == "0s"


def test_a_default_that_a_refresh_read_back_does_not_stick(offline: Plugin) -> None:
    first = offline.inputs(CONTAINER, {"image": "i", "name": "n"})
    assert offline.inputs(CONTAINER, {"image": "i", "name": "n", "mustRun": False}, first)["mustRun"] is False


@pytest.mark.parametrize(
    ("inputs", "where"),
    [
        ({}, "image"),
        ({"image": "i", "restart": "sometimes"}, "restart"),
        ({"image": "i", "memory": -1}, "memory"),
        ({"image": "i", "cpuSet": "a"}, "cpuSet"),
        ({"image": "i", "healthcheck": {"interval": "soon"}}, "healthcheck.interval"),
        ({"image": "i", "mounts": [{"type": "nfs", "target": "/a"}]}, "mounts[0].type"),
        ({"image": "i", "mounts": [{"type": "bind"}]}, "mounts[0].target"),
        ({"image": "i", "volumes": [{"hostPath": "here", "containerPath": "/a"}]}, "volumes[0].hostPath"),
        ({"image": "i", "gpus": "all"}, "gpus"),
    ],
)
def test_a_wrong_input_is_named(offline: Plugin, inputs: dict[str, Any], where: str) -> None:
    assert [failure.property for failure in offline.check(CONTAINER, inputs).failures] == [where]


def test_unknowns_pass(offline: Plugin) -> None:
    inputs = offline.inputs(CONTAINER, {"image": UNKNOWN, "networksAdvanced": [{"name": UNKNOWN}], "memory": UNKNOWN})
    assert inputs["image"] == inputs["memory"] == UNKNOWN


def test_a_previewed_container_has_unknown_what_the_host_decides(offline: Plugin) -> None:
    inputs = offline.inputs(CONTAINER, {"image": "i", "command": ["run"]})
    _, state = offline.create(CONTAINER, inputs, preview=True)
    assert state["entrypoints"] == state["hostname"] == state["networkDatas"] == UNKNOWN
    assert state["command"] == ["run"]
    assert state["name"] == inputs["name"]
    assert "memory" not in state


def test_a_previewed_update_knows_what_was_known(offline: Plugin) -> None:
    inputs = offline.inputs(CONTAINER, {"image": "i", "name": "n"})
    state = {**inputs, "hostname": "h", "command": [], "entrypoints": []}
    news = offline.inputs(CONTAINER, {"image": "i", "name": "n", "memory": 5}, inputs)
    assert offline.update(CONTAINER, "id", state, news, preview=True)["hostname"] == "h"


@pytest.mark.parametrize(
    ("type", "inputs"),
    [(CONTAINER, {"image": "i"}), (NETWORK, {}), (VOLUME, {}), (IMAGE, {"name": "i"}),
     ("docker:index/tag:Tag", {"sourceImage": "a", "targetImage": "b"}),
     ("docker:index/registryImage:RegistryImage", {"name": "r.example/i:1", "keepRemotely": True})],
)  # fmt: skip
def test_a_preview_contacts_nobody(offline: Plugin, type: str, inputs: dict[str, Any]) -> None:
    started = time.monotonic()
    checked = offline.inputs(type, inputs)
    _, state = offline.create(type, checked, preview=True)
    offline.diff(type, state, checked)
    assert time.monotonic() - started < 1


def test_an_unreachable_host_is_told_with_the_command_and_what_ssh_said(offline: Plugin) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        offline.create(VOLUME, offline.inputs(VOLUME, {}))
    said = str(caught.value.details())  # type: ignore[attr-defined]
    assert "please make sure that ssh://nobody@127.0.0.1:1 is reachable" in said
    assert "error during connect: " in said
    assert "command [ssh -l nobody -p 1 -o ConnectTimeout=30 -T -- 127.0.0.1 docker system dial-stdio]" in said
    assert "Connection refused" in said


@pytest.mark.parametrize(
    ("type", "olds", "news"),
    [
        (NETWORK, {"name": "n", "internal": False}, {"name": "n", "internal": True}),
        (NETWORK, {"name": "n"}, {"name": "n", "labels": [{"label": "a", "value": "b"}]}),
        (NETWORK, {"name": "n", "ipamConfigs": [{"subnet": "10.0.0.0/24"}]},
         {"name": "n", "ipamConfigs": [{"subnet": "10.0.1.0/24"}]}),
        (VOLUME, {"name": "v", "driver": "local"}, {"name": "v", "labels": [{"label": "a", "value": "b"}]}),
        (VOLUME, {"name": "v"}, {"name": "v", "driverOpts": {"type": "tmpfs"}}),
        (IMAGE, {"name": "a"}, {"name": "b"}),
        (IMAGE, {"name": "a"}, {"name": "a", "pullTriggers": ["x"]}),
    ],
)  # fmt: skip
def test_networks_volumes_and_images_are_always_replaced(
    offline: Plugin, type: str, olds: dict[str, Any], news: dict[str, Any]
) -> None:
    response = offline.diff(type, offline.inputs(type, olds), offline.inputs(type, news))
    assert response.replaces


def test_a_network_with_a_name_of_its_own_is_deleted_first_and_an_auto_named_one_is_not(offline: Plugin) -> None:
    for given, first in (({"name": "n"}, True), ({}, False)):
        olds = offline.inputs(NETWORK, given)
        news = offline.inputs(NETWORK, {**given, "internal": True}, olds)
        assert offline.diff(NETWORK, olds, news).deleteBeforeReplace is first


def test_what_the_host_added_to_a_network_is_no_change(offline: Plugin) -> None:
    inputs = offline.inputs(NETWORK, {"name": "n"})
    state = {"name": "n", "driver": "bridge", "ipamDriver": "default", "options": {"a": "b"}, "internal": False,
             "ipamConfigs": [{"subnet": "172.17.0.0/16", "gateway": "172.17.0.1"}], "labels": []}  # fmt: skip
    assert not offline.diff(NETWORK, state, inputs).diffs


def test_a_gateway_that_the_host_chose_for_a_given_subnet_replaces_after_a_refresh(offline: Plugin) -> None:
    inputs = offline.inputs(NETWORK, {"name": "n", "ipamConfigs": [{"subnet": "10.0.0.0/24"}]})
    state = {"name": "n", "ipamDriver": "default", "ipamConfigs": [{"subnet": "10.0.0.0/24", "gateway": "10.0.0.1"}]}
    assert offline.diff(NETWORK, state, inputs).replaces == ["ipamConfigs"]


def test_keep_locally_is_updated_in_place(offline: Plugin) -> None:
    response = offline.diff(IMAGE, {"name": "a"}, offline.inputs(IMAGE, {"name": "a", "keepLocally": True}))
    assert list(response.diffs) == ["keepLocally"]
    assert not response.replaces


def test_a_resource_that_is_not_served_says_so(offline: Plugin) -> None:
    with pytest.raises(grpc.RpcError, match=r"docker:index/service:Service is not one that this stand-in serves"):
        offline.check("docker:index/service:Service", {})


def test_a_type_under_a_component_is_found(offline: Plugin) -> None:
    assert urn(VOLUME)
    assert offline.inputs(f"a4co:index:Postgres${VOLUME}", {"name": "v"})["name"] == "v"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("60s", "1m0s"), ("1500ms", "1.5s"), ("1m30s", "1m30s"), ("1h", "1h0m0s"), ("0", "0s"), ("250us", "250µs"),
     ("1.5h", "1h30m0s"), ("10ns", "10ns")],
)  # fmt: skip
def test_durations_have_one_spelling(text: str, canonical: str) -> None:
    assert durations.canonical(durations.parse(text)) == canonical


@pytest.mark.parametrize("text", ["", "5", "5 s", "s", "1x"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        durations.parse(text)

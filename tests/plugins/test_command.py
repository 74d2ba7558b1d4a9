"""command: defaults, secrecy, what runs when, and what a preview knows."""

from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from lab.plugins.wire import ARCHIVE, ASSET, SIGNATURE, UNKNOWN, Secret
from tests.plugins.conftest import Plugin

TYPE = "command:remote:Command"
COPY = "command:remote:CopyToRemote"
Kind = provider_pb2.PropertyDiff.Kind
NOWHERE = {"host": "127.0.0.1", "port": 1, "user": "nobody", "dialErrorLimit": 1, "privateKey": ""}


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "lab_host" not in request.fixturenames:
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def inputs(plugin: Plugin, **more: Any) -> dict[str, Any]:
    return plugin.inputs(TYPE, {"connection": {"host": "h"}, "create": "true", **more})


def test_the_connection_is_secret_and_has_defaults(command_plugin: Plugin) -> None:
    connection = inputs(command_plugin)["connection"]
    assert connection == Secret({"host": "h", "user": "root", "port": 22, "dialErrorLimit": 10, "perDialTimeout": 15})


def test_keys_and_passwords_are_secret_inside_it_too(command_plugin: Plugin) -> None:
    connection = inputs(command_plugin, connection={"host": "h", "privateKey": "k", "password": "p"})[
        "connection"
    ].value
    assert connection["privateKey"] == Secret("k")
    assert connection["password"] == Secret("p")


def test_a_connection_is_needed(command_plugin: Plugin) -> None:
    assert [failure.property for failure in command_plugin.check(TYPE, {"create": "x"}).failures] == ["connection"]


@pytest.mark.parametrize(
    "change",
    [{"create": "false"}, {"update": "x"}, {"delete": "x"}, {"stdin": "x"}, {"environment": {"A": "1"}},
     {"logging": "none"}, {"connection": {"host": "other"}}, {"addPreviousOutputInEnv": False}],
)  # fmt: skip
def test_any_change_updates_and_none_replaces(command_plugin: Plugin, change: dict[str, Any]) -> None:
    response = command_plugin.diff(TYPE, {}, inputs(command_plugin, **change), old_inputs=inputs(command_plugin))
    assert response.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert not response.replaces
    assert not response.deleteBeforeReplace


def test_triggers_that_come_or_go_replace(command_plugin: Plugin) -> None:
    with_triggers, without = inputs(command_plugin, triggers=["a"]), inputs(command_plugin)
    for old, new in ((with_triggers, without), (without, with_triggers)):
        assert command_plugin.diff(TYPE, {}, new, old_inputs=old).replaces == ["triggers"]


def test_a_change_inside_triggers_is_named_for_the_sdks_own_replacement(command_plugin: Plugin) -> None:
    old, new = inputs(command_plugin, triggers=["a"]), inputs(command_plugin, triggers=["b"])
    response = command_plugin.diff(TYPE, {}, new, old_inputs=old)
    assert {path: change.kind for path, change in response.detailedDiff.items()} == {"triggers[0]": Kind.UPDATE}


def test_the_same_inputs_are_no_change(command_plugin: Plugin) -> None:
    said = inputs(command_plugin, stdin=Secret("x"), triggers=["a"])
    assert not command_plugin.diff(TYPE, {}, said, old_inputs=said).diffs


def test_the_outputs_are_no_inputs_to_compare_with(command_plugin: Plugin) -> None:
    said = inputs(command_plugin)
    assert not command_plugin.diff(TYPE, {**said, "stdout": "x"}, said, old_inputs=said).diffs


def test_a_preview_runs_nothing_and_does_not_know_the_output(command_plugin: Plugin) -> None:
    said = inputs(command_plugin, connection=NOWHERE, stdin=Secret("x"))
    _, created = command_plugin.create(TYPE, said, preview=True)
    updated = command_plugin.update(TYPE, "id", {**said, "stdout": "old", "stderr": ""}, said, preview=True)
    for state in (created, updated):
        assert state["stdout"] == state["stderr"] == UNKNOWN
        assert state["stdin"] == Secret("x")


def test_without_a_command_nothing_runs(command_plugin: Plugin) -> None:
    said = command_plugin.inputs(TYPE, {"connection": NOWHERE})
    id, state = command_plugin.create(TYPE, said)
    assert (state["stdout"], state["stderr"]) == ("", "")
    command_plugin.delete(TYPE, id, state)


def test_the_id_is_the_name_and_eight_digits(command_plugin: Plugin) -> None:
    id, _ = command_plugin.create(TYPE, command_plugin.inputs(TYPE, {"connection": NOWHERE}))
    assert id.startswith("it")
    assert len(id) == len("it") + 8


def test_dialling_stops_at_the_limit(command_plugin: Plugin) -> None:
    connection = {"host": "127.0.0.1", "port": 1, "dialErrorLimit": 2}
    with pytest.raises(grpc.RpcError) as caught:
        command_plugin.create(TYPE, inputs(command_plugin, connection=connection))
    assert "after 2 failed attempts: " in caught.value.details()  # type: ignore[attr-defined]


def test_an_agent_that_is_not_there_is_an_error_at_once(command_plugin: Plugin) -> None:
    connection = {"host": "127.0.0.1", "port": 1, "agentSocketPath": "/nonexistent/agent"}
    with pytest.raises(grpc.RpcError, match="dial unix /nonexistent/agent: connect: no such file or directory"):
        command_plugin.create(TYPE, inputs(command_plugin, connection=connection))


def test_a_host_key_that_is_none_is_told(command_plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError, match="failed to parse host key"):
        command_plugin.create(TYPE, inputs(command_plugin, connection={"host": "127.0.0.1", "port": 1, "hostKey": "x"}))


def source(kind: str = ASSET, **more: Any) -> dict[str, Any]:
    return {SIGNATURE: kind, "hash": "1", "text": "t", **more}


def copy_inputs(plugin: Plugin, **more: Any) -> dict[str, Any]:
    return plugin.inputs(COPY, {"connection": NOWHERE, "source": source(), "remotePath": "/a", **more})


def test_a_copy_needs_a_source_and_a_path(command_plugin: Plugin) -> None:
    failures = command_plugin.check(COPY, {"connection": {"host": "h"}}).failures
    assert {failure.property for failure in failures} == {"source", "remotePath"}


def test_an_archive_passes_check(command_plugin: Plugin) -> None:
    assert copy_inputs(command_plugin, source=source(ARCHIVE, assets={}))["source"]["hash"] == "1"


def test_a_new_host_does_not_copy_again(command_plugin: Plugin) -> None:
    olds = copy_inputs(command_plugin)
    news = copy_inputs(command_plugin, connection={**NOWHERE, "port": 2})
    assert command_plugin.diff(COPY, {}, news, old_inputs=olds).diffs == ["connection"]
    assert command_plugin.update(COPY, "id", olds, news) == news


@pytest.mark.parametrize("change", [{"source": source(hash="2")}, {"remotePath": "/b"}])
def test_a_new_source_or_path_copies_again(command_plugin: Plugin, change: dict[str, Any]) -> None:
    connection = {"host": "127.0.0.1", "port": 1, "dialErrorLimit": 0}
    olds = copy_inputs(command_plugin, connection=connection)
    with pytest.raises(grpc.RpcError, match="after 0 failed attempts"):
        command_plugin.update(COPY, "id", olds, copy_inputs(command_plugin, connection=connection, **change))

"""command resources over real SSH."""

import time
from typing import Any

import grpc
import pytest

from lab.plugins.wire import ASSET, SIGNATURE, Secret
from tests.plugins.conftest import Host, Plugin

pytestmark = pytest.mark.lab
TYPE = "command:remote:Command"
COPY = "command:remote:CopyToRemote"


class Runner:
    """Commands on the lab host, through the plug-in."""

    def __init__(self, plugin: Plugin, host: Host) -> None:
        self.plugin = plugin
        self.connection = host.connection

    def inputs(self, **inputs: Any) -> dict[str, Any]:
        connection = self.connection | inputs.pop("connection", {})
        return self.plugin.inputs(TYPE, {"connection": connection, **inputs})

    def create(self, **inputs: Any) -> dict[str, Any]:
        return self.plugin.create(TYPE, self.inputs(**inputs))[1]

    def fails(self, **inputs: Any) -> str:
        with pytest.raises(grpc.RpcError) as caught:
            self.create(**inputs)
        return caught.value.details()  # type: ignore[attr-defined]


@pytest.fixture
def run(command_plugin: Plugin, lab_host: Host) -> Runner:
    return Runner(command_plugin, lab_host)


def test_output_is_split_and_loses_one_newline(run: Runner) -> None:
    state = run.create(create="echo out; echo; echo err >&2")
    assert (state["stdout"], state["stderr"]) == ("out\n", "err")


def test_stdin_arrives_and_stays_secret(run: Runner) -> None:
    state = run.create(create="cat", stdin=Secret("key\nvalue"))
    assert state["stdout"] == "key\nvalue"
    assert state["stdin"] == Secret("key\nvalue")


def test_without_stdin_it_is_at_its_end(run: Runner) -> None:
    assert run.create(create="cat")["stdout"] == ""


def test_a_command_need_not_read_its_input(run: Runner) -> None:
    for _ in range(5):
        assert run.create(create="true", stdin="x" * 100_000)["stdout"] == ""


def test_a_large_input_and_a_long_line_pass(run: Runner) -> None:
    assert run.create(create="wc -c", stdin="x" * 1_000_000)["stdout"].strip() == "1000000"
    assert len(run.create(create="head -c 300000 /dev/zero | tr '\\0' x")["stdout"]) == 300_000


def test_a_failure_tells_the_status_the_command_and_all_output(run: Runner) -> None:
    assert run.fails(create='echo "so"; echo far >&2; exit 7') == (
        'Process exited with status 7: running "echo \\"so\\"; echo far >&2; exit 7":\nso\nfar\n'
    )


def test_a_signal_is_told(run: Runner) -> None:
    assert "from signal KILL: running" in run.fails(create="kill -9 $$")


def test_update_runs_update_else_create(run: Runner) -> None:
    both = run.inputs(create="echo create", update="echo update")
    state = run.plugin.create(TYPE, both)[1]
    assert run.plugin.update(TYPE, "id", state, both)["stdout"] == "update"
    alone = run.inputs(create="echo create")
    assert run.plugin.update(TYPE, "id", state, alone)["stdout"] == "create"


def test_delete_runs_delete(run: Runner) -> None:
    state = run.create(create="true", delete="exit 3")
    with pytest.raises(grpc.RpcError, match="Process exited with status 3"):
        run.plugin.delete(TYPE, "id", state)


def test_a_variable_that_the_server_refuses_fails_hard(run: Runner) -> None:
    assert 'could not set environment variable "NOT_ACCEPTED"' in run.fails(
        create="true", environment={"NOT_ACCEPTED": "1"}
    )


def test_the_pinned_host_key_alone_is_trusted(run: Runner) -> None:
    stranger = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    said = run.fails(create="true", connection={"hostKey": stranger, "dialErrorLimit": 0})
    assert said == "after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch"


def test_without_a_host_key_the_host_is_not_verified(run: Runner) -> None:
    del run.connection["hostKey"]
    assert run.create(create="echo unverified")["stdout"] == "unverified"


def test_a_user_who_may_not_log_in_is_told(run: Runner) -> None:
    said = run.fails(create="true", connection={"user": "nobody-here", "dialErrorLimit": 0})
    assert "ssh: unable to authenticate" in said


def test_a_host_that_comes_up_later_is_dialled_again(run: Runner) -> None:
    started = time.monotonic()
    assert "after 3 failed attempts" in run.fails(create="true", connection={"port": 1, "dialErrorLimit": 3})
    assert time.monotonic() - started > 0.4


def test_a_text_is_copied_and_copied_again(run: Runner) -> None:
    folder = run.create(create="mktemp -d")["stdout"]
    path = f"{folder}/deep/er/file"

    def source(text: str) -> dict[str, Any]:
        return {SIGNATURE: ASSET, "hash": text, "text": text}

    def inputs(text: str) -> dict[str, Any]:
        return run.plugin.inputs(COPY, {"connection": run.connection, "source": source(text), "remotePath": path})

    try:
        id, state = run.plugin.create(COPY, inputs("one"))
        assert run.create(create=f"cat {path}")["stdout"] == "one"
        run.plugin.update(COPY, id, state, inputs("two"))
        assert run.create(create=f"cat {path}")["stdout"] == "two"
        run.plugin.delete(COPY, id, state)
        assert run.create(create=f"test -x {path} || echo kept, not executable {path}")["stdout"].startswith("kept")
    finally:
        run.create(create=f"rm -r {folder}")

"""docker.Image built by the lab host's own BuildKit, the context streamed over SSH."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from lab.plugins.docker.engine import DockerError
from lab.plugins.docker.engine import Engine as DockerClient
from tests.plugins.conftest import Host, Plugin

pytestmark = pytest.mark.lab
TYPE = "docker:index/image:Image"
NAME = "plugins-test/built:1"


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lab_host: Host, docker_host: DockerClient
) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {lab_host.image}\nARG WHO\nUSER 0\nCOPY . /app\n"
        'RUN --mount=type=cache,target=/cache test -e /app/kept && test ! -e /app/ignored && echo "$WHO"\n'
        'RUN if [ "$WHO" = nobody ]; then echo "there is nobody"; exit 7; fi\n'
    )
    (tmp_path / ".dockerignore").write_text("ignored\n")
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "ignored").write_text("ignored")
    yield tmp_path
    with contextlib.suppress(DockerError):  # a failed build left none
        docker_host.call("DELETE", f"/images/{NAME}", force=1)


def inputs(plugin: Plugin, who: str) -> dict[str, Any]:
    return plugin.inputs(TYPE, {"imageName": NAME, "skipPush": True, "build": {"args": {"WHO": who}}})


@pytest.mark.usefixtures("folder")
def test_a_build_gives_the_images_id_and_comes_to_rest(docker_plugin: Plugin, docker_host: DockerClient) -> None:
    checked = inputs(docker_plugin, "me")
    id, state = docker_plugin.create(TYPE, checked)
    assert id == state["imageName"] == state["baseImageName"] == NAME
    assert state["repoDigest"] == docker_host.call("GET", f"/images/{NAME}/json")["Id"]
    assert not docker_plugin.diff(TYPE, state, checked).diffs
    docker_plugin.delete(TYPE, id, state)
    assert docker_host.call("GET", f"/images/{NAME}/json")["Id"] == state["repoDigest"]


@pytest.mark.usefixtures("folder")
def test_a_failing_build_ends_with_what_it_said(docker_plugin: Plugin) -> None:
    checked = inputs(docker_plugin, "nobody")
    with pytest.raises(grpc.RpcError) as caught:
        docker_plugin.create(TYPE, checked)
    said = str(caught.value.details())  # type: ignore[attr-defined]
    assert said.startswith("error reading build output: ")
    assert "there is nobody" in said
    assert "exit code: 7" in said

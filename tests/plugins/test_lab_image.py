"""docker.Image built by the lab host's own BuildKit, the context streamed over SSH."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from lab.plugins.docker.engine import DockerError
from lab.plugins.docker.engine import Engine as DockerClient
from tests.plugins.conftest import Host, Plugin, Registry

pytestmark = pytest.mark.lab
TYPE = "docker:index/image:Image"
NAME = "plugins-test/built:1"
REMOTE = "docker:index/remoteImage:RemoteImage"
WRONG = {"password": "not the password"}


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


@pytest.fixture
def pushed(folder: Path, lab_host: Host, registry: Registry, docker_host: DockerClient) -> Iterator[str]:
    """The name of an image that every build makes anew, unless it is told what a build before it made."""
    (folder / "Dockerfile").write_text(
        f"FROM {lab_host.image}\nUSER 0\nRUN echo {folder.name} && cat /proc/sys/kernel/random/uuid >/id\n"
    )
    name = f"{registry.address}/plugins-test"
    yield name
    forget(docker_host, name)


def forget(docker_host: DockerClient, name: str) -> None:
    """Take the image away from the host, with all of its names."""
    for image in docker_host.call("GET", "/images/json", filters={"reference": [name]}):
        docker_host.call("DELETE", f"/images/{image['Id']}", force=1)


def push(
    plugin: Plugin, name: str, registry: Registry, *, cached: bool = False, login: dict[str, str] | None = None
) -> dict[str, Any]:
    build: dict[str, Any] = {"args": {"BUILDKIT_INLINE_CACHE": "1"}}
    if cached:
        build["cacheFrom"] = {"images": [name]}
    server = {"server": registry.address, "username": registry.user, "password": registry.password}
    checked = plugin.inputs(TYPE, {"imageName": name, "build": build, "registry": {**server, **(login or {})}})
    _, state = plugin.create(TYPE, checked)
    return state


@pytest.fixture
def pull(plugin: Callable[[str], Plugin], lab_host: Host) -> Callable[..., dict[str, Any]]:
    """`pull(reference, logins)`: what docker.RemoteImage finds, of a provider with these log-ins."""

    def pulled(reference: str, logins: list[dict[str, str]]) -> dict[str, Any]:
        puller = plugin("docker")
        puller.configure({**lab_host.docker, "registryAuth": logins})
        _, state = puller.create(REMOTE, puller.inputs(REMOTE, {"name": reference, "keepLocally": True}))
        return state

    return pulled


def login_of(registry: Registry, **change: str) -> dict[str, str]:
    server = registry.address.partition("/")[0]
    return {"address": server, "username": registry.user, "password": registry.password, **change}


def layers(docker_host: DockerClient, name: str) -> list[str]:
    return docker_host.call("GET", f"/images/{name}/json")["RootFS"]["Layers"]


def test_what_was_pushed_is_pulled_by_its_digest(
    pull: Callable[..., dict[str, Any]],
    docker_plugin: Plugin,
    docker_host: DockerClient,
    pushed: str,
    registry: Registry,
) -> None:
    state = push(docker_plugin, pushed, registry)
    reference = state["repoDigest"]
    assert reference.startswith(f"{pushed}@sha256:")
    id = docker_host.call("GET", f"/images/{pushed}/json")["Id"]
    assert push(docker_plugin, pushed, registry)["repoDigest"] == reference, "the same content has the same digest"
    forget(docker_host, pushed)
    pulled = pull(reference, [login_of(registry)])
    assert (pulled["imageId"], pulled["repoDigest"]) == (id, reference)


def test_nobody_pushes_or_pulls_without_the_right_password(
    pull: Callable[..., dict[str, Any]],
    docker_plugin: Plugin,
    docker_host: DockerClient,
    pushed: str,
    registry: Registry,
) -> None:
    with pytest.raises(grpc.RpcError, match="error reading push output: unauthorized: authentication required"):
        push(docker_plugin, pushed, registry, login=WRONG)
    with pytest.raises(grpc.RpcError, match="error reading push output: no basic auth credentials"):
        push(docker_plugin, pushed, registry, login={"username": "", "password": ""})
    reference = push(docker_plugin, pushed, registry)["repoDigest"]
    forget(docker_host, pushed)
    for logins, said in (
        ([login_of(registry, **WRONG)], "unauthorized: authentication required"),
        ([], "no basic auth credentials"),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            pull(reference, logins)
        message = str(caught.value.details())  # type: ignore[attr-defined]
        assert (
            f"unable to pull image {reference}: error pulling image {reference}: Error response from daemon" in message
        )
        assert said in message


def test_a_host_that_has_built_nothing_takes_the_layers_that_were_pushed(
    docker_plugin: Plugin, docker_host: DockerClient, folder: Path, pushed: str, registry: Registry
) -> None:
    def forget_all() -> None:
        forget(docker_host, pushed)
        for record in docker_host.call("GET", "/system/df", type="build-cache")["BuildCache"]:
            if folder.name in record["Description"]:
                docker_host.call("POST", "/build/prune", all=True, filters={"id": [record["ID"]]})

    push(docker_plugin, pushed, registry)
    made = layers(docker_host, pushed)
    forget_all()
    push(docker_plugin, pushed, registry, cached=True)
    assert layers(docker_host, pushed) == made
    forget_all()
    push(docker_plugin, pushed, registry)
    assert layers(docker_host, pushed) != made, "this build had nothing to take"

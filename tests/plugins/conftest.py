"""Plug-ins as the engine meets them: over gRPC. Those marked `lab` reach a real Docker engine over real SSH."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from lab import deploy
from lab.checkout import Checkout
from lab.plugins import command, docker, random
from lab.plugins.docker.engine import Address
from lab.plugins.docker.engine import Engine as DockerClient
from lab.plugins.provider import Provider
from lab.plugins.wire import Engine, decode, encode

ROOT = Path(__file__).parents[2]
# The stand-ins themselves, whatever the machine has else.
TOOLS = f"{ROOT / 'lab/plugins/bin'}:{ROOT / '.lab/toolchain/bin'}:{os.environ['PATH']}"
PROVIDERS: dict[str, type[Provider]] = {
    "docker": docker.DockerProvider,
    "command": command.CommandProvider,
    "random": random.RandomProvider,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--lab-host", default=str(ROOT / ".lab/host.yaml"), help="the lab host's address, port, user, hostKey"
    )
    parser.addoption("--lab-image", default="", help="an image on the lab host that has a shell and `sleep`")


@dataclass(frozen=True)
class Host:
    """The Docker host under test."""

    address: str
    port: int
    user: str
    host_key: str
    image: str

    @property
    def docker(self) -> dict[str, Any]:
        known = f"[{self.address}]:{self.port} {self.host_key}"
        options = ["StrictHostKeyChecking=yes", "UserKnownHostsFile=/dev/null", f"KnownHostsCommand=/bin/echo {known}"]
        return {
            "host": f"ssh://{self.user}@{self.address}:{self.port}",
            "sshOpts": [word for option in options for word in ("-o", option)],
        }

    @property
    def connection(self) -> dict[str, Any]:
        return {"host": self.address, "port": self.port, "user": self.user, "hostKey": self.host_key}


@pytest.fixture(scope="session")
def lab_host(request: pytest.FixtureRequest) -> Host:
    file = Path(str(request.config.getoption("--lab-host", default=str(ROOT / ".lab/host.yaml"))))
    if not file.exists():
        pytest.fail("no lab: run make up")
    settings = yaml.safe_load(file.read_text())
    image = request.config.getoption("--lab-image", default="") or settings.get("images", {}).get(
        "nginx", "lab/nginx:1.30"
    )
    return Host(settings["address"], settings["port"], settings["user"], settings["hostKey"], image)


@dataclass(frozen=True)
class Registry:
    """The lab's registry, and who may use it."""

    address: str
    user: str
    password: str = field(repr=False)


@pytest.fixture(scope="session")
def registry() -> Registry:
    settings = yaml.safe_load((ROOT / "Pulumi.lab.yaml").read_text())["config"]["a4co:registry"]
    command = ["pulumi", "config", "get", "registryPassword", "--stack", "lab"]
    environment = deploy.environment(Checkout(ROOT))
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return Registry(**settings, password=done.stdout.strip())


class Plugin:
    """One provider behind gRPC; properties are plain Python."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub) -> None:
        self._stub = stub

    def configure(self, config: dict[str, Any]) -> None:
        self._stub.Configure(provider_pb2.ConfigureRequest(args=encode(config)))

    def check(self, type: str, news: dict[str, Any], olds: dict[str, Any] | None = None, **extra: Any) -> Any:
        request = provider_pb2.CheckRequest(urn=urn(type), news=encode(news), olds=encode(olds or {}), **extra)
        return self._stub.Check(request)

    def inputs(self, type: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self.check(type, news, olds)
        assert not response.failures, response.failures
        return decode(response.inputs)

    def diff(self, type: str, state: dict[str, Any], news: dict[str, Any], **extra: Any) -> Any:
        old_inputs = extra.pop("old_inputs", {})
        return self._stub.Diff(
            provider_pb2.DiffRequest(
                urn=urn(type), olds=encode(state), news=encode(news), old_inputs=encode(old_inputs), **extra
            )
        )

    def create(self, type: str, inputs: dict[str, Any], *, preview: bool = False) -> tuple[str, dict[str, Any]]:
        response = self._stub.Create(
            provider_pb2.CreateRequest(urn=urn(type), properties=encode(inputs), preview=preview)
        )
        return response.id, decode(response.properties)

    def read(self, type: str, id: str, inputs: dict[str, Any], state: dict[str, Any]) -> Any:
        return self._stub.Read(
            provider_pb2.ReadRequest(urn=urn(type), id=id, inputs=encode(inputs), properties=encode(state))
        )

    def update(
        self, type: str, id: str, state: dict[str, Any], news: dict[str, Any], *, preview: bool = False
    ) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(
            urn=urn(type), id=id, olds=encode(state), news=encode(news), preview=preview
        )
        return decode(self._stub.Update(request).properties)

    def delete(self, type: str, id: str, state: dict[str, Any]) -> None:
        self._stub.Delete(provider_pb2.DeleteRequest(urn=urn(type), id=id, properties=encode(state)))


def urn(type: str, name: str = "it") -> str:
    return f"urn:pulumi:test::test::{type}::{name}"


@pytest.fixture(scope="session")
def plugin() -> Iterator[Callable[[str], Plugin]]:
    """`plugin("docker")`: a provider of its own, not configured."""
    running: list[tuple[grpc.Server, grpc.Channel, provider_pb2_grpc.ResourceProviderStub]] = []

    def start(name: str) -> Plugin:
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(PROVIDERS[name](Engine(None)), server)
        channel = grpc.insecure_channel(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
        server.start()
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        running.append((server, channel, stub))
        return Plugin(stub)

    yield start
    for server, channel, stub in running:
        stub.Cancel(empty_pb2.Empty())
        channel.close()
        server.stop(None).wait()


@pytest.fixture(scope="session")
def offline(plugin: Callable[[str], Plugin]) -> Plugin:
    """A docker provider whose host cannot be reached: whoever contacts it fails."""
    started = plugin("docker")
    started.configure({"host": "ssh://nobody@127.0.0.1:1"})
    return started


@pytest.fixture(scope="session")
def docker_plugin(plugin: Callable[[str], Plugin], lab_host: Host) -> Plugin:
    started = plugin("docker")
    started.configure(lab_host.docker)
    return started


@pytest.fixture
def project(tmp_path: Path, lab_host: Host) -> Iterator[Project]:
    """A Pulumi project of its own, with a file backend; what a failing test leaves running is destroyed."""
    if not shutil.which("pulumi", path=TOOLS):
        pytest.fail("no pulumi: run make up")
    made = Project(tmp_path, lab_host)
    yield made
    made.pulumi("destroy", "--yes", "--skip-preview", "--refresh=false", check=False)


class Project:
    """Runs the real engine with the stand-ins, as a person types it."""

    def __init__(self, folder: Path, host: Host) -> None:
        self._folder = folder
        self._host = host
        self.stack = f"t{uuid.uuid4().hex[:8]}"
        (folder / "state").mkdir()
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "plugins", "runtime": runtime}))
        self.environment = os.environ | {
            "PATH": TOOLS,
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_HOME": str(folder / "home"),
        }
        self.pulumi("stack", "init", self.stack, stack=False)

    def program(self, text: str) -> None:
        """`__main__.py`; `host` is the docker provider's option, `connection` the command's."""
        docker, connection = self._host.docker, self._host.connection
        head = f"""
            import pulumi, pulumi_docker as docker, pulumi_command as command, pulumi_random as random
            provider = docker.Provider("host", host={docker["host"]!r}, ssh_opts={docker["sshOpts"]!r})
            host = pulumi.ResourceOptions(provider=provider)
            connection = dict(host={connection["host"]!r}, port={connection["port"]!r}, user={connection["user"]!r},
                              host_key={connection["hostKey"]!r})
            image = {self._host.image!r}
        """
        (self._folder / "__main__.py").write_text(textwrap.dedent(head) + textwrap.dedent(text))

    def command(self, *words: str, stack: bool = True) -> list[str]:
        where = ["--stack", self.stack] if stack else []
        return ["pulumi", *words, *where, "--non-interactive", "--cwd", str(self._folder), "--color", "never"]

    def pulumi(self, *words: str, check: bool = True, stack: bool = True) -> str:
        command = self.command(*words, stack=stack)
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def up(self, *, check: bool = True) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", check=check)

    def no_change(self) -> str:
        return self.pulumi("preview", "--expect-no-changes", "--diff")

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state, by logical name."""
        state = json.loads(self.pulumi("stack", "export"))
        return {
            r["urn"].rsplit("::", 1)[-1]: r for r in state["deployment"].get("resources", []) if not r.get("delete")
        }

    def state_file(self) -> str:
        return (self._folder / f"state/.pulumi/stacks/plugins/{self.stack}.json").read_text()


@pytest.fixture(scope="session")
def docker_host(lab_host: Host) -> Iterator[DockerClient]:
    """The engine under test, to look at from outside of the plug-in."""
    client = DockerClient(Address(lab_host.docker["host"], tuple(lab_host.docker["sshOpts"])))
    yield client
    client.close()


@pytest.fixture(scope="session")
def command_plugin(plugin: Callable[[str], Plugin]) -> Plugin:
    return plugin("command")

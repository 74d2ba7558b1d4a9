"""The docker provider: what its settings are, and which resources it serves."""

# ruff: noqa: D102, N802  -- the protocol names these methods and says what they do
from __future__ import annotations

import json
import os
from typing import Any

import grpc
from google.protobuf import empty_pb2

from lab.plugins.docker.build import Image
from lab.plugins.docker.container import Container
from lab.plugins.docker.engine import Address, Engine
from lab.plugins.docker.images import RegistryImage, RemoteImage, Tag
from lab.plugins.docker.network import Network
from lab.plugins.docker.volume import Volume
from lab.plugins.provider import Provider, serve_provider, token_of
from lab.plugins.wire import Engine as PulumiEngine
from lab.plugins.wire import Properties

IMAGE = "docker:index/image:Image"


class DockerProvider(Provider):
    """One engine for all resources of one provider instance; it is reached when the first resource needs it."""

    version = "5.1.0"

    def __init__(self, engine: PulumiEngine) -> None:
        super().__init__(engine)
        self._docker: Engine | None = None
        self.configure({})

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        if self._docker:
            self._docker.close()
        return super().Cancel(request, context)

    def explain(self, doing: str, urn: str, error: str, *, exists: bool) -> str:
        if token_of(urn) == IMAGE:
            return error
        # The bridge under the official provider counts errors, and names the resource when it existed already.
        counted = f"1 error occurred:\n\t* {error}\n\n"
        return f"{doing} {urn}: {counted}" if exists else counted

    def configure(self, config: Properties) -> None:
        host = config.get("host") or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        options = _parsed(config.get("sshOpts")) or os.environ.get("DOCKER_SSH_OPTS", "").split()
        docker = self._docker = Engine(Address(host, tuple(options)))
        logins = {entry["address"]: entry for entry in _parsed(config.get("registryAuth")) or []}
        self.resources = {
            "docker:index/container:Container": Container(docker, logins),
            IMAGE: Image(docker, self.engine),
            "docker:index/network:Network": Network(docker),
            "docker:index/registryImage:RegistryImage": RegistryImage(docker, logins),
            "docker:index/remoteImage:RemoteImage": RemoteImage(docker, logins),
            "docker:index/tag:Tag": Tag(docker),
            "docker:index/volume:Volume": Volume(docker),
        }


def _parsed(value: object) -> list:
    """The SDK sends a provider's lists as JSON text."""
    return json.loads(value) if isinstance(value, str) else value or []  # type: ignore[return-value]


def main() -> None:
    """Run the plug-in."""
    serve_provider(DockerProvider)

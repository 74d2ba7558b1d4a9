"""docker.Image: BuildKit on the engine's machine, the context streamed to it over the same ssh."""

# ruff: noqa: D102  -- the protocol names these methods and says what they do
from __future__ import annotations

import base64
import collections
import json
import os
import platform
import shlex
import subprocess
import tempfile
from pathlib import Path

from pulumi.runtime.proto import engine_pb2

from lab.plugins.docker import context
from lab.plugins.docker.common import auth_header, local_image, pull, raise_error, registry_of
from lab.plugins.docker.engine import DockerError, Engine
from lab.plugins.provider import Change, Checked, Detailed, Kind, Named, ProviderError
from lab.plugins.wire import UNKNOWN, Properties, Secret, has_unknown, reveal
from lab.plugins.wire import Engine as PulumiEngine

BUILDERS = {"BuilderV1": "0", "BuilderBuildKit": "1"}
ERROR_LINES = 30
# The official provider tells BuildKit the log-in itself; the command line reads it from a file, here in memory.
WITH_LOGIN = """\
DOCKER_CONFIG=$(mktemp -d -p /dev/shm) && export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT
trap 'exit 1' HUP INT TERM
head -c {size} >"$DOCKER_CONFIG/config.json"
"""
NOT_QUALIFIED = (
    '"{name}": repository name must be canonical.\nThis resource requires all image names to be fully qualified.\n'
    "For example, if you are attempting to push to Dockerhub, prefix your image name with `docker.io`:\n\n"
    "`docker.io/repository/image:tag`"
)


class Image:
    """An image built from a folder here, on the engine there. A preview neither builds nor connects."""

    def __init__(self, engine: Engine, pulumi: PulumiEngine) -> None:
        self._engine = engine
        self._pulumi = pulumi

    def check(self, who: Named, olds: Properties, news: Properties) -> Checked:
        inputs = reveal(news)
        inputs.setdefault("buildOnPreview", False)
        build = inputs.get("build")
        build = dict(build) if isinstance(build, dict) else {}
        build.setdefault("context", ".")
        build.setdefault("dockerfile", os.path.join(build["context"], context.DOCKERFILE))
        if build.get("builderVersion") not in {None, UNKNOWN, *BUILDERS}:
            raise ProviderError("invalid Docker Builder version")
        if UNKNOWN not in (build["dockerfile"], build["context"]):
            build["contextDigest"] = self._digest(build["context"], build["dockerfile"])
        if "platform" not in build:
            machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
            build["platform"] = f"linux/{machine}"
            self._pulumi.log(
                who.urn,
                f"Building your image for {build['platform']} architecture.\nTo ensure you are building for the "
                "correct platform, consider explicitly setting the `platform` field on ImageBuildOptions.",
            )
        name = inputs.get("imageName", UNKNOWN)
        needs_registry = name != UNKNOWN and (_cache(build) or not inputs.get("skipPush"))
        if needs_registry and not inputs.get("registry", {}).get("server") and not _qualified(name):
            raise ProviderError(NOT_QUALIFIED.format(name=name))
        return Checked(inputs={**inputs, "build": build})

    def _digest(self, folder: str, dockerfile: str) -> str:
        if not Path(dockerfile).exists():
            missing = f"stat {dockerfile}: no such file or directory"
            if os.path.isabs(dockerfile):
                raise ProviderError(f'expected a relative Dockerfile path; got "{dockerfile}" instead: {missing}')
            hint = os.path.normpath(os.path.join(folder, dockerfile))
            if Path(hint).exists():
                raise ProviderError(
                    f'could not open dockerfile at relative path "{dockerfile}". Try setting `dockerfile` to "{hint}"'
                )
            raise ProviderError(f'could not open dockerfile at relative path "{dockerfile}": {missing}')
        try:
            return context.digest(Path(folder), Path(dockerfile))
        except OSError as error:
            raise ProviderError(f"unable to hash build context: {error}") from error

    def diff(self, state: Properties, old_inputs: Properties, news: Properties) -> Change:
        olds, news = reveal(state.get("__inputs", {})), reveal(news)
        detailed: Detailed = {}
        for key in olds.keys() | news.keys():
            old, new = olds.get(key), news.get(key)
            if key == "registry" and old and new and old.get("server") == new.get("server"):
                continue  # a rotated password builds nothing
            if old != new:
                detailed[key] = Kind.ADD if old is None else Kind.DELETE if new is None else Kind.UPDATE
        return Change(detailed=detailed)

    def create(self, who: Named, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        inputs = reveal(inputs)
        if preview and not self._can_preview(who, inputs):
            return "", inputs
        state = self._built(who, inputs, preview=preview)
        return state["imageName"], state

    def update(
        self, who: Named, id: str, state: Properties, old_inputs: Properties, news: Properties, *, preview: bool
    ) -> Properties:
        news = reveal(news)
        if preview and not self._can_preview(who, news):
            return news
        return self._built(who, news, preview=preview)

    def read(self, who: Named, id: str, inputs: Properties, state: Properties) -> tuple[Properties, Properties]:
        return inputs, state

    def delete(self, who: Named, id: str, state: Properties) -> None:
        """Images stay, as with the official provider."""

    def _can_preview(self, who: Named, inputs: Properties) -> bool:
        if inputs.get("buildOnPreview") is not True:
            return False
        if has_unknown([inputs["build"].get(key) for key in ("dockerfile", "context", "args")] + [inputs["imageName"]]):
            self._pulumi.log(
                who.urn,
                "Minimum inputs for build are unresolved. Continuing without preview image build. To avoid this "
                "warning, ensure image name, dockerfile, args, and context are resolved at preview.",
            )
            return False
        return True

    def _built(self, who: Named, inputs: Properties, *, preview: bool) -> Properties:
        build, name = inputs["build"], inputs["imageName"]
        login = self._login(who, inputs) if _cache(build) or not inputs.get("skipPush") else {}
        for image in _cache(build):
            self._pulumi.log(who.urn, f"Pulling cached image {image}", status=True)
            try:
                pull(self._engine, image, login, build.get("platform", ""))
            except DockerError as error:
                missing = f"error pulling cached image {image}: {error}"
                self._pulumi.log(who.urn, f"cacheFrom image {image} not available: {missing}")
            except ProviderError as error:
                missing = f"error reading pull output: {error}"
                self._pulumi.log(who.urn, f"cacheFrom image {image} not available: {missing}")
        self._pulumi.log(who.urn, "Starting Docker build", status=True)
        self._run(who, name, build, login)
        image = local_image(self._engine, name)
        if image is None:
            raise ProviderError("unable to find built image in local image store")
        digest = image["Id"]
        if not inputs.get("skipPush") and not preview:
            digest = self._push(who, name, login)
        return {
            "dockerfile": os.path.relpath(build["dockerfile"], build["context"]),
            "context": build["context"],
            "baseImageName": name,
            "registryServer": inputs.get("registry", {}).get("server", ""),
            "imageName": name,
            "platform": build["platform"],
            "repoDigest": digest,
            "__inputs": Secret(inputs),
        }

    def _login(self, who: Named, inputs: Properties) -> dict[str, str]:
        """The log-in of the program; the official provider would else look for one in this machine's files."""
        registry = inputs.get("registry") or {}
        username, password = registry.get("username", ""), registry.get("password", "")
        if not (username and password):
            missing, given = ("username", "password") if password else ("password", "username")
            if username or password:
                said = f"{missing} was not set, although {given} was; using host credentials file"
                self._pulumi.log(who.urn, said, engine_pb2.WARNING)
            return {}
        server = registry.get("server") or registry_of(inputs["imageName"])
        hostname = server.partition("://")[2] or server
        return {"username": username, "password": password, "serveraddress": hostname.partition("/")[0]}

    def _run(self, who: Named, name: str, build: Properties, login: dict[str, str]) -> None:
        folder, dockerfile = Path(build["context"]), Path(build["dockerfile"])
        with tempfile.TemporaryFile() as archive:
            config = _docker_config(login)
            archive.write(config)
            inside = context.write_archive(folder, dockerfile, archive)
            archive.seek(0)
            process = subprocess.Popen(
                self._command(name, inside, build, config_size=len(config)),
                stdin=archive,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            last: collections.deque[str] = collections.deque(maxlen=ERROR_LINES)
            with process:
                for line in process.stdout or []:
                    if said := line.rstrip():
                        last.append(said)
                        self._pulumi.log(who.urn, said, status=True)
        if process.returncode:
            raise ProviderError("error reading build output: " + "\n".join(last))

    def _command(self, name: str, dockerfile: str, build: Properties, *, config_size: int) -> list[str]:
        command = ["docker", "build", "--progress", "plain", "--tag", name, "--file", dockerfile]
        if build.get("builderVersion") == "BuilderV1":
            del command[2:4]
        for option, value in (("--platform", "platform"), ("--target", "target"), ("--network", "network")):
            command += [option, build[value]] if build.get(value) else []
        for option, values in (("--cache-from", _cache(build)), ("--add-host", build.get("addHosts", []))):
            command += [word for value in values for word in (option, value)]
        command += [word for key, value in build.get("args", {}).items() for word in ("--build-arg", f"{key}={value}")]
        command.append("-")
        buildkit = f"DOCKER_BUILDKIT={BUILDERS[build.get('builderVersion', 'BuilderBuildKit')]}"
        address = self._engine.address
        script = f"{WITH_LOGIN.format(size=config_size)}{buildkit} {shlex.join(command)}"
        if address.is_ssh:
            return address.ssh("sh", "-c", shlex.quote(script))
        return ["env", f"DOCKER_HOST={address.host}", "sh", "-c", script]

    def _push(self, who: Named, name: str, login: dict[str, str]) -> str:
        self._pulumi.log(who.urn, "Pushing Image to the registry", status=True)
        repository, _, tag = name.rpartition(":") if ":" in name.rsplit("/", 1)[-1] else (name, "", "latest")
        digest = ""
        for message in self._engine.stream(f"/images/{repository}/push", auth_header(login), tag=tag):
            try:
                raise_error(message)
            except ProviderError as error:
                raise ProviderError(f"error reading push output: {error}") from error
            digest = message.get("aux", {}).get("Digest", digest)
        return f"{repository}@{digest}"


def _docker_config(login: dict[str, str]) -> bytes:
    """The Docker command line's configuration with this log-in."""
    if not login:
        return b"{}"
    auth = base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
    return json.dumps({"auths": {login["serveraddress"]: {"auth": auth}}}).encode()


def _cache(build: Properties) -> list[str]:
    images = (build.get("cacheFrom") or {}).get("images") or []
    return [image for image in images if image != UNKNOWN] if isinstance(images, list) else []


def _qualified(name: str) -> bool:
    first, slash, _ = name.partition("/")
    return bool(slash) and (bool(set(".:") & set(first)) or first == "localhost")

"""docker.Container: create, wait for health, read back, update what can be updated, stop and remove."""

# ruff: noqa: D102  -- the protocol names these methods and says what they do
from __future__ import annotations

import base64
import contextlib
import io
import pathlib
import tarfile
import time
from typing import Any, ClassVar

from lab.plugins.bridge import Bridged, Fields, planned, refreshed
from lab.plugins.docker import container_config as convert
from lab.plugins.docker.common import Logins, created, find_image
from lab.plugins.docker.container_fields import FIELDS
from lab.plugins.docker.container_state import read_back
from lab.plugins.docker.engine import DockerError, Engine
from lab.plugins.provider import InitError, Named, ProviderError
from lab.plugins.wire import Properties

NO_HEALTHCHECK = (
    "you have supplied a 'wait' argument, but the container does not have a healthcheck defined. "
    "Please remove the 'wait' argument or add a 'healthcheck' attribute"
)
UPDATABLE = (
    "restart",
    "maxRetryCount",
    "cpuShares",
    "memory",
    "memoryReservation",
    "cpuSet",
    "memorySwap",
    "deviceReadBps",
    "deviceReadIops",
    "deviceWriteBps",
    "deviceWriteIops",
)


class Container(Bridged):
    """A container of the engine."""

    fields: ClassVar[Fields] = FIELDS
    always_delete_first = True

    def __init__(self, engine: Engine, logins: Logins) -> None:
        self._engine = engine
        self._logins = logins

    def create(self, who: Named, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        state = planned(self.fields, {}, inputs, preview=preview)
        if preview:
            return "", state
        try:
            find_image(self._engine, state["image"], self._logins)
        except ProviderError as error:
            raise ProviderError(f"Unable to create container with image {state['image']}: {error}") from error
        try:
            body = convert.create_body(state, self._engine.version)
            query = {"name": state["name"], "platform": state.get("platform")}
            id = self._engine.call("POST", "/containers/create", body, **query)["Id"]
        except ProviderError as error:
            raise ProviderError(f"Unable to create container: {error}") from error
        with created(id, state):
            self._connect(id, state)
            self._upload(id, state)
            if state.get("start", True):
                self._start(id)
                if state.get("wait"):
                    self._wait_healthy(id, state.get("waitTimeout", 60))
            if state.get("attach"):
                state |= self._attach(id, state)
            found = self._found(id, state)
            if found is None:
                raise ProviderError("the container was removed while it was created")
        # What the engine spells differently in a set shows only after the next refresh.
        said = {key: state[key] for key in state if self.fields[key].kind == "set" or key == "capabilities"}
        return id, found | said

    def _connect(self, id: str, state: Properties) -> None:
        if not state.get("networksAdvanced"):
            return
        try:
            self._engine.call("POST", "/networks/bridge/disconnect", {"Container": id, "Force": False})
        except DockerError as error:
            if "is not connected to the network bridge" not in str(error):
                raise ProviderError(f"Unable to disconnect the default network: {error}") from error
        for network in state["networksAdvanced"]:
            endpoint = {
                "Aliases": network.get("aliases"),
                "IPAMConfig": {
                    "IPv4Address": network.get("ipv4Address", ""),
                    "IPv6Address": network.get("ipv6Address", ""),
                    "LinkLocalIPs": network.get("linkLocalIps"),
                },
                "MacAddress": network.get("macAddress", ""),
                "DriverOpts": dict(option.split("=", 1) for option in network.get("driverOpts", []) if "=" in option),
                "GwPriority": network.get("gwPriority", 0),
            }
            try:
                body = {"Container": id, "EndpointConfig": endpoint}
                self._engine.call("POST", f"/networks/{network['name']}/connect", body)
            except DockerError as error:
                raise ProviderError(f"Unable to connect to network '{network['name']}': {error}") from error

    def _upload(self, id: str, state: Properties) -> None:
        for upload in state.get("uploads", []):
            given = [key for key in ("content", "contentBase64", "source") if upload.get(key)]
            if len(given) != 1:
                how = (
                    "one of 'content', 'content_base64', or 'source' must be set"
                    if not given
                    else ("only one of 'content', 'content_base64', or 'source' can be set")
                )
                raise ProviderError(f"error with upload content: {how}")
            data = {
                "content": lambda text: text.encode(),
                "contentBase64": base64.b64decode,
                "source": lambda path: pathlib.Path(path).read_bytes(),
            }[given[0]](upload[given[0]])
            entry = tarfile.TarInfo(upload["file"])
            entry.size, entry.mtime = len(data), int(time.time())
            entry.mode = int(upload.get("permissions") or ("744" if upload.get("executable") else "644"), 8)
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                tar.addfile(entry, io.BytesIO(data))
            try:
                headers = {"Content-Type": "application/x-tar"}
                self._engine.call("PUT", f"/containers/{id}/archive", archive.getvalue(), headers, path="/")
            except DockerError as error:
                raise ProviderError(f"Unable to upload volume content: {error}") from error

    def _start(self, id: str) -> None:
        try:
            self._engine.call("POST", f"/containers/{id}/start")
        except DockerError as error:
            raise ProviderError(f"Unable to start container: {error}") from error

    def _wait_healthy(self, id: str, timeout_s: int) -> None:
        """Once a second until healthy; an unhealthy or exited container is waited for all the same."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                health = self._engine.call("GET", f"/containers/{id}/json")["State"].get("Health")
            except DockerError as error:
                raise ProviderError(f"error inspecting container state: {error}") from error
            if health is None:
                raise ProviderError(NO_HEALTHCHECK)
            if health["Status"] == "healthy":
                return
            left = deadline - time.monotonic()
            time.sleep(max(0.0, min(1.0, left)))
            if left <= 1:
                raise ProviderError("container failed to be in healthy state")

    def _attach(self, id: str, state: Properties) -> Properties:
        self._engine.call("POST", f"/containers/{id}/wait", condition="not-running")
        if not state.get("logs"):
            return {}
        data = self._engine.raw("GET", f"/containers/{id}/logs", stdout=1, stderr=1)
        return {"containerLogs": (data if state.get("tty") else _demultiplexed(data)).decode(errors="replace")}

    def read(self, who: Named, id: str, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        found = self._found(id, state)
        return None if found is None else (refreshed(inputs, found), found)

    def _found(self, id: str, state: Properties) -> Properties | None:
        try:
            container = self._engine.call("GET", f"/containers/{id}/json")
        except DockerError as error:
            if error.status == 404:
                return None
            raise
        return state | read_back(container, state)

    def update(
        self, who: Named, id: str, state: Properties, old_inputs: Properties, news: Properties, *, preview: bool
    ) -> Properties:
        result = super().update(who, id, state, old_inputs, news, preview=preview)
        if preview:
            return result
        try:
            if result.get("mustRun", True) and not state.get("mustRun", True) and result.get("start", True):
                self._start(id)
            if any((result.get(key) or None) != (state.get(key) or None) for key in UPDATABLE):
                try:
                    self._engine.call("POST", f"/containers/{id}/update", convert.update_body(result))
                except DockerError as error:
                    raise ProviderError(f"Unable to update a container: {error}") from error
        except ProviderError as error:
            raise InitError(id, result, str(error)) from error
        return result

    def delete(self, who: Named, id: str, state: Properties) -> None:
        if not state.get("attach"):
            with _gone_is_fine(f"Error stopping container {id}", "no such container"):
                # Said explicitly, and so stronger than the container's own stop timeout: 0 is an immediate kill.
                grace_s = max(0, state.get("destroyGraceSeconds", 0))
                self._engine.call("POST", f"/containers/{id}/stop", t=grace_s)
        with _gone_is_fine(f"Error deleting container {id}", "no such container", "is already in progress"):
            volumes = 1 if state.get("removeVolumes", True) else 0
            self._engine.call("DELETE", f"/containers/{id}", v=volumes, force=1)
        with _gone_is_fine(
            f"Error waiting for container removal '{id}'", "no such container", "is already in progress"
        ):
            condition = "removed" if state.get("rm") else "not-running"
            self._engine.call("POST", f"/containers/{id}/wait", condition=condition)


@contextlib.contextmanager
def _gone_is_fine(what: str, *fine: str) -> Any:
    try:
        yield
    except DockerError as error:
        if not any(word in str(error).lower() for word in fine):
            raise ProviderError(f"{what}: {error}") from error


def _demultiplexed(data: bytes) -> bytes:
    """The text of stdout and stderr, which the engine sends in frames of eight bytes' header."""
    result = b""
    while data:
        size = int.from_bytes(data[4:8], "big")
        result, data = result + data[8 : 8 + size], data[8 + size :]
    return result

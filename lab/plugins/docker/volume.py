"""docker.Volume: an existing volume of that name is taken over; every change replaces it, and so empties it."""

# ruff: noqa: D102  -- the protocol names these methods and says what they do
from __future__ import annotations

import time
from typing import ClassVar

from lab.plugins.bridge import Bridged, Field, Fields, planned, refreshed
from lab.plugins.docker.common import LABELS, created, labels_from, labels_of
from lab.plugins.docker.engine import DockerError, Engine
from lab.plugins.provider import Named, ProviderError
from lab.plugins.wire import Properties

REMOVE_TIMEOUT_S = 30


class Volume(Bridged):
    """A named volume of the engine."""

    fields: ClassVar[Fields] = {
        "name": Field(replace=True, computed=True, auto_name=True),
        "labels": Field("set", LABELS, replace=True),
        "driver": Field(replace=True, computed=True),
        "driverOpts": Field("map", replace=True),
        "mountpoint": Field(output=True),
    }

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, who: Named, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        state = planned(self.fields, {}, inputs, preview=preview)
        if preview:
            return "", state
        body = {
            "Name": state["name"],
            "Labels": labels_of(state.get("labels")),
            "Driver": state.get("driver", ""),
            "DriverOpts": state.get("driverOpts"),
        }
        try:
            id = self._engine.call("POST", "/volumes/create", body)["Name"]
        except DockerError as error:
            raise ProviderError(f"Unable to create volume: {error}") from error
        with created(id, state):
            found = self._found(id, state)
            if found is None:
                raise ProviderError("the volume was removed while it was created")
        return id, found

    def read(self, who: Named, id: str, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        found = self._found(id, state)
        return None if found is None else (refreshed(inputs, found), found)

    def _found(self, id: str, state: Properties) -> Properties | None:
        try:
            volume = self._engine.call("GET", f"/volumes/{id}")
        except DockerError as error:
            if error.status == 404:
                return None
            raise ProviderError(f"Unable to inspect volume: {error}") from error
        return state | {
            "name": volume["Name"],
            "labels": labels_from(volume.get("Labels")),
            "driver": volume["Driver"],
            "driverOpts": volume.get("Options") or {},
            "mountpoint": volume["Mountpoint"],
        }

    def delete(self, who: Named, id: str, state: Properties) -> None:
        deadline = time.monotonic() + REMOVE_TIMEOUT_S
        while True:
            try:
                self._engine.call("DELETE", f"/volumes/{id}", force=1)
                return
            except DockerError as error:
                if "volume is in use" not in str(error):
                    raise
            if time.monotonic() > deadline:
                raise ProviderError("timeout while waiting for state to become 'removed' (last state: 'in_use')")
            time.sleep(1)

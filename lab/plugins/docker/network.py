"""docker.Network: every change replaces it, and any error while reading it means that it is gone."""

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

IPAM = {
    "subnet": Field(replace=True),
    "ipRange": Field(replace=True),
    "gateway": Field(replace=True),
    "auxAddress": Field("map", replace=True),
}


class Network(Bridged):
    """A network of the engine."""

    fields: ClassVar[Fields] = {
        "name": Field(replace=True, required=True, auto_name=True),
        "labels": Field("set", LABELS, replace=True),
        "driver": Field(replace=True, computed=True),
        "options": Field("map", replace=True, computed=True),
        "internal": Field("bool", replace=True, computed=True),
        "attachable": Field("bool", replace=True),
        "ingress": Field("bool", replace=True),
        "ipv6": Field("bool", replace=True),
        "ipamDriver": Field(replace=True, default="default"),
        "ipamOptions": Field("map", replace=True),
        "ipamConfigs": Field("set", IPAM, replace=True, computed=True),
        "scope": Field(output=True),
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
            "Options": state.get("options"),
            "Internal": state.get("internal", False),
            "Attachable": state.get("attachable", False),
            "Ingress": state.get("ingress", False),
            "EnableIPv6": state.get("ipv6", False),
            "IPAM": {
                "Driver": state["ipamDriver"],
                "Options": state.get("ipamOptions"),
                "Config": [
                    {
                        "Subnet": entry.get("subnet", ""),
                        "IPRange": entry.get("ipRange", ""),
                        "Gateway": entry.get("gateway", ""),
                        "AuxiliaryAddresses": entry.get("auxAddress", {}),
                    }
                    for entry in state.get("ipamConfigs", [])
                ],
            },
        }
        try:
            id = self._engine.call("POST", "/networks/create", body)["Id"]
        except DockerError as error:
            raise ProviderError(f"Unable to create network: {error}") from error
        with created(id, state):
            found = self._found(id, state)
            if found is None:
                raise ProviderError("the network was removed while it was created")
        return id, found

    def read(self, who: Named, id: str, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        self._engine.version  # noqa: B018  an engine that is not there is an error; a failing inspect is not
        found = self._found(id, state)
        return None if found is None else (refreshed(inputs, found), found)

    def _found(self, id: str, state: Properties) -> Properties | None:
        try:
            network = self._engine.call("GET", f"/networks/{id}")
        except DockerError:
            return None
        ipam = network["IPAM"]
        names = {"Subnet": "subnet", "IPRange": "ipRange", "Gateway": "gateway", "AuxiliaryAddresses": "auxAddress"}
        return state | {
            "name": network["Name"],
            "labels": labels_from(network.get("Labels")),
            "driver": network["Driver"],
            "internal": network["Internal"],
            "attachable": network["Attachable"],
            "ingress": network["Ingress"],
            "ipv6": network["EnableIPv6"],
            "ipamDriver": ipam["Driver"],
            "ipamOptions": ipam.get("Options") or {},
            "ipamConfigs": [
                {ours: entry[theirs] for theirs, ours in names.items() if entry.get(theirs)}
                for entry in ipam.get("Config") or []
            ],
            "scope": network["Scope"],
            "options": network.get("Options") or {},
        }

    def delete(self, who: Named, id: str, state: Properties) -> None:
        deadline = time.monotonic() + REMOVE_TIMEOUT_S
        self._engine.version  # noqa: B018
        while self._found(id, state) is not None:
            try:
                self._engine.call("DELETE", f"/networks/{id}")
                return
            except DockerError as error:
                if "has active endpoints" not in str(error):
                    raise
            if time.monotonic() > deadline:
                raise ProviderError("timeout while waiting for state to become 'removed' (last state: 'pending')")
            time.sleep(1)

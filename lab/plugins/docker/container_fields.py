"""The inputs of docker.Container: which replace it, which are computed by the engine, and their defaults."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lab.plugins.bridge import Field
from lab.plugins.docker.common import LABELS
from lab.plugins.docker.durations import parse


def _matches(pattern: str) -> Callable[[Any], str | None]:
    return lambda value: None if re.search(pattern, value) else f'"{value}" does not match regex "{pattern}"'


def _at_least(lowest: int) -> Callable[[Any], str | None]:
    return lambda value: None if value >= lowest else f"{value} must be greater than or equal to {lowest}"


def _duration(value: str) -> str | None:
    try:
        nanoseconds = parse(value)
    except ValueError:
        return f'"{value}" is not a valid duration'
    return None if nanoseconds >= 0 else "duration must not be negative"


def _absolute(value: str) -> str | None:
    if re.match(r"^[a-zA-Z]:\\|^/", value):
        return None
    return f"'{value}' is an invalid host path: it must be an absolute path"


def _unsaid(old: Any, new: Any) -> bool:
    """An empty value means the image's own."""
    return not new


def _same_ports(old: Any, new: Any) -> bool:
    """The order of ports does not matter."""

    def keys(ports: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return sorted((p.get("internal"), p.get("protocol"), p.get("external", 0), p.get("ip")) for p in ports)

    if not (isinstance(old, list) and isinstance(new, list)) or len(old) != len(new):
        return False
    # A host port that the program leaves open is the one that the engine chose.
    chosen = {(p.get("internal"), p.get("protocol")): p.get("external", 0) for p in old}
    asked = [{**p, "external": p.get("external") or chosen.get((p.get("internal"), p.get("protocol")), 0)} for p in new]
    return keys(old) == keys(asked)


_RATE = {"path": Field(required=True), "rate": Field("int", required=True, check=_at_least(0))}
_COUNT = _at_least(0)

MOUNT = {
    "target": Field(required=True),
    "source": Field(),
    "type": Field(required=True, check=_matches(r"^(bind|volume|tmpfs)$")),
    "readOnly": Field("bool"),
    "bindOptions": Field(
        "object", {"propagation": Field(check=_matches(r"^(private|rprivate|shared|rshared|slave|rslave)$"))}
    ),
    "volumeOptions": Field(
        "object",
        {
            "noCopy": Field("bool"),
            "labels": Field("set", LABELS),
            "driverName": Field(),
            "driverOptions": Field("map"),
            "subpath": Field(),
        },
    ),
    "tmpfsOptions": Field("object", {"sizeBytes": Field("int"), "mode": Field("int")}),
}

NETWORK = {
    "name": Field(required=True),
    "aliases": Field("set"),
    "ipv4Address": Field(),
    "ipv6Address": Field(),
    "linkLocalIps": Field("set"),
    "macAddress": Field(),
    "driverOpts": Field("set"),
    "gwPriority": Field("int", check=_COUNT),
}

HEALTHCHECK = {
    "tests": Field("list"),
    "interval": Field(default="0s", check=_duration),
    "timeout": Field(default="0s", check=_duration),
    "startPeriod": Field(default="0s", check=_duration),
    "startInterval": Field(default="0s", check=_duration),
    "retries": Field("int", check=_COUNT),
}

PORT = {
    "internal": Field("int", required=True),
    "external": Field("int", computed=True),
    "ip": Field(default="0.0.0.0"),  # noqa: S104  what the engine publishes on when nothing is said
    "protocol": Field(default="tcp"),
}

UPLOAD = {
    "content": Field(),
    "contentBase64": Field(),
    "file": Field(required=True),
    "executable": Field("bool"),
    "permissions": Field(check=_matches(r"^0[0-7]{3}$")),
    "source": Field(),
    "sourceHash": Field(),
}

FIELDS = {
    "name": Field(replace=True, required=True, auto_name=True),
    "image": Field(replace=True, required=True),
    "command": Field("list", replace=True, computed=True),
    "entrypoints": Field("list", replace=True, computed=True),
    "envs": Field("set", replace=True, computed=True),
    "user": Field(replace=True, same=_unsaid),
    "workingDir": Field(replace=True, same=_unsaid),
    "hostname": Field(replace=True, computed=True),
    "domainname": Field(replace=True),
    "labels": Field("set", LABELS, replace=True, computed=True),
    "tty": Field("bool", replace=True),
    "stdinOpen": Field("bool", replace=True),
    "stopSignal": Field(replace=True, computed=True),
    "stopTimeout": Field("int", replace=True, computed=True),
    # Its life.
    "start": Field("bool", default=True),
    "mustRun": Field("bool", default=True),
    "wait": Field("bool"),
    "waitTimeout": Field("int", default=60),
    "attach": Field("bool"),
    "logs": Field("bool"),
    "rm": Field("bool"),
    "removeVolumes": Field("bool", default=True),
    "restart": Field(default="no", check=_matches(r"^(no|on-failure|always|unless-stopped)$")),
    "maxRetryCount": Field("int"),
    "destroyGraceSeconds": Field("int"),
    "containerReadRefreshTimeoutMilliseconds": Field("int", default=15000),
    # Updated without a replacement; healthcheck, tmpfs, init, cpuPeriod, cpuQuota and rm change nothing though.
    "healthcheck": Field("object", HEALTHCHECK, computed=True),
    "tmpfs": Field("map"),
    "init": Field("bool", computed=True),
    "memory": Field("int", check=_COUNT),
    "memoryReservation": Field("int", check=_COUNT),
    "memorySwap": Field("int", check=_at_least(-1)),
    "cpuShares": Field("int", check=_COUNT),
    "cpuSet": Field(check=_matches(r"^\d+([,-]\d+)*$")),
    "cpuPeriod": Field("int", check=_COUNT),
    "cpuQuota": Field("int", check=_COUNT),
    "deviceReadBps": Field("set", _RATE),
    "deviceReadIops": Field("set", _RATE),
    "deviceWriteBps": Field("set", _RATE),
    "deviceWriteIops": Field("set", _RATE),
    # Isolation.
    "readOnly": Field("bool", replace=True),
    "privileged": Field("bool", replace=True),
    "capabilities": Field("object", {"adds": Field("set"), "drops": Field("set")}, replace=True),
    "securityOpts": Field("set", replace=True, computed=True),
    "groupAdds": Field("set", replace=True),
    "runtime": Field(replace=True, computed=True),
    "platform": Field(replace=True, computed=True),
    "pidMode": Field(replace=True),
    "ipcMode": Field(replace=True, computed=True),
    "usernsMode": Field(replace=True),
    "cgroupnsMode": Field(replace=True),
    "cgroupParent": Field(replace=True),
    "sysctls": Field("map", replace=True),
    "storageOpts": Field("map", replace=True),
    "ulimits": Field(
        "set",
        {key: Field("string" if key == "name" else "int", required=True) for key in ("name", "soft", "hard")},
        replace=True,
    ),
    "shmSize": Field("int", replace=True, computed=True, check=_COUNT),
    "cpus": Field(replace=True),
    "logDriver": Field(replace=True, computed=True),
    "logOpts": Field("map", replace=True),
    # Files and devices.
    "mounts": Field("set", MOUNT, replace=True),
    "volumes": Field(
        "set",
        {
            "fromContainer": Field(),
            "containerPath": Field(),
            "hostPath": Field(check=_absolute),
            "volumeName": Field(),
            "readOnly": Field("bool"),
            "selinuxRelabel": Field(check=_matches(r"^(z|Z)$")),
        },
        replace=True,
    ),
    "uploads": Field("set", UPLOAD, replace=True),
    "devices": Field(
        "set",
        {"hostPath": Field(required=True), "containerPath": Field(), "permissions": Field(default="rwm")},
        replace=True,
    ),
    # Network.
    "networkMode": Field(replace=True, default="bridge"),
    "networksAdvanced": Field("set", NETWORK, replace=True),
    "ports": Field("list", PORT, replace=True, same=_same_ports),
    "publishAllPorts": Field("bool", replace=True),
    "hosts": Field("set", {"host": Field(required=True), "ip": Field(required=True)}, replace=True),
    "dns": Field("set", replace=True),
    "dnsOpts": Field("set", replace=True),
    "dnsSearches": Field("set", replace=True),
    # Only ever read.
    "bridge": Field(output=True),
    "networkDatas": Field("list", {}, output=True),
    "exitCode": Field("int", output=True),
    "containerLogs": Field(output=True),
}

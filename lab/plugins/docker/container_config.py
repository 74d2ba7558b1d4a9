"""From the inputs of docker.Container to the engine's `containers/create`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from lab.plugins.docker import durations
from lab.plugins.docker.common import labels_of
from lab.plugins.provider import ProviderError
from lab.plugins.wire import Properties

MIB = 1024 * 1024
UNCONFINED = "systempaths=unconfined"
RATES = {
    "ReadBps": "deviceReadBps",
    "ReadIOps": "deviceReadIops",
    "WriteBps": "deviceWriteBps",
    "WriteIOps": "deviceWriteIops",
}
HEALTH_TIMES = {
    "Interval": "interval",
    "Timeout": "timeout",
    "StartPeriod": "startPeriod",
    "StartInterval": "startInterval",
}


def create_body(state: Properties, api: str) -> dict[str, Any]:
    """The request that makes the container. What the program does not say is left to the image or the engine."""
    if any(word == "" for word in state.get("command", [])):
        raise ProviderError("values for command may not be empty")
    volumes, binds, volumes_from = _volumes(state.get("volumes", []))
    exposed, bindings = _ports(state.get("ports", []))
    config = {
        "Image": state["image"],
        "Hostname": state.get("hostname", ""),
        "Domainname": state.get("domainname", ""),
        "Tty": state.get("tty", False),
        "OpenStdin": state.get("stdinOpen", False),
        "StopSignal": state.get("stopSignal", ""),
        "StopTimeout": state.get("stopTimeout") or None,
        "Env": state.get("envs") or None,
        "Cmd": state.get("command") or None,
        "Entrypoint": state.get("entrypoints") or None,
        "User": state.get("user", ""),
        "WorkingDir": state.get("workingDir", ""),
        "ExposedPorts": exposed or None,
        "Volumes": volumes or None,
        "Labels": labels_of(state.get("labels")) or None,
        "Healthcheck": _healthcheck(state.get("healthcheck"), api),
    }
    security = state.get("securityOpts") or []
    host = {
        "Privileged": state.get("privileged", False),
        "PublishAllPorts": state.get("publishAllPorts", False),
        "RestartPolicy": _restart(state),
        "Runtime": state.get("runtime", ""),
        "Mounts": [_mount(mount, api) for mount in state.get("mounts", [])],
        "AutoRemove": state.get("rm", False),
        "ReadonlyRootfs": state.get("readOnly", False),
        "LogConfig": {"Type": state.get("logDriver", ""), "Config": state.get("logOpts") or {}},
        "Tmpfs": state.get("tmpfs") or None,
        "PortBindings": bindings or None,
        "ExtraHosts": [f"{entry['host']}:{entry['ip']}" for entry in state.get("hosts", [])] or None,
        "Binds": binds or None,
        "VolumesFrom": volumes_from or None,
        "Ulimits": [
            {"Name": entry["name"], "Soft": entry["soft"], "Hard": entry["hard"]} for entry in state.get("ulimits", [])
        ]
        or None,
        "CapAdd": _capabilities(state.get("capabilities", {}).get("adds")),
        "CapDrop": _capabilities(state.get("capabilities", {}).get("drops")),
        "Devices": [
            {
                "PathOnHost": device["hostPath"],
                "PathInContainer": device.get("containerPath") or device["hostPath"],
                "CgroupPermissions": device["permissions"],
            }
            for device in state.get("devices", [])
        ],
        "Dns": state.get("dns"),
        "DnsOptions": state.get("dnsOpts"),
        "DnsSearch": state.get("dnsSearches"),
        "SecurityOpt": [option for option in security if option != UNCONFINED] or None,
        # The CLI's word for "hide nothing": the engine knows only the two lists.
        **({"MaskedPaths": [], "ReadonlyPaths": []} if UNCONFINED in security else {}),
        **resources(state),
        "ShmSize": state.get("shmSize", 0) * MIB,
        **_cpu_time(state),
        "NetworkMode": state.get("networkMode", ""),
        "UsernsMode": state.get("usernsMode", ""),
        "PidMode": state.get("pidMode", ""),
        "IpcMode": state.get("ipcMode", ""),
        "Sysctls": state.get("sysctls") or None,
        "GroupAdd": state.get("groupAdds"),
        "CgroupnsMode": state.get("cgroupnsMode", ""),
        "CgroupParent": state.get("cgroupParent", ""),
        "Init": state.get("init", False),
        "StorageOpt": state.get("storageOpts") or None,
    }
    return {**config, "HostConfig": host, "NetworkingConfig": {}}


def update_body(state: Properties) -> dict[str, Any]:
    """All that a running container can be given anew."""
    return {**resources(state), "RestartPolicy": _restart(state)}


def _restart(state: Properties) -> dict[str, Any]:
    return {"Name": state.get("restart", ""), "MaximumRetryCount": state.get("maxRetryCount", 0)}


def resources(state: Properties) -> dict[str, Any]:
    """The limits that can be changed while it runs."""
    swap = state.get("memorySwap", 0)
    return {
        "CpuShares": state.get("cpuShares", 0),
        "CpusetCpus": state.get("cpuSet", ""),
        "Memory": state.get("memory", 0) * MIB,
        "MemoryReservation": state.get("memoryReservation", 0) * MIB,
        "MemorySwap": swap * MIB if swap > 0 else swap,
        **{
            f"BlkioDevice{theirs}": [{"Path": entry["path"], "Rate": entry["rate"]} for entry in state[ours]]
            for theirs, ours in RATES.items()
            if state.get(ours)
        },
    }


def _cpu_time(state: Properties) -> dict[str, int]:
    if not state.get("cpus"):
        return {"CpuPeriod": state.get("cpuPeriod", 0), "CpuQuota": state.get("cpuQuota", 0)}
    try:
        nano = Decimal(state["cpus"]) * 10**9
    except InvalidOperation:
        raise ProviderError(f"Error setting cpus: failed to parse {state['cpus']} as a rational number") from None
    if nano != int(nano):
        raise ProviderError("Error setting cpus: value is too precise")
    return {"NanoCpus": int(nano)}


def _capabilities(names: list[str] | None) -> list[str] | None:
    """The engine's spelling, as Docker's own client sends it: upper case, with the prefix, sorted."""
    upper = {name.strip().upper() for name in names or []}
    return sorted(name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}" for name in upper) or None


def _at_least(api: str, version: tuple[int, int]) -> bool:
    return tuple(int(part) for part in api.split(".")) >= version


def _healthcheck(check: Properties | None, api: str) -> dict[str, Any] | None:
    if not check:
        return None
    if durations.parse(check.get("startInterval", "0s")) and not _at_least(api, (1, 44)):
        raise ProviderError(
            '"specify health-check start interval" requires API version 1.44, but the Docker daemon API '
            f"version is {api}"
        )
    times = {theirs: durations.parse(check.get(ours, "0s")) for theirs, ours in HEALTH_TIMES.items()}
    return {"Test": check.get("tests", []), "Retries": check.get("retries", 0), **{k: v for k, v in times.items() if v}}


def _mount(mount: Properties, api: str) -> dict[str, Any]:
    result = {
        "Type": mount["type"],
        "Target": mount["target"],
        "Source": mount.get("source", ""),
        "ReadOnly": mount.get("readOnly", False),
    }
    if mount["type"] == "bind" and (bind := mount.get("bindOptions")) is not None:
        result["BindOptions"] = {"Propagation": bind.get("propagation", "")}
    if mount["type"] == "tmpfs" and (tmpfs := mount.get("tmpfsOptions")) is not None:
        result["TmpfsOptions"] = {"SizeBytes": tmpfs.get("sizeBytes", 0), "Mode": tmpfs.get("mode", 0)}
    if mount["type"] == "volume" and (volume := mount.get("volumeOptions")) is not None:
        if not _at_least(api, (1, 45)):
            raise ProviderError("Setting VolumeOptions.Subpath requires docker version 1.45 or higher")
        result["VolumeOptions"] = {
            "NoCopy": volume.get("noCopy", False),
            "Labels": labels_of(volume.get("labels")),
            "DriverConfig": {"Name": volume.get("driverName", ""), "Options": volume.get("driverOptions", {})},
            "Subpath": volume.get("subpath", ""),
        }
    return result


def _volumes(entries: list[Properties]) -> tuple[dict[str, Any], list[str], list[str]]:
    paths: dict[str, Any] = {}
    binds: list[str] = []
    from_containers: list[str] = []
    for entry in entries:
        source, path = entry.get("hostPath") or entry.get("volumeName"), entry.get("containerPath")
        if bool(path) == bool(entry.get("fromContainer")):
            problem = (
                "both a container and a path specified in a volume entry"
                if path
                else ("volume entry without container path or source container")
            )
            raise ProviderError(f"Unable to parse volumes: {problem}")
        if not path:
            from_containers.append(entry["fromContainer"])
            continue
        paths[path] = {}
        if source:
            relabel = f",{entry['selinuxRelabel']}" if entry.get("selinuxRelabel") else ""
            binds.append(f"{source}:{path}:{'ro' if entry.get('readOnly') else 'rw'}{relabel}")
    return paths, binds, from_containers


def _ports(ports: list[Properties]) -> tuple[dict[str, Any], dict[str, Any]]:
    exposed: dict[str, Any] = {}
    bindings: dict[str, Any] = {}
    for port in ports:
        key = f"{port['internal']}/{port['protocol']}"
        exposed[key] = {}
        bindings.setdefault(key, []).append({"HostPort": str(port.get("external", 0)), "HostIp": port["ip"]})
    return exposed, bindings

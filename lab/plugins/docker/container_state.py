"""From the engine's `inspect` back to the outputs of docker.Container: what a create or a refresh reads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from lab.plugins.docker import durations
from lab.plugins.docker.common import labels_from
from lab.plugins.docker.container_config import HEALTH_TIMES, MIB, RATES
from lab.plugins.wire import Properties


def read_back(container: dict[str, Any], state: Properties) -> Properties:
    """What a create or a refresh reads. Environment, labels, volumes, uploads and networks are never read back."""
    config, host, network = container["Config"], container["HostConfig"], container["NetworkSettings"]
    running = container["State"]["Running"]
    found: Properties = {
        "name": container["Name"].lstrip("/"),
        # An image given by its id is compared by its id.
        "image": container["Image"] if state.get("image", "").startswith("sha256:") else config["Image"],
        "hostname": config["Hostname"],
        "domainname": config["Domainname"],
        "command": config.get("Cmd") or [],
        "entrypoints": config.get("Entrypoint") or [],
        "user": config["User"],
        "workingDir": config["WorkingDir"],
        "tty": config["Tty"],
        "stdinOpen": config["OpenStdin"],
        "stopSignal": config.get("StopSignal", ""),
        "stopTimeout": config.get("StopTimeout") or 0,
        "rm": host["AutoRemove"],
        "readOnly": host["ReadonlyRootfs"],
        "privileged": host["Privileged"],
        "publishAllPorts": host["PublishAllPorts"],
        "restart": host["RestartPolicy"]["Name"],
        "maxRetryCount": host["RestartPolicy"]["MaximumRetryCount"],
        "init": bool(host.get("Init")),
        "securityOpts": host.get("SecurityOpt") or [],
        "runtime": host["Runtime"],
        "platform": container["Platform"],
        "mounts": [_mount(mount) for mount in host.get("Mounts") or []],
        "tmpfs": host.get("Tmpfs") or {},
        "dns": host.get("Dns") or [],
        "dnsOpts": host.get("DnsOptions") or [],
        "dnsSearches": host.get("DnsSearch") or [],
        "hosts": [
            dict(zip(("host", "ip"), entry.split(":")[:2], strict=True)) for entry in host.get("ExtraHosts") or []
        ],
        "groupAdds": host.get("GroupAdd") or [],
        "memory": host["Memory"] // MIB,
        "memoryReservation": host["MemoryReservation"] // MIB,
        "memorySwap": host["MemorySwap"] // MIB if host["MemorySwap"] > 0 else host["MemorySwap"],
        "shmSize": host["ShmSize"] // MIB,
        "cpuShares": host["CpuShares"],
        "cpuSet": host["CpusetCpus"],
        "logDriver": host["LogConfig"]["Type"],
        "networkMode": host["NetworkMode"],
        "usernsMode": host["UsernsMode"],
        "ipcMode": host["IpcMode"],
        "sysctls": host.get("Sysctls") or {},
        "storageOpts": host.get("StorageOpt") or {},
        "bridge": network.get("Bridge", ""),
        "networkDatas": [_network(name, data) for name, data in network["Networks"].items()],
        **{
            ours: [{"path": entry["Path"], "rate": entry["Rate"]} for entry in host.get(f"BlkioDevice{theirs}") or []]
            for theirs, ours in RATES.items()
        },
    }
    if host["NanoCpus"] > 0:
        found["cpus"] = cpus(host["NanoCpus"])
    if host.get("CapAdd") or host.get("CapDrop"):
        found["capabilities"] = {"adds": host.get("CapAdd") or [], "drops": host.get("CapDrop") or []}
    if config.get("Healthcheck") is not None:
        found["healthcheck"] = _healthcheck(config["Healthcheck"])
    if state.get("logOpts"):
        found["logOpts"] = host["LogConfig"].get("Config") or {}
    if state.get("pidMode"):
        found["pidMode"] = host["PidMode"]
    if state.get("ulimits"):
        found["ulimits"] = [
            {"name": entry["Name"], "soft": entry["Soft"], "hard": entry["Hard"]} for entry in host.get("Ulimits") or []
        ]
    if state.get("ports") and (running or state.get("mustRun", True)):
        found["ports"] = _ports(network.get("Ports"))
    if not running:
        found["exitCode"] = container["State"]["ExitCode"]
        # A stopped container that must run is a change: the next update starts it.
        found["mustRun"] = False
    return found


def _network(name: str, data: dict[str, Any]) -> Properties:
    return {
        "networkName": name,
        "ipAddress": data["IPAddress"],
        "ipPrefixLength": data["IPPrefixLen"],
        "gateway": data["Gateway"],
        "globalIpv6Address": data["GlobalIPv6Address"],
        "globalIpv6PrefixLength": data["GlobalIPv6PrefixLen"],
        "ipv6Gateway": data["IPv6Gateway"],
        "macAddress": data["MacAddress"],
    }


def cpus(nano: int) -> str:
    """The engine's figure as the provider reads it back: one spelling only, "1.0" and never "1"."""
    text = f"{Decimal(nano) / 10**9:.9f}"
    return f"{Decimal(text):.1f}" if text.count("0") == 9 else text.rstrip("0")


def _healthcheck(check: dict[str, Any]) -> Properties:
    """A health check as the provider reads it back, with durations in their canonical spelling."""
    times = {ours: durations.canonical(check.get(theirs, 0)) for theirs, ours in HEALTH_TIMES.items()}
    return {"tests": check.get("Test") or [], "retries": check.get("Retries", 0), **times}


def _mount(mount: dict[str, Any]) -> Properties:
    """A mount as the provider reads it back."""
    result: Properties = {
        "type": mount["Type"],
        "target": mount["Target"],
        "source": mount.get("Source", ""),
        "readOnly": mount.get("ReadOnly", False),
    }
    if (bind := mount.get("BindOptions")) is not None:
        result["bindOptions"] = {"propagation": bind.get("Propagation", "")}
    if (tmpfs := mount.get("TmpfsOptions")) is not None:
        result["tmpfsOptions"] = {"sizeBytes": tmpfs.get("SizeBytes", 0), "mode": tmpfs.get("Mode", 0)}
    if (volume := mount.get("VolumeOptions")) is not None:
        driver = volume.get("DriverConfig") or {}
        result["volumeOptions"] = {
            "noCopy": volume.get("NoCopy", False),
            "labels": labels_from(volume.get("Labels")),
            "driverName": driver.get("Name", ""),
            "driverOptions": driver.get("Options") or {},
            "subpath": volume.get("Subpath", ""),
        }
    return result


def _ports(ports: dict[str, Any] | None) -> list[Properties]:
    """The published ports, by number."""
    return [
        {
            "internal": int(key.split("/")[0]),
            "external": int(binding["HostPort"]),
            "ip": binding["HostIp"],
            "protocol": key.split("/")[1],
        }
        for key in sorted(ports or {}, key=lambda key: int(key.split("/")[0]))
        for binding in (ports or {})[key] or []
    ]

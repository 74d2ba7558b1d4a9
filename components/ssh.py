"""The way to the host: every ssh client knows its key, and no other is believed."""

from collections.abc import Sequence

from config import platform as settings


def command(host: settings.Host) -> list[str]:
    """An ssh command line that waits for what is to be run on the host."""
    return ["ssh", *options(host.host_key), "-p", str(host.port), f"{host.user}@{host.address}"]


def options(host_key: str) -> Sequence[str]:
    """The key is pinned without a file; one shared connection spares a log-in for each command."""
    chosen = {
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": "/dev/null",
        "GlobalKnownHostsFile": "/dev/null",
        "KnownHostsCommand": f"/bin/echo %H {host_key}",
        "HostKeyAlgorithms": _algorithms(host_key),
        "ControlMaster": "auto",
        "ControlPath": "~/.ssh/a4co-%C",
        "ControlPersist": "60",
        "BatchMode": "yes",
    }
    return [part for key, value in chosen.items() for part in ("-o", f"{key}={value}")]


def _algorithms(host_key: str) -> str:
    kind = host_key.split(maxsplit=1)[0]
    return "rsa-sha2-512,rsa-sha2-256" if kind == "ssh-rsa" else kind

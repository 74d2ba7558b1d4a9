"""What a killed run left behind: its lock, and what it was about to make."""

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from ops.stack import OperationError, Stack

_REMOVE = {
    "docker:index/container:Container": 'docker rm --force --volumes "$1"',
    "docker:index/network:Network": 'docker network rm "$1"',
}


def recover(stack: Stack) -> None:
    """Take away a dead run's lock and its half-made resources; raise when the run is alive."""
    for lock in _locks(stack):
        holder = json.loads(lock.read_text())
        if holder.get("hostname") != socket.gethostname() or _is_pulumi(holder["pid"]):
            raise OperationError(
                f"{holder.get('username')}@{holder.get('hostname')} (process {holder['pid']}) has been deploying "
                f"{stack.name} since {holder['timestamp']}: wait, or if it is dead: pulumi cancel --stack {stack.name}"
            )
        print(f"a killed run's lock is taken away (process {holder['pid']})")
        stack.asked("cancel", "--yes")
    exported = stack.pulumi("stack", "export")
    state = json.loads(exported.stdout) if exported.returncode == 0 else {}
    if pending := (state.get("deployment") or {}).pop("pending_operations", None):
        _forget(stack, state, pending)


def _forget(stack: Stack, state: dict[str, Any], pending: list[dict[str, Any]]) -> None:
    """Remove what a killed run was about to make, on the host and in the state."""
    for operation in pending:
        resource = operation["resource"]
        if operation["type"] == "creating" and (remove := _REMOVE.get(resource["type"])):
            print(f"half-made, taken away: {resource['inputs']['name']}")
            stack.on_host(f"{remove} >/dev/null 2>&1 || true", resource["inputs"]["name"])
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(state, file)
        file.flush()
        stack.asked("stack", "import", "--file", file.name)


def _locks(stack: Stack) -> Iterator[Path]:
    """The stack's locks, where the backend is a folder of this machine; other backends tell themselves."""
    backend = urlparse(os.environ.get("PULUMI_BACKEND_URL", ""))
    if backend.scheme == "file":
        folder = Path(backend.netloc + backend.path).expanduser() / ".pulumi" / "locks"
        yield from (path for path in folder.rglob("*.json") if path.parent.name == stack.name)


def _is_pulumi(pid: int) -> bool:
    asked = subprocess.run(["ps", "-p", str(pid), "-o", "comm="], capture_output=True, text=True, check=False)
    return asked.stdout.strip().rpartition("/")[2] == "pulumi"

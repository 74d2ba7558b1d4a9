"""This program, as an operator runs it: a copy of it, with a stack and a state of its own."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.run import Done, timed
from lab import deploy
from lab.checkout import Checkout, write
from lab.engine import Docker

_STACK = "bench"
_OVER_SOCKET = '''\
"""The program as it is, but for one thing: the Docker provider is led to the engine's own socket."""

import pulumi


def _local(args):
    if args.type_ == "pulumi:providers:docker":
        return pulumi.ResourceTransformationResult(props={{"host": "unix://{socket}"}}, opts=args.opts)
    return None


pulumi.runtime.register_stack_transformation(_local)

import program  # noqa: E402, F401
'''


class Program:
    """`apply` deploys what the sections of a stack file describe."""

    name = "this program"

    def __init__(self, checkout: Checkout, work: Path) -> None:
        self._checkout, self._work, self._folder = checkout, work, work / "program"
        self._env = {**deploy.environment(checkout), "PULUMI_BACKEND_URL": f"file://{work / 'state'}"}
        self._folder.mkdir(parents=True)
        for part in ("__main__.py", "Pulumi.yaml"):
            shutil.copy(checkout.root / part, self._folder)
        for part in ("components", "config"):
            shutil.copytree(checkout.root / part, self._folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        (self._folder / ".venv").symlink_to(checkout.root / ".venv")
        self._empty()

    def forget(self) -> None:
        """Nothing is deployed: a new state."""
        shutil.rmtree(self._work / "state", ignore_errors=True)
        for folder in (self._folder, self._work / "floor"):
            (folder / f"Pulumi.{_STACK}.yaml").unlink(missing_ok=True)
        (self._work / "state").mkdir()
        for folder in (self._folder, self._work / "floor"):
            self._pulumi(folder, "stack", "init").must()

    def configure(self, sections: Mapping[str, Any]) -> None:
        """Write the stack's file."""
        path = self._folder / f"Pulumi.{_STACK}.yaml"
        salt = yaml.safe_load(path.read_text())["encryptionsalt"]
        config = {f"a4co:{key}": value for key, value in sections.items()}
        write(path, yaml.safe_dump({"config": config, "encryptionsalt": salt}))

    def start(self, sections: Mapping[str, Any]) -> Done:
        """Deploy onto an empty host."""
        return self.apply(sections)

    def apply(self, sections: Mapping[str, Any]) -> Done:
        """Deploy."""
        self.configure(sections)
        return self.up()

    def up(self) -> Done:
        """Deploy what is configured."""
        return self._pulumi(self._folder, "up", "--yes", "--skip-preview")

    def preview(self) -> Done:
        """Show what would change."""
        return self._pulumi(self._folder, "preview")

    def floor(self, command: str) -> Done:
        """The same command with an empty program: what the engine and Python take by themselves."""
        options = ("--yes", "--skip-preview") if command == "up" else ()
        return self._pulumi(self._work / "floor", command, *options)

    def apply_over_socket(self, sections: Mapping[str, Any], socket: Path) -> Done:
        """Deploy with the Docker provider on the engine's socket instead of SSH."""
        self.configure(sections)
        folder = self._work / "over-socket"
        if not folder.exists():
            folder.mkdir()
            for part in ("Pulumi.yaml", f"Pulumi.{_STACK}.yaml", "components", "config", ".venv"):
                (folder / part).symlink_to(self._folder / part)
            (folder / "program.py").symlink_to(self._folder / "__main__.py")
            write(folder / "__main__.py", _OVER_SOCKET.format(socket=socket))
        return self._pulumi(folder, "up", "--yes", "--skip-preview")

    def _empty(self) -> None:
        folder = self._work / "floor"
        folder.mkdir()
        project = yaml.safe_load((self._checkout.root / "Pulumi.yaml").read_text())
        write(folder / "Pulumi.yaml", yaml.safe_dump({"name": "floor", "runtime": project["runtime"]}))
        write(folder / "__main__.py", '"""Nothing."""\n')
        (folder / ".venv").symlink_to(self._checkout.root / ".venv")

    def _pulumi(self, folder: Path, *arguments: str) -> Done:
        command = deploy.pulumi(self._checkout, *arguments, "--stack", _STACK)
        return timed(command, env=self._env, cwd=folder)


def engine_socket(checkout: Checkout) -> Path | None:
    """The lab engine's own socket, as this machine sees it; None where this user may not open it."""
    _, pid = Docker().ask("inspect", "--format", "{{.State.Pid}}", checkout.name)
    socket = Path(f"/proc/{pid}/root/run/docker.sock")
    return socket if os.access(socket, os.W_OK) else None

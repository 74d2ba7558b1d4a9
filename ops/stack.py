"""A stack as its operator sees it: its file, its host, its pulumi."""

import shlex
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from components import ssh
from config.load import ROOT, ConfigurationError, read
from config.platform import Platform


class OperationError(Exception):
    """What was asked for can't be done; the message says why, and the way out. Nothing was changed."""


@dataclass(frozen=True)
class Stack:
    """One stack of the project, by name."""

    name: str

    @property
    def file(self) -> Path:
        """What git has of it."""
        return ROOT / f"Pulumi.{self.name}.yaml"

    @cached_property
    def platform(self) -> Platform:
        """What its file describes."""
        try:
            return read(self.name).platform
        except ConfigurationError as error:
            raise OperationError(str(error)) from None

    def on_host(self, script: str, *arguments: str) -> str:
        """Run a script on its host and return what it printed."""
        host = self.platform.host
        remote = shlex.join(("bash", "-s", "--", *arguments))
        line = [*ssh.command(host), remote]
        done = subprocess.run(line, input=script, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OperationError(f"{host.address}: {done.stderr.strip() or f'ssh ended with {done.returncode}'}")
        return done.stdout

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pulumi quietly; its answer, whatever it was."""
        line = ["pulumi", *arguments, "--stack", self.name, "--non-interactive", "--color=never"]
        return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    def asked(self, *arguments: str) -> str:
        """What pulumi answers; an error if it can't."""
        done = self.pulumi(*arguments)
        if done.returncode:
            raise OperationError((done.stderr or done.stdout).strip())
        return done.stdout

    def up(self, *arguments: str) -> int:
        """`pulumi up` on the terminal, without a question; its exit status."""
        line = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", self.name, *arguments]
        return subprocess.run(line, cwd=ROOT, check=False, stdin=subprocess.DEVNULL).returncode

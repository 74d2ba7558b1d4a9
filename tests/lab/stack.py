"""The lab's stack as an operator changes it, with a ninth service that the tests can make misbehave."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from config.load import merge
from tests.lab.load import Load

ROOT = Path(__file__).parents[2]
PARROT = {
    "port": 8090,
    "build": {"workspace": "tests/fixtures/other-team", "folder": "services/parrot"},
    "database": "parrot",
    "poolSize": 5,
    "migrate": ["node", "dist/migrate.js"],
    "health": {"path": "/alive", "healthyWithin": "20s"},
    "routes": [{"path": "/parrot/", "webSocket": True}],
    "variables": {"GREETING": "hello"},
    "secrets": {"PARROT_KEY": {"generated": "parrot"}},
    "limits": {"memory": "256MB", "reservedMemory": "64MB"},
}
# For tests whose visitors come thick and fast, all from one address.
UNLIMITED = {"rates": {zone: {"perSecond": 10_000, "burst": 10_000} for zone in ("general", "api", "auth")}}


def pulumi(
    *arguments: str, check: bool = True, stack: str = "lab", stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run pulumi on a stack, as somebody who types it."""
    command = ["pulumi", *arguments, "--stack", stack, "--non-interactive", "--color", "never"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, input=stdin)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


class Stack:
    """The lab's stack with changes to its file, as an operator would make them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._live: dict[str, Any] | None = None
        self.reset()

    def reset(self) -> "Stack":
        """The lab's own stack, and nothing that an earlier test laid over it."""
        self._sections: dict[str, Any] = {}
        return self.change()

    def change(self, **sections: Any) -> "Stack":
        """Lay these sections over what the file has by now."""
        self._sections = merge(self._sections, sections)
        original = yaml.safe_load((ROOT / "Pulumi.lab.yaml").read_text())
        config = merge(original["config"], {f"a4co:{key}": value for key, value in self._sections.items()})
        self.path.write_text(yaml.safe_dump({**original, "config": config}))
        return self

    def parrot(self, **entry: Any) -> "Stack":
        return self.change(services={"parrot": entry})

    def up(self, *, check: bool = True) -> Any:
        self._live = None
        done = pulumi("up", "--yes", "--skip-preview", "--config-file", str(self.path), check=check)
        self._live = self._sections if done.returncode == 0 else None
        return done

    def live(self) -> "Stack":
        """Deploy it, unless this is what was deployed last."""
        if self._live != self._sections:
            self.up()
        return self

    @contextmanager
    def starting(self) -> Iterator[subprocess.Popen[str]]:
        """A deployment under way, in a process group of its own."""
        self._live = None
        command = ["pulumi", "up", "--yes", "--skip-preview", "--config-file", str(self.path), "--stack", "lab"]
        with subprocess.Popen(
            [*command, "--non-interactive"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            text=True, start_new_session=True,
        ) as process:  # fmt: skip
            yield process

    def repair(self) -> None:
        """Deploy as an operator does after something went wrong."""
        ops("up", "lab", "--config-file", str(self.path))

    def setting(self, section: str) -> Any:
        """What a section of the file was changed to."""
        return self._sections.get(section)

    def release(self) -> str:
        """The id of what is live."""
        return json.loads(pulumi("stack", "output", "release", "--json").stdout)["id"]


def with_parrot(stack: Stack) -> Stack:
    """The lab's own stack and the ninth service, for visitors without number; not deployed yet."""
    return stack.reset().parrot(**PARROT).change(edge=UNLIMITED)


def ops(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run an operator's command."""
    command = [sys.executable, "-m", "ops", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def exactly_once(load: Load) -> None:
    """Every POST of the load happened, and happened once."""
    tally = httpx.get(f"{load.base}/parrot/tally", params={"run": load.run}).json()
    assert tally == {"keys": load.posts, "times": load.posts}

"""All that a stack would have on a new host, to the last field: without the host, its key, or any real secret."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config.load import ROOT
from ops import answers
from ops.stack import OperationError

COMMAND = "command:remote:Command"
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"
_PACKAGES = ("docker", "command", "random")
_SIGNATURE, _IS_SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
_UNREACHABLE = ("SSH_AUTH_SOCK", "PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE_FILE")


class PlanError(OperationError):
    """The program can't be previewed; the message says why."""


@dataclass(frozen=True)
class Resource:
    """One resource: `inputs` with made-up secrets, `clear` with `[secret]` in their place."""

    urn: str
    inputs: dict[str, Any]
    clear: dict[str, Any]
    protected: bool = False
    retained: bool = False

    @property
    def kind(self) -> str:
        """The resource's type, without its parents'."""
        return answers.kind_of(self.urn)

    @property
    def name(self) -> str:
        """The resource's own name."""
        return self.urn.split("::")[3]


@dataclass(frozen=True)
class Plan:
    """Every resource by its URN, and the made-up secrets."""

    environment: str
    resources: dict[str, Resource]
    secrets: frozenset[str]
    warnings: tuple[str, ...] = ()

    def of_kind(self, kind: str) -> list[Resource]:
        """The resources of one type."""
        return [resource for resource in self.resources.values() if resource.kind == kind]


def plan(root: Path, stack: str) -> Plan:
    """Preview the program in `root` on an empty backend of its own, with plug-ins that make up their answers."""
    path = root / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        raise PlanError(f"{path.name} is missing")
    if not shutil.which("pulumi"):
        raise PlanError("pulumi is not on PATH: install it, or type this in `make shell`")
    values = yaml.safe_load(path.read_text())["config"]
    with tempfile.TemporaryDirectory(prefix="a4co-plan-") as folder:
        scratch = Path(folder)
        environment = _environment(scratch)
        stack_file, given = _stack_file(root, scratch, stack, values, environment)
        _proved_elsewhere(root, scratch, values, environment)
        saved = scratch / "plan.json"
        options = ("--json", "--show-secrets", "--save-plan", str(saved), "--config-file", str(stack_file))
        done = _pulumi(root, environment, "preview", "--stack", stack, *options)
        result = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        said = diagnostics(result)
        if done.returncode:
            raise PlanError("\n".join(said) or done.stderr.strip())
        planned = json.loads(saved.read_text())["resourcePlans"]
    created = [step for step in result["steps"] if step["op"] == "create"]  # the rest is only read: another stack
    resources = {step["urn"]: _resource(step, planned[step["urn"]]) for step in created}
    passwords = {answers.made_up(r.name) for r in resources.values() if r.kind == answers.PASSWORD}
    return Plan(values.get("a4co:environment", "production"), resources, frozenset(passwords | given), tuple(said))


def diagnostics(result: dict[str, Any]) -> list[str]:
    """What a preview says besides its steps, without what pulumi says of its plug-ins."""
    found: list[str] = []
    for diagnostic in result.get("diagnostics") or []:
        severity = diagnostic["severity"]
        message = diagnostic["message"].strip().removeprefix(f"{severity}: ")
        if severity in ("warning", "error") and not message.startswith(("using pulumi-", "resource plugin ")):
            found.append(f"{severity}: {message}")
    return found


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Another commit's program, beside this one, with this one's Python packages and lab."""
    with tempfile.TemporaryDirectory(prefix="a4co-base-") as folder:
        root = Path(folder) / "base"
        added = _git("worktree", "add", "--quiet", "--detach", str(root), commit)
        if added.returncode:
            raise PlanError(f"{commit} can't be checked out: {added.stderr.strip()}")
        try:
            for shared in (".venv", ".lab"):
                if (ROOT / shared).exists():
                    (root / shared).symlink_to(ROOT / shared)
            yield root
        finally:
            _git("worktree", "remove", "--force", str(root))


def _environment(scratch: Path) -> dict[str, str]:
    """What pulumi runs with: nothing that belongs to anybody, and the plug-in in every package's place."""
    programs = scratch / "bin"
    for folder in ("bin", "state", "home", "project"):
        (scratch / folder).mkdir()
    for package in _PACKAGES:
        program = programs / f"pulumi-resource-{package}"
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "{answers.__file__}" "$@"\n')
        program.chmod(0o755)
    return {key: value for key, value in os.environ.items() if key not in _UNREACHABLE} | {
        "PATH": os.pathsep.join((str(programs), os.environ["PATH"])),
        "PULUMI_BACKEND_URL": f"file://{scratch / 'state'}",
        "PULUMI_HOME": str(scratch / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "made up",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def _stack_file(
    root: Path, scratch: Path, stack: str, values: dict[str, Any], environment: dict[str, str]
) -> tuple[Path, set[str]]:
    """The stack's file with made-up secrets in place of those that only its passphrase opens; and these secrets."""
    project = scratch / "project"
    (project / "Pulumi.yaml").write_bytes((root / "Pulumi.yaml").read_bytes())
    secret = {key for key, value in values.items() if isinstance(value, dict) and set(value) == {"secure"}}
    path = project / f"Pulumi.{stack}.yaml"
    path.write_text(yaml.safe_dump({"config": {key: value for key, value in values.items() if key not in secret}}))
    given = {key: answers.made_up(key) for key in sorted(secret)}
    _checked(project, environment, "stack", "init", stack)
    if given:
        pairs = [argument for key, value in given.items() for argument in ("--secret", f"{key}={value}")]
        _checked(project, environment, "config", "set-all", "--stack", stack, *pairs)
    return path, set(given.values())


def _proved_elsewhere(root: Path, scratch: Path, values: dict[str, Any], environment: dict[str, str]) -> None:
    """The stack that a promotion refers to; the digests of its release are made up, and begin with the release's id."""
    promotion = values.get("a4co:promotion")
    if not promotion:
        return
    project, source, release = scratch / "project", promotion["from"], promotion["release"]
    catalogue = yaml.safe_load((root / values.get("a4co:catalogue", "config/catalogue.yaml")).read_text())
    services = catalogue.keys() | values.get("a4co:services", {}).keys()
    images = {name: f"{source}/{name}@sha256:{release.ljust(64, '0')}" for name in services}
    stack = {
        "urn": f"urn:pulumi:{source}::a4co::pulumi:pulumi:Stack::a4co-{source}",
        "type": "pulumi:pulumi:Stack",
        "custom": False,
        "outputs": {"release": {"id": release}, "images": images},
    }
    exported = scratch / "source.json"
    exported.write_text(json.dumps({"version": 3, "deployment": {"resources": [stack]}}))
    _checked(project, environment, "stack", "init", source)
    _checked(project, environment, "stack", "import", "--stack", source, "--file", str(exported))


def _resource(step: dict[str, Any], planned: dict[str, Any]) -> Resource:
    """From the preview what is clear, from the plan the rest."""
    state = step["newState"]
    clear = state.get("inputs") or {}
    given = _revealed(planned["goal"]["inputDiff"].get("adds") or {})
    return Resource(
        step["urn"], {**clear, **given}, clear, state.get("protect", False), state.get("retainOnDelete", False)
    )


def _revealed(value: Any) -> Any:
    """The value without the marks that say what is secret."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _IS_SECRET:
            return _revealed(json.loads(value["plaintext"]))
        return {key: _revealed(item) for key, item in value.items()}
    return [_revealed(item) for item in value] if isinstance(value, list) else value


def _checked(cwd: Path, environment: dict[str, str], *arguments: str) -> None:
    done = _pulumi(cwd, environment, *arguments)
    if done.returncode:
        raise PlanError(done.stderr.strip())


def _pulumi(cwd: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

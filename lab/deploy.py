"""Pulumi on the stack `lab`: its environment, and what a killed run left behind."""

import json
import os
import re
import socket
import subprocess
import sys
from typing import Any

from lab import toolchain
from lab.checkout import Checkout
from lab.engine import Docker
from lab.steps import Step, StepError

STACK = "lab"
_REMOVE = {
    "docker:index/container:Container": ("rm", "--force", "--volumes"),
    "docker:index/network:Network": ("network", "rm"),
}


def environment(checkout: Checkout) -> dict[str, str]:
    """What pulumi runs with. The passphrase is no secret: the lab's secrets live as long as the lab."""
    state = checkout.dir / "state"
    state.mkdir(parents=True, exist_ok=True)
    path = [str(toolchain.bin_dir(checkout)), str(checkout.root / ".venv" / "bin"), os.environ.get("PATH", "")]
    return {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "lab",
        "PULUMI_HOME": str(checkout.dir / "pulumi-home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def pulumi(checkout: Checkout, *arguments: str) -> tuple[str, ...]:
    """A pulumi command line for a run that nobody answers."""
    return (str(toolchain.bin_dir(checkout) / "pulumi"), "--non-interactive", "--color=never", *arguments)


def own_agent(arguments: list[str]) -> None:
    """Begin again under an ssh-agent of our own, which ends when this process does."""
    if "LAB_AGENT" not in os.environ:
        os.environ["LAB_AGENT"] = "1"
        try:
            os.execvp("ssh-agent", ["ssh-agent", sys.executable, "-m", "lab", *arguments])  # noqa: S606
        except FileNotFoundError:
            raise StepError("ssh-agent is not installed", "install the OpenSSH client") from None


def deployed(checkout: Checkout) -> bool:
    """Whether the stack has resources."""
    return bool(_checkpoint(checkout).get("resources"))


def select(step: Step, checkout: Checkout) -> None:
    """Have the stack, and have it chosen."""
    _run(step, checkout, "stack", "select", "--create", STACK)


def add_key(step: Step, checkout: Checkout) -> None:
    """Give the agent the lab's key."""
    step.run("ssh-add", "-q", checkout.dir / "ssh" / "id_ed25519", way_out="install the OpenSSH client")


def prepare(step: Step, checkout: Checkout, docker: Docker) -> None:
    """The stack, ready for an update: without the lock and the half-made containers of a run that was killed."""
    add_key(step, checkout)
    select(step, checkout)
    for lock in (checkout.dir / "state" / ".pulumi" / "locks").rglob("*.json"):
        holder = json.loads(lock.read_text())
        if holder.get("hostname") == socket.gethostname() and _is_pulumi(holder["pid"]):
            raise StepError(
                f"another pulumi works on the lab (process {holder['pid']})", "wait until it ended, or end it", step.log
            )
        _run(step, checkout, "cancel", "--yes", "--stack", STACK)
    if pending := _checkpoint(checkout).get("pending_operations"):
        _forget(step, checkout, docker, pending)


def up(step: Step, checkout: Checkout, *arguments: str) -> None:
    """Deploy."""
    printed = _run(step, checkout, "up", "--yes", "--skip-preview", "--stack", STACK, *arguments)
    step.note = _summary(printed)


def destroy(step: Step, checkout: Checkout, *arguments: str) -> None:
    """Remove all but what is protected."""
    command = ("destroy", "--yes", "--skip-preview", "--exclude-protected", "--stack", STACK, *arguments)
    printed = _run(step, checkout, *command)
    step.note = _summary(printed)


def diagnosis(printed: str) -> str:
    """Pulumi's first error and the resource it is about."""
    about = ""
    lines = printed.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if found := re.match(r"\s{2}([\w:./-]+ \([^)]*\)):$", line):
            about = f"{found[1]}: "
        elif (found := re.search(r"\berror: (.*)", line)) and not re.search(r"(update|preview|destroy) failed", line):
            # A command on the host: what it printed says more than its text.
            error, is_command, _ = found[1].partition(': running "')
            return f"{about}{error}{': ' + following.strip() if is_command else ''}"[:500]
    return ""


def _run(step: Step, checkout: Checkout, *arguments: str) -> str:
    return step.run(
        *pulumi(checkout, *arguments), env=environment(checkout), cwd=checkout.root, explain=diagnosis,
        way_out="mend that and run it again: it carries on from here",
    )  # fmt: skip


def _forget(step: Step, checkout: Checkout, docker: Docker, pending: list[dict[str, Any]]) -> None:
    """Remove what a killed run was about to make, on the host and in the state."""
    for operation in pending:
        resource = operation["resource"]
        if operation["type"] == "creating" and (remove := _REMOVE.get(resource["type"])):
            docker.ask(*remove, resource["inputs"]["name"])
    exported = checkout.dir / "exported.json"
    _run(step, checkout, "stack", "export", "--stack", STACK, "--file", str(exported))
    stack = json.loads(exported.read_text())
    stack["deployment"].pop("pending_operations", None)
    exported.write_text(json.dumps(stack))
    _run(step, checkout, "stack", "import", "--stack", STACK, "--file", str(exported))
    exported.unlink()


def _checkpoint(checkout: Checkout) -> dict[str, list[dict[str, Any]]]:
    """The stack's last saved state; empty before the first deployment."""
    files = list((checkout.dir / "state" / ".pulumi" / "stacks").rglob(f"{STACK}.json"))
    return (json.loads(files[0].read_text())["checkpoint"].get("latest") or {}) if files else {}


def _is_pulumi(pid: int) -> bool:
    asked = subprocess.run(["ps", "-p", str(pid), "-o", "comm="], capture_output=True, text=True, check=False)
    return asked.stdout.strip().rpartition("/")[2] == "pulumi"


def _summary(printed: str) -> str:
    """What pulumi says that it changed."""
    _, _, resources = printed.rpartition("Resources:")
    counts, _, _ = resources.partition("Duration:")
    return ", ".join(line.strip() for line in counts.splitlines() if line.strip())

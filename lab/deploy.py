"""Pulumi and the operators' commands on the stack `lab`, and their environment."""

import itertools
import json
import os
import re
import sys
from typing import Any

from lab import toolchain
from lab.checkout import Checkout
from lab.steps import Step, StepError

STACK = "lab"


def environment(checkout: Checkout) -> dict[str, str]:
    """What pulumi runs with. The passphrase is no secret: the lab's secrets live as long as the lab."""
    state = checkout.dir / "state"
    state.mkdir(parents=True, exist_ok=True)
    path = [str(toolchain.bin_dir(checkout)), str(checkout.root / ".venv" / "bin"), os.environ.get("PATH", "")]
    return {
        **os.environ,
        "PATH": os.pathsep.join(path),
        # Without files beside the state's, which who reads another stack's outputs may find half-written.
        "PULUMI_BACKEND_URL": f"file://{state}?metadata=skip",
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
    _run(step, checkout, *pulumi(checkout, "stack", "select", "--create", STACK))


def add_key(step: Step, checkout: Checkout) -> None:
    """Give the agent the lab's key."""
    step.run("ssh-add", "-q", checkout.dir / "ssh" / "id_ed25519", way_out="install the OpenSSH client")


def prepare(step: Step, checkout: Checkout) -> None:
    """The key and the stack, ready for whatever operates on it."""
    add_key(step, checkout)
    select(step, checkout)


def up(step: Step, checkout: Checkout, *arguments: str) -> None:
    """Deploy."""
    step.note = _summary(_run(step, checkout, *operation("up", *arguments)))


def destroy(step: Step, checkout: Checkout, *arguments: str) -> None:
    """Remove all but what is protected."""
    _run(step, checkout, *operation("recover"))
    command = ("destroy", "--yes", "--skip-preview", "--exclude-protected", "--stack", STACK, *arguments)
    step.note = _summary(_run(step, checkout, *pulumi(checkout, *command)))


def operation(name: str, *arguments: str) -> tuple[str, ...]:
    """The command line of an operator's command on the lab's stack."""
    return (sys.executable, "-m", "ops", name, STACK, *arguments)


def diagnosis(printed: str) -> str:
    """Pulumi's first error and the resource it is about; of a command on the host, what it said."""
    about = ""
    lines = iter(printed.rpartition("\nDiagnostics:\n")[2].splitlines())
    for line in lines:
        if found := re.match(r"\s{2}([\w:./-]+ \([^)]*\)):$", line):
            about = f"{found[1]}: "
        elif (found := re.search(r"\berror: (.*)", line)) and not re.search(r"(update|preview|destroy) failed", line):
            error, is_command, _ = found[1].partition(': running "')
            said = "; ".join(part.strip() for part in itertools.takewhile(str.strip, lines)) if is_command else ""
            return f"{about}{error}{': ' + said if said else ''}"[:500]
    return ""


def _run(step: Step, checkout: Checkout, *command: str) -> str:
    return step.run(
        *command, env=environment(checkout), cwd=checkout.root, explain=diagnosis,
        way_out="mend that and run it again: it carries on from here",
    )  # fmt: skip


def _checkpoint(checkout: Checkout) -> dict[str, list[dict[str, Any]]]:
    """The stack's last saved state; empty before the first deployment."""
    files = list((checkout.dir / "state" / ".pulumi" / "stacks").rglob(f"{STACK}.json"))
    return (json.loads(files[0].read_text())["checkpoint"].get("latest") or {}) if files else {}


def _summary(printed: str) -> str:
    """What pulumi says that it changed."""
    _, _, resources = printed.rpartition("Resources:")
    counts, _, _ = resources.partition("Duration:")
    return ", ".join(line.strip() for line in counts.splitlines() if line.strip())

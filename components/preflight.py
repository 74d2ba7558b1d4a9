"""Before anything is touched: whether the host can have a release now, and the lease that keeps others out."""

import atexit
import os
import re
import shlex
import socket
import subprocess
import threading
import time
import uuid
from getpass import getuser
from pathlib import Path

import pulumi

from components import ssh
from config import Platform

_SCRIPT = Path(__file__).with_name("scripts") / "preflight.sh"
_HELD = 75  # the exit status that says: somebody else has the lease
_RENEWED_EVERY_S = 60  # it expires after 300 s
_PATIENCE_S = 15


def preflight(platform: Platform) -> None:
    """Take the lease on the stack until this process ends; raise `pulumi.RunError` when there can be no release now."""
    # ssh keeps the shared connection's socket there, and fails where the folder is missing.
    Path("~/.ssh").expanduser().mkdir(mode=0o700, exist_ok=True)
    run = f"{_machine()}:{os.getpid()}"
    answer, waited_until = _ask(platform, run), time.monotonic() + _PATIENCE_S
    # The program of a run that failed outlives its engine for a moment.
    while answer.returncode == _HELD and time.monotonic() < waited_until:
        holder = answer.stdout.split()[0]
        dead = _is_dead(holder)
        if not dead:
            time.sleep(1)
        answer = _ask(platform, run, dead=holder if dead else "-")
    if answer.returncode == _HELD:
        _, who, age, left = answer.stdout.split()
        raise pulumi.RunError(
            f"{who} has been deploying {platform.stack} for {age} s: nothing was changed; "
            f"wait until that ends, or for {left} s after it was killed"
        )
    if answer.returncode:
        said = answer.stderr.strip() or f"ssh ended with {answer.returncode}"
        raise pulumi.RunError(f"{platform.host.address} can't have a release now, nothing was changed: {said}")
    over = threading.Event()
    threading.Thread(target=_renew, args=(platform, run, over), daemon=True).start()
    atexit.register(_give_back, platform, run, over)


def _ask(platform: Platform, run: str, *, dead: str = "-") -> subprocess.CompletedProcess[str]:
    needs = (_commands(platform), str(platform.edge.http_port), str(platform.edge.https_port))
    arguments = (platform.directory, platform.stack, run, _owner(), _commit(), dead, *needs)
    return _run(platform, shlex.join(("bash", "-s", "--", *arguments)), _SCRIPT.read_text())


def _commands(platform: Platform) -> str:
    """What the host needs besides Docker: to check certificates, and to renew them."""
    return "openssl crontab" if platform.edge.tls.acme else "openssl"


def _run(platform: Platform, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    line = [*ssh.command(platform.host), command]
    return subprocess.run(line, input=stdin, capture_output=True, text=True, check=False)


def _renew(platform: Platform, run: str, over: threading.Event) -> None:
    while not over.wait(_RENEWED_EVERY_S):
        _while_ours(platform, run, "touch")


def _give_back(platform: Platform, run: str, over: threading.Event) -> None:
    over.set()
    _while_ours(platform, run, "rm")


def _while_ours(platform: Platform, run: str, command: str) -> None:
    lease = f"{platform.directory}/lease"
    _run(platform, f"grep -q '^{run} ' {lease} 2>/dev/null && {command} {lease}")


def _machine() -> str:
    return f"{socket.gethostname()}-{uuid.getnode():x}"


def _is_dead(run: str) -> bool:
    """Whether a run was one of this machine's and is gone."""
    machine, _, pid = run.rpartition(":")
    if machine != _machine():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    return False


def _owner() -> str:
    """Who deploys: the person behind a workflow, else the user here."""
    return re.sub(r"[^\w.@-]", "_", os.environ.get("GITHUB_ACTOR") or f"{getuser()}@{socket.gethostname()}")


def _commit() -> str:
    """The commit that the program runs from, and whether something was changed since."""
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(describe, cwd=_SCRIPT.parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"

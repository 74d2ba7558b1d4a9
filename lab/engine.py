"""A Docker engine on this machine: the one that runs, else Debian's, started in the background."""

import fcntl
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lab import leftovers
from lab.steps import Step, StepError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PID_FILES = {
    "dockerd": Path("/var/run/docker.pid"),
    "containerd": Path("/var/run/docker/containerd/containerd.pid"),
}


@dataclass(frozen=True)
class Docker:
    """The `docker` command: for this machine's engine, or for the one that `ssh` leads to."""

    ssh: tuple[str, ...] = ()

    def __call__(self, *arguments: str | Path) -> tuple[str, ...]:
        """The command line for these arguments."""
        command = ("docker", *map(str, arguments))
        return (*self.ssh, shlex.join(command)) if self.ssh else command

    def ask(self, *arguments: str) -> tuple[bool, str]:
        """Whether it succeeded, and what it answered."""
        done = subprocess.run(self(*arguments), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        return done.returncode == 0, done.stdout.strip()


def ensure(step: Step) -> None:
    """See to it that `docker` on this machine answers."""
    version = running()
    if version:
        step.note = f"Docker {version} runs"
        return
    if host := os.environ.get("DOCKER_HOST"):
        raise StepError(f"no Docker engine answers at DOCKER_HOST={host}", "start it, or unset DOCKER_HOST", step.log)
    if not (os.geteuid() == 0 and shutil.which("apt-get")):
        raise StepError(
            "no Docker engine answers on this machine", "start Docker, on a laptop Docker Desktop", step.log
        )
    # One engine serves every checkout: the first one starts it.
    with (Path(tempfile.gettempdir()) / "a4co-engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not running():
            _install(step)
            _start(step)
    step.note = f"Docker {running()} started"


def ensure_browser(step: Step) -> None:
    """See to it that the tests find a Chromium."""
    if not any(map(shutil.which, BROWSERS)):
        if not (os.geteuid() == 0 and shutil.which("apt-get")):
            raise StepError("no Chromium on this machine, and a test needs one", "install Chromium or Chrome", step.log)
        apt_install(step, "chromium")


def apt_install(step: Step, *packages: str) -> None:
    """Install Debian packages on this machine."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ("apt-get", "-y", "-o", "DPkg::Lock::Timeout=300")
    way_out = "check that the Debian mirror answers (`apt-get update`), then run it again"
    step.run(*apt, "update", way_out=way_out, env=env)
    step.run(*apt, "install", "--no-install-recommends", *packages, way_out=way_out, env=env)


def _install(step: Step) -> None:
    if not shutil.which("dockerd"):
        apt_install(step, "docker.io", "iptables")


def _start(step: Step) -> None:
    log = step.log.with_name("dockerd.log")
    if Path("/run/systemd/system").is_dir():
        step.run("systemctl", "start", "docker", way_out="see `journalctl -u docker`")
    else:
        # A process id from before a reboot or a kill may belong to something else by now.
        for program, file in _PID_FILES.items():
            if file.exists() and not _runs(program, file.read_text().strip()):
                file.unlink()
        with log.open("ab") as output:
            # In a session of its own and without a run's mark: it stays when this program ends.
            env = {name: value for name, value in os.environ.items() if name != leftovers.VARIABLE}
            subprocess.Popen(
                ["dockerd"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, start_new_session=True
            )
    for _ in range(60):
        if running():
            return
        time.sleep(1)
    raise StepError("the Docker engine did not start within a minute", "its log says why", log)


def _runs(program: str, pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == program
    except OSError:
        return False


def running() -> str:
    """The running engine's version, empty when none answers."""
    try:
        found = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""

"""Somebody who follows a page: a server that has nothing but Docker, and a machine to deploy it from."""

import json
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from lab import host, leftovers, registry, toolchain
from lab.checkout import Checkout, write
from lab.steps import Steps
from tests.documents import ROOT, tracked
from tests.lab.conftest import until

ON_SERVER = "# on the server, as root"
# What the engine needs to run in a container, and to resolve names there; as for the lab's own host.
_ENGINE = {"bip": "10.201.0.1/24", "dns": ["10.201.0.1"], "experimental": True, "ip6tables": True}
# The lab's machines have no systemd. A new daemon.json does not have these settings: they are put in.
_SYSTEMCTL = f"""\
#!/bin/bash
set -eu
case "$*" in
    "restart docker")
        grep -q '"bip"' /etc/docker/daemon.json || sed -i '1a {json.dumps(_ENGINE)[1:-1]},' /etc/docker/daemon.json
        old=$(pgrep -x dockerd)
        kill "$old"
        while kill -0 "$old" 2>/dev/null; do sleep 0.1; done
        until docker version >/dev/null 2>&1; do sleep 0.1; done
        ;;
    "reload ssh") pkill -HUP -o -x sshd ;;
    *) echo "this machine has no systemd" >&2; exit 1 ;;
esac
"""
# Of the lab host's image, whatever goes beyond Debian with Docker is taken away.
_EMPTY = """\
umount /home/deploy
userdel --remove deploy 2>/dev/null
rm /etc/ssh/sshd_config.d/lab.conf
pkill -HUP -o -x sshd
test -z "$(docker ps -aq; docker images -q; docker volume ls -q; getent passwd deploy)"
"""


class Server:
    """A machine beside the lab host, as its provider hands it over but with Docker on it."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._name = f"{checkout.name}-empty"
        self.address = str(IPv4Network(checkout.subnet)[32])

    def start(self, folder: Path) -> None:
        """Have it stand, with a key of its own; `folder` is room for the files that it gets."""
        self.remove()
        ssh, docker, programs = (folder / part for part in ("ssh", "docker", "programs"))
        ssh.mkdir(parents=True)
        key = ssh / "ssh_host_ed25519_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "server", "-f", key], check=True)
        # It trusts the registry that stands in for Docker Hub, whose certificate is the lab's own.
        shutil.copytree(registry.authority(self._checkout).parents[1], docker / "certs.d")
        write(programs / "systemctl", _SYSTEMCTL, 0o755)
        write(docker / "daemon.json", json.dumps(_ENGINE))
        files = {"/etc/ssh": ssh, "/etc/docker": docker, "/usr/local/sbin": programs}
        arguments = ("--hostname=server", f"--ip={self.address}", *host.machine(), self._checkout.name)
        with Steps(folder / "log", {}).step("empty server") as step:
            host.stand(step, self._checkout, self._name, arguments, files)
        until(lambda: host.HERE.ask("exec", self._name, "docker", "version")[0], within_s=90, what="its engine answers")
        self.as_root(_EMPTY)

    def as_root(self, script: str) -> str:
        """What a script prints that root runs on its console."""
        command = host.HERE("exec", self._name, "bash", "-euo", "pipefail", "-c", script)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout

    def remove(self) -> None:
        """End it, with all that it has."""
        host.HERE.ask("rm", "--force", "--volumes", self._name)


@dataclass(frozen=True)
class Ended:
    """What a block printed, and how it ended."""

    status: int
    said: str


class Reader:
    """Whoever deploys: a home of their own, and a shell that remembers what was exported, and where it was."""

    def __init__(self, home: Path, checkout: Checkout) -> None:
        self._home = home
        self.passphrase = secrets.token_hex(16)
        self._answers: dict[str, str] = {}
        # What somebody types who is asked for a passphrase. ssh looks at the account's home and not at $HOME.
        programs = home / "programs"
        write(programs / "passphrase", f"#!/bin/sh\necho {self.passphrase}\n", 0o700)
        write(programs / "ssh", f'#!/bin/sh\nexec {shutil.which("ssh")} -F {home}/.ssh/config "$@"\n', 0o755)
        write(home / ".ssh/config", f"UserKnownHostsFile {home}/.ssh/known_hosts\nStrictHostKeyChecking yes\n")
        write(home / ".gitconfig", "[user]\nname = A newcomer\nemail = newcomer@example.org\n")
        (home / ".pulumi").mkdir()
        (home / ".pulumi/plugins").symlink_to(checkout.dir / "pulumi-home/plugins")
        write(home / ".shell", f"cd {home}\n")
        self._environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([str(programs), str(toolchain.bin_dir(checkout)), os.environ["PATH"]]),
            "PULUMI_HOME": str(home / ".pulumi"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "SSH_ASKPASS": str(programs / "passphrase"),
            "SSH_ASKPASS_REQUIRE": "force",
            leftovers.VARIABLE: os.environ.get(leftovers.VARIABLE, ""),
        }

    def will_type(self, **answers: str) -> None:
        """What to answer a block that sets the secret of that name."""
        self._answers |= answers

    def run(self, block: str) -> Ended:
        """Paste a block into the shell."""
        state, out = self._home / ".shell", self._home / ".said"
        script = f'. {state}\n{block}\n{{ export -p; printf "cd %q\\n" "$PWD"; }} >{state}\n'
        typed = next((text for key, text in self._answers.items() if block.rstrip().endswith(f"--secret {key}")), "")
        # Into a file: an agent or a shared connection that stays would keep a pipe open.
        with out.open("w") as file:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                env=self._environment, input=typed, text=True, stdout=file, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        return Ended(done.returncode, out.read_text())

    def leave(self) -> None:
        """End the agent that a block has started."""
        self.run('test -z "${SSH_AGENT_PID:-}" || ssh-agent -k')


def published(folder: Path) -> Path:
    """The repository as whoever publishes it has it: what git knows here, as it lies here, in one commit."""
    for name in tracked():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder

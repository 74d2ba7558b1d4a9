"""A shell in which `pulumi`, `docker` and `ssh lab` reach the lab."""

import os
import shlex
import shutil
import subprocess
from typing import NoReturn

from lab import deploy
from lab.checkout import Checkout, write
from lab.steps import StepError

DOCKER_HOST = "ssh://lab"


def become(checkout: Checkout, arguments: list[str]) -> NoReturn:
    """Turn this process into that shell."""
    if not (checkout.dir / "host.yaml").exists():
        raise StepError("there is no lab yet", "`make up` makes it")
    env = environment(checkout)
    profile = checkout.dir / "bashrc"
    write(profile, f'test -r ~/.bashrc && . ~/.bashrc\nexport PATH={shlex.quote(env["PATH"])}\nPS1="(lab) $PS1"\n')
    subprocess.run(["ssh-add", "-q", checkout.dir / "ssh" / "id_ed25519"], check=True)
    os.chdir(checkout.root)
    os.execvpe("bash", ["bash", "--rcfile", str(profile), *arguments], env)  # noqa: S606 - it is to be a shell


def environment(checkout: Checkout) -> dict[str, str]:
    """What leads `docker` to the lab."""
    programs = checkout.dir / "bin"
    env = deploy.environment(checkout) | {"DOCKER_HOST": DOCKER_HOST}
    others = os.pathsep.join(part for part in env["PATH"].split(os.pathsep) if part != str(programs))
    # docker starts `ssh` by name: this one knows the host `lab`.
    config = shlex.quote(str(checkout.dir / "ssh" / "config"))
    write(programs / "ssh", f'#!/bin/sh\nexec {shutil.which("ssh", path=others)} -F {config} "$@"\n', 0o755)
    return env | {"PATH": f"{programs}{os.pathsep}{others}"}

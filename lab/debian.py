"""Debian 13 from this machine's own package mirror, where no image registry answers."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from lab import engine
from lab.checkout import Checkout, write
from lab.engine import Docker
from lab.steps import Step, StepError

RECIPE = "lab.recipe"  # label: the hash of everything that an image was made of
RELEASE = "trixie"
_BOOTSTRAP = Path(__file__).parent / "images" / "debian" / "bootstrap"
_CA_BUNDLE = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))


def hash_of(*parts: bytes) -> str:
    """A short name for a content."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def make(step: Step, checkout: Checkout) -> Path:
    """A tar file of Debian 13, named by its recipe."""
    suites, release = _suites(), _release()
    if release not in suites:
        raise StepError(
            "no image registry answers, and this machine has no Debian mirror to make images from",
            "let it reach one of the two", step.log,
        )  # fmt: skip
    work = checkout.dir / "debian"
    write(work / "sources", sources(suites, release))
    write(work / "apt.conf", _apt_options())
    parts = [_BOOTSTRAP, work / "sources", work / "apt.conf", _CA_BUNDLE]
    tar = work / f"{hash_of(*(part.read_bytes() for part in parts))}.tar"
    if tar.exists():
        step.note = "made earlier"
        return tar
    for old in work.glob("*.tar"):
        old.unlink()
    if os.geteuid() != 0:
        raise StepError("only root can make a Debian image, and no image registry answers", "run it as root", step.log)
    if not shutil.which("debootstrap"):
        engine.apt_install(step, "debootstrap")
    unmount(checkout)
    step.run(
        _BOOTSTRAP, tar, work / "root", suites[release], *parts[1:],
        way_out="check that the Debian mirror answers (`apt-get update`), then run it again",
    )  # fmt: skip
    return tar


def unmount(checkout: Checkout) -> None:
    """Undo the mounts of a bootstrap that was killed: nothing may be removed through them."""
    mounts = Path("/proc/mounts")
    below = f"{checkout.dir}/"
    for line in reversed(mounts.read_text().splitlines() if mounts.exists() else []):
        if (target := line.split()[1].replace("\\040", " ")).startswith(below):
            subprocess.run(["umount", target], check=True)


def load(step: Step, tar: Path, tag: str, docker: Docker) -> None:
    """Make the tar file an image, unless the engine has it already."""
    if recipe_of(tag, docker) != tar.stem:
        command = docker("import", "--change", f"LABEL {RECIPE}={tar.stem}", "-", tag)
        step.run(*command, stdin=tar, way_out="free some disk space if it is full, then run it again")


def recipe_of(tag: str, docker: Docker) -> str:
    """The recipe that an image was made of; empty where the engine has no such image."""
    found, answer = docker.ask("image", "inspect", "--format", f'{{{{index .Config.Labels "{RECIPE}"}}}}', tag)
    return answer if found else ""


def sources(suites: dict[str, str], release: str) -> str:
    """Debian 13's suites, wherever this machine names those of its own release."""
    stanzas = [
        f"Types: deb\nURIs: {uri}\nSuites: {suite.replace(release, RELEASE, 1)}\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        for suite, uri in suites.items()
        if suite == release or suite.startswith(f"{release}-")
    ]
    return "\n".join(stanzas)


def _suites() -> dict[str, str]:
    """Each suite that this machine's apt knows, and its mirror."""
    if not shutil.which("apt-get"):
        return {}
    listed = subprocess.run(["apt-get", "update", "--print-uris"], capture_output=True, text=True, check=False).stdout
    return {suite: uri for uri, suite in re.findall(r"'(\S+?)/?/dists/([^/\s]+)/InRelease'", listed)}


def _release() -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    return found[1] if found else ""


def _apt_options() -> str:
    """How this machine's apt fetches, without anything that could be a credential."""
    dump = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True).stdout
    wanted = re.compile(r'^Acquire::(Check-|Retries|https?::(Proxy|Timeout)|(http|https)::Verify)\S* "[^"@]+";$')
    return "".join(f"{line}\n" for line in dump.splitlines() if wanted.match(line))

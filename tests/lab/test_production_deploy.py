"""docs/PRODUCTION_DEPLOY.md, followed from top to bottom on a server that has nothing but Docker."""

import os
import re
import secrets
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from config.platform import Images, Platform
from lab import registry
from lab.checkout import Checkout, write
from tests.documents import ROOT, Block, blocks, text
from tests.lab.conftest import Lab
from tests.lab.newcomer import ON_SERVER, Reader, Server, published
from tests.lab.stack import pulumi
from tests.lab.test_registry import password

PAGE = "docs/PRODUCTION_DEPLOY.md"
STACK, NAME = "prod", "shop.example.com"
HUB = f"{registry.ADDRESS}/hub"  # what stands in for Docker Hub

SERVERS = ("postgres", "nats", "redis", "nginx", "node")

# What can't hold here, of the items that hold on a server that was set up by the page.
NOT_HERE = {
    **dict.fromkeys(("host-01", "host-02"), "the server is as large as the machine that it is on"),
    **dict.fromkeys(("host-11", "host-12", "host-13", "docker-12"), "it has that machine's kernel"),
    **dict.fromkeys(("host-03", "host-04"), "and its disk"),
    **dict.fromkeys(("host-07", "host-09", "docker-19"), "it has no systemd, and none of the packages of its block"),
    **dict.fromkeys(
        ("docker-02", "docker-10", "containers-23"), "its Docker is Debian's, without AppArmor as it is in a container"
    ),
    "network-13": "no public name leads here",
    "delivery-05": "the first release has none before it",
    "delivery-10": "the state is in the lab's folder",
}

PUSH = """\
set -eu
DOCKER_CONFIG=$(mktemp -d) && export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT
read -r password
docker login --username "$1" --password-stdin "$2" <<<"$password" >/dev/null 2>&1
while read -r from to; do
    docker tag "$from" "$to"
    docker push --quiet "$to"
    docker rmi "$to" >/dev/null
done
"""


@dataclass(frozen=True)
class World:
    """Where the page is followed, and what only its reader knows, as it stands there and as it is here."""

    server: Server
    reader: Reader
    known: dict[str, str]
    authority: Path
    secret: list[str]

    def run(self, block: Block) -> str:
        """Do what a block says; what it printed."""
        script = block.text
        for there, here in self.known.items():
            script = script.replace(there, here)
        if script.startswith(ON_SERVER):
            return self.server.as_root(script)
        ended = self.reader.run(script)
        assert not [secret for secret in self.secret if secret in ended.said], f"{block} shows a secret"
        if "make checklist" in script:
            failed = set(re.findall(r"^([a-z]+-\d\d) +FAILED ", ended.said, re.MULTILINE))
            assert "delivery-05" in failed, f"{block}\n{ended.said}"
            assert failed <= NOT_HERE.keys(), f"{block}: {failed - NOT_HERE.keys()}\n{ended.said}"
        else:
            assert ended.status == 0, f"{block}\n{script}\n{ended.said}"
        return ended.said


def fill_hub(lab: Lab, platform: Platform) -> None:
    """The servers' images, under the names that they have on Docker Hub."""
    assert platform.registry
    official = Images()
    pairs = [f"{platform.images.reference(part)} {HUB}/{getattr(official, part)}" for part in SERVERS]
    command = ("bash", "-c", PUSH, "push", str(platform.registry.user), platform.registry.server)
    lab.run(*command, stdin="\n".join([password(), *pairs, ""]))


def order_certificate(folder: Path) -> Path:
    """A certificate as one buys it, in the reader's home; the authority that it is known by."""
    authority, certificate, key = (folder / name for name in ("authority.pem", "fullchain.pem", "privkey.pem"))
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90"]
    trusted = [*make, "-subj", "/CN=authority", "-keyout", folder / "authority.key", "-out", authority]
    bought = [*make, "-CA", authority, "-CAkey", folder / "authority.key", "-subj", f"/CN={NAME}"]
    bought += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", key, "-out", certificate]
    for command in (trusted, bought):
        subprocess.run(command, check=True, capture_output=True)
    certificate.write_text(certificate.read_text() + authority.read_text())
    return authority


def publish(folder: Path) -> Path:
    """The repository, of a team whose staging is the lab, and whose Docker Hub is its registry."""
    source = published(folder)
    file = source / f"Pulumi.{STACK}.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"] |= {"a4co:images": {"mirror": HUB}}
    content["config"]["a4co:promotion"]["from"] = "lab"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    author = ("-c", "user.name=A team", "-c", "user.email=team@example.org")
    for command in (("init", "-q"), ("add", "--all"), ("commit", "-q", "-m", "The repository")):
        subprocess.run(["git", *author, *command], cwd=source, check=True)
    return source


def forget() -> None:
    """Take the stack out of the lab's state; of its server nothing stays that it could remove."""
    pulumi("stack", "rm", "--yes", "--force", "--preserve-config", stack=STACK, check=False)


@pytest.fixture
def world(lab: Lab, platform: Platform, tmp_path: Path) -> Iterator[World]:
    checkout = Checkout(ROOT)
    home, server = tmp_path / "home", Server(checkout)
    reader = Reader(home, checkout)
    source = publish(tmp_path / "published")
    authority = order_certificate(home)
    # What stands in for DNS and for the authorities that everybody's curl knows.
    write(home / ".curlrc", f'resolve = "{NAME}:80:{server.address}"\nresolve = "{NAME}:443:{server.address}"\n'
          f'cacert = "{authority}"\nnoproxy = "*"\n')  # fmt: skip
    # Staging was first, and so there is a passphrase.
    write(home / ".config/a4co/passphrase", "lab\n", 0o600)
    stripe, token = f"sk_live_{secrets.token_hex(24)}", password()
    reader.will_type(registryPassword=token, stripeSecretKey=stripe)
    known = {
        "203.0.113.10": server.address,
        "s3://a4co-state": os.environ["PULUMI_BACKEND_URL"],
        "REGISTRY=ghcr.io/neiland85/a4co-ddd-microservices REGISTRY_USER=neiland85": (
            f"REGISTRY={registry.ADDRESS}/a4co REGISTRY_USER=lab"
        ),
        "https://github.com/Neiland85/a4co-ddd-microservices.git": str(source),
        # The packages are those that this checkout has: how they come is another test's.
        "python3 lab/bootstrap.py": f"ln -s {ROOT}/.venv .venv && python3 lab/bootstrap.py",
    }
    forget()
    try:
        server.start(tmp_path / "server")
        fill_hub(lab, platform)
        yield World(server, reader, known, authority, [stripe, token, reader.passphrase])
    finally:
        reader.leave()
        forget()
        server.remove()


def prints(said: str, expected: Block) -> None:
    """Fail unless each line of the block was printed, `…` standing for anything."""
    printed = [line.strip() for line in said.splitlines()]
    for line in filter(str.strip, expected.text.splitlines()):
        pattern = ".*".join(map(re.escape, line.strip().split("…")))
        assert any(re.fullmatch(pattern, one) for one in printed), f"{expected}: {line!r} is not in\n{said}"


@pytest.mark.timeout(1500)
def test_the_page_leads_from_an_empty_server_to_serving(world: World) -> None:
    assert not [there for there in world.known if there not in text(PAGE)]
    page = [block for block in blocks(PAGE) if not block.not_run]
    fingerprints: list[str] = []
    said = ""
    for block in page:
        if block.language == "text":
            prints(said, block)
            continue
        said = world.run(block)
        if found := re.search(r"^256 (SHA256:\S+)", said, re.MULTILINE):
            fingerprints.append(found[1])
        if found := re.search(r"^(ssh-ed25519 \S+ deploy@\S+)$", said, re.MULTILINE):
            world.known["ssh-ed25519 AAAA… deploy@prod"] = found[1]
    assert len(fingerprints) == 2
    assert fingerprints[0] == fingerprints[1], "the server's key, as it says itself, and over the network"

    trusted = ssl.create_default_context(cafile=world.authority)
    with httpx.Client(base_url=f"https://{world.server.address}", verify=trusted, headers={"host": NAME}) as visitor:
        for path in ("/", "/dashboard/", "/api/v1/products"):
            answer = visitor.get(path, extensions={"sni_hostname": NAME})
            assert answer.status_code == 200, path
        person = {"email": "newcomer@example.org", "password": "correct horse battery staple"}
        for path, status in (("register", 201), ("login", 200)):
            answer = visitor.post(f"/api/v1/auth/{path}", json=person, extensions={"sni_hostname": NAME})
            assert answer.status_code == status, answer.text

"""Certificates as the host checks and swaps them, with the real openssl; and what the program asks the host for."""

import base64
import io
import os
import shutil
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from components import preflight
from components.archive import pack
from config.load import build
from config.record import fingerprints, restored
from config.record import recorded as recorded_settings
from tests.certificates import AUTHORITY, Pair
from tests.unit.program import HOST, ROOT, Recorder, run

SCRIPT = ROOT / "components/scripts/certificate.sh"
# Stands in for `docker`: its nginx accepts and loads what lies there, unless it is told to refuse; its lego gives out
# what the authority has, unless that is closed.
DOCKER = """\
#!/bin/bash
echo "$*" >>{folder}/asked
case $* in
    run*)
        test -d {authority} || {{ echo "[INFO] I ask"; echo "acme: error: 403, nobody there"; exit 1; }}
        mkdir -p {folder}/certificate/lego/certificates
        cat {authority}/leaf.crt {authority}/middle.crt >{folder}/certificate/lego/certificates/shop.example.org.crt
        cp {authority}/leaf.key {folder}/certificate/lego/certificates/shop.example.org.key
        ;;
    inspect*) echo {address} ;;
    *' -t '*) test ! -e {folder}/refuse ;;
    *reload*) cp {folder}/edge/certificate/*.pem {folder}/loaded/ ;;
esac
"""


CRONTAB = """\
#!/bin/bash
test ! -e {tab}.closed || {{ echo "You (deploy) are not allowed to use this program" >&2; exit 1; }}
case $1 in
    -l) test -s {tab} && cat {tab} || {{ echo "no crontab for deploy" >&2; exit 1; }} ;;
    -) cat >{tab}.new; mv {tab}.new {tab} ;;
esac
"""


class Closing(StreamRequestHandler):
    """Says nothing: the certificate was told before."""


class Nginx(ThreadingTCPServer):
    """What a visitor of port 8443 meets: the certificate that was loaded last."""

    allow_reuse_address = True

    def __init__(self, address: str, loaded: Path) -> None:
        self.loaded = loaded
        super().__init__((address, 8443), Closing)

    def get_request(self) -> tuple[Any, Any]:
        plain, address = super().get_request()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.loaded / "fullchain.pem", self.loaded / "privkey.pem")
        return context.wrap_socket(plain, server_side=True), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever only wants to see the certificate hangs up without a word."""


@dataclass(frozen=True)
class Machine:
    """A stack's folder on a host, with an nginx that presents what it was given."""

    folder: Path
    path: str

    def run(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run the script, as the deploy user does."""
        script = ["bash", str(self.folder / "scripts/certificate.sh"), *arguments]
        return subprocess.run(
            script, input=stdin, env={**os.environ, "PATH": self.path}, capture_output=True, text=True, check=False
        )

    def own(self, chain: str, key: str, hosts: str = "shop.example.org") -> "subprocess.CompletedProcess[str]":
        """Put an operator's own certificate in use."""
        settings = f"nginx=nginx\nnetwork=front\nhosts='{hosts}'\n"
        return self.run("own", stdin=pack({"settings": settings, "fullchain.pem": chain, "privkey.pem": key}))

    def acme(self, hosts: str = "shop.example.org") -> "subprocess.CompletedProcess[str]":
        """Have an authority's certificate issued and put in use."""
        known = {"nginx": "nginx", "network": "front", "image": "lego:4", "email": "a@example.org", "hosts": hosts}
        settings = "".join(f"{key}='{value}'\n" for key, value in known.items()) + "directory=https://ca/dir\n"
        return self.run("acme", stdin=pack({"settings": settings, "root.pem": "the authority's\n"}))

    @property
    def authority(self) -> Path:
        return self.folder.parent / "authority"

    @property
    def crontab(self) -> list[str]:
        path = self.folder.parent / "tab"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def lego(self) -> list[str]:
        """What lego was told, each time."""
        return [line for line in (self.folder / "asked").read_text().splitlines() if line.startswith("run ")]

    @property
    def loaded(self) -> str:
        """What nginx presents."""
        return (self.folder / "loaded/fullchain.pem").read_text()

    def files(self) -> dict[str, str]:
        """Everything in the stack's folder but what docker is told and was asked."""
        return {
            str(path.relative_to(self.folder)): os.readlink(path) if path.is_symlink() else path.read_text()
            for path in self.folder.rglob("*")
            if (path.is_symlink() or path.is_file()) and path.name not in ("asked", "refuse")
        }


@pytest.fixture
def machine(tmp_path: Path, worker_id: str) -> Iterator[Machine]:
    folder, first = tmp_path / "shop", Pair(tmp_path / "first")
    for part in ("scripts", "edge/certificates/self-signed", "loaded"):
        (folder / part).mkdir(parents=True)
    shutil.copy(SCRIPT, folder / "scripts")
    first.sign(["old.example.org"])
    for place in ("edge/certificates/self-signed", "loaded"):
        (folder / place / "fullchain.pem").write_text(first.chain)
        (folder / place / "privkey.pem").write_text(first.key)
    (folder / "edge/certificate").symlink_to("certificates/self-signed")
    address = f"127.0.8.{int(worker_id.removeprefix('gw') or 0) + 1}" if worker_id != "master" else "127.0.8.250"
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "docker").write_text(DOCKER.format(folder=folder, address=address, authority=tmp_path / "authority"))
    (bin / "crontab").write_text(CRONTAB.format(tab=tmp_path / "tab"))
    for program in bin.iterdir():
        program.chmod(0o755)
    with Nginx(address, folder / "loaded") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Machine(folder, f"{bin}:{os.environ['PATH']}")
        server.shutdown()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("pair") / "good").sign(["shop.example.org", "*.shop.example.org"])


@pytest.fixture
def variant(tmp_path: Path) -> Callable[..., Pair]:
    def made(**changes: Any) -> Pair:
        return Pair(tmp_path / "variant").sign(**{"names": ["shop.example.org"], **changes})

    return made


def test_a_good_certificate_takes_the_place_of_the_one_before(machine: Machine, pair: Pair) -> None:
    done = machine.own(pair.chain, pair.key, "shop.example.org www.shop.example.org")
    assert done.returncode == 0, done.stderr
    assert "the certificate in use ends on 20" in done.stdout
    assert machine.loaded == pair.chain
    used = machine.folder / "edge/certificate"
    assert (used / "privkey.pem").read_text() == pair.key
    # Nginx reads it as another user; around it is a folder that is closed to all others.
    assert [path.stat().st_mode & 0o777 for path in (used, used / "fullchain.pem", used / "privkey.pem")] == [
        *(0o755, 0o444, 0o444)
    ]
    assert [path.name for path in used.parent.glob("certificates/*")] == [used.resolve().name]
    assert not list(machine.folder.glob(".certificate-*")), "the key lies about"
    asked = machine.folder / "asked"
    assert asked.read_text().count("reload") == 1
    assert machine.own(pair.chain, pair.key).returncode == 0
    assert asked.read_text().count("reload") == 1, "nothing was new"


def refused(machine: Machine, chain: str, key: str, hosts: str = "shop.example.org") -> str:
    before = machine.files()
    done = machine.own(chain, key, hosts)
    assert done.returncode == 1
    assert machine.files() == before
    assert not (machine.folder / "asked").exists(), "nginx was asked before all was checked"
    assert done.stderr.startswith("the certificate was refused, the one in use stays: ")
    return done.stderr


def test_what_is_wrong_with_the_key(machine: Machine, pair: Pair) -> None:
    assert "the key belongs to another one" in refused(machine, pair.chain, pair.read("other.key"))
    assert "its key can't be read" in refused(machine, pair.chain, "no key\n")
    locked = subprocess.check_output(
        ["openssl", "pkey", "-aes256", "-passout", "pass:secret"], input=pair.key, text=True
    )
    assert "PEM without a passphrase" in refused(machine, pair.chain, locked)


def test_a_certificate_that_has_expired(machine: Machine, variant: Callable[..., Pair]) -> None:
    expired = variant(days=(-100, -10))
    assert "has expired: order a new one" in refused(machine, expired.chain, expired.key)


def test_a_certificate_that_is_not_valid_yet(machine: Machine, variant: Callable[..., Pair]) -> None:
    early = variant(days=(10, 100))
    said = refused(machine, early.chain, early.key)
    assert "1 of 2, subject=" in said
    assert "is not valid yet: wait until it is, or set the host's clock" in said


def test_whoever_signed_it_has_expired(machine: Machine, variant: Callable[..., Pair]) -> None:
    one = variant()
    one.certify("middle", "root", days=(-100, -10), extensions=AUTHORITY)
    said = refused(machine, one.chain, one.key)
    assert "2 of 2, subject=" in said
    assert "has expired" in said


@pytest.mark.parametrize("order", [("leaf", "root"), ("leaf", "root", "middle"), ("leaf", "middle", "leaf")])
def test_a_broken_chain(machine: Machine, pair: Pair, order: tuple[str, ...]) -> None:
    said = refused(machine, pair.read(*(f"{name}.crt" for name in order)), pair.key)
    assert "was not signed by the next: the certificate comes first, then who signed it, and so on" in said


def test_signed_by_one_that_may_not(machine: Machine, pair: Pair) -> None:
    pair.certify("other", "leaf", days=(-1, 9), extensions="subjectAltName=DNS:shop.example.org")
    said = refused(machine, pair.read("other.crt", "leaf.crt", "middle.crt"), pair.read("other.key"))
    assert "1 of 3, subject=" in said
    assert "was not signed by the next" in said


def test_another_name(machine: Machine, pair: Pair, variant: Callable[..., Pair]) -> None:
    said = refused(machine, pair.chain, pair.key, "shop.example.org example.org")
    assert "it is for shop.example.org, *.shop.example.org, not for example.org: order one for all" in said
    nameless = variant(names=[])
    assert "it is for no host, not for shop.example.org" in refused(machine, nameless.chain, nameless.key)


def test_the_one_in_use_stays_when_nginx_does_not_take_another(machine: Machine, pair: Pair) -> None:
    before = machine.loaded
    (machine.folder / "refuse").touch()
    done = machine.own(pair.chain, pair.key)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        *(1, "the certificate was refused, the one in use stays: nginx does not take it"),
    )
    assert machine.loaded == before
    assert os.readlink(machine.folder / "edge/certificate") == "certificates/self-signed"
    (machine.folder / "refuse").unlink()
    assert machine.own(pair.chain, pair.key).returncode == 0, "and it is taken when nginx can"
    assert machine.loaded == pair.chain


def test_nothing_to_renew(machine: Machine) -> None:
    done = machine.run("renew")
    assert (done.returncode, done.stderr) == (1, "shop has no certificate to renew: `edge.tls.acme` is not set\n")


def test_issued_once_renewed_later_and_issued_anew_for_other_names(machine: Machine, tmp_path: Path) -> None:
    first = Pair(machine.authority).sign(["shop.example.org"])
    done = machine.acme()
    assert done.returncode == 0, done.stderr
    assert "the next one is asked for from 20" in done.stdout
    assert machine.loaded == first.chain
    assert machine.lego[0].endswith("--path /lego --http --http.webroot /webroot run")
    assert "--server https://ca/dir --email a@example.org --domains shop.example.org --key-type" in machine.lego[0]
    assert "--read-only --cap-drop ALL --security-opt no-new-privileges" in machine.lego[0]
    assert machine.run("renew").returncode == 0
    assert machine.lego[1].endswith("renew --days 30 --no-random-sleep")
    assert machine.loaded == first.chain
    second = first.sign(["shop.example.org", "www.shop.example.org"])
    assert machine.run("renew", "100").returncode == 0
    assert machine.lego[2].endswith("renew --days 100 --no-random-sleep")
    assert machine.loaded == second.chain
    assert machine.acme("shop.example.org www.shop.example.org").returncode == 0
    assert machine.lego[3].endswith(" run"), "lego's own renewal would keep the old names"


def test_cron_renews_from_the_first_one_on(machine: Machine) -> None:
    tab = machine.folder.parent / "tab"
    tab.write_text("0 3 * * * backup\n1 1 * * * bash renew # a4co-shop-two\n")
    others = machine.crontab
    assert machine.acme().returncode == 1, "the authority is closed"
    assert machine.crontab == others
    Pair(machine.authority).sign(["shop.example.org"])
    closed = tab.with_suffix(".closed")
    closed.touch()
    assert machine.acme().stderr.endswith("crontab: You (deploy) are not allowed to use this program\n")
    closed.unlink()
    assert machine.crontab == others
    for _ in range(2):
        assert machine.acme().returncode == 0
    assert machine.crontab[:2] == others
    (line,) = machine.crontab[2:]
    minute, hours, rest = line.split(maxsplit=2)
    first, second = map(int, hours.split(","))
    assert 0 <= int(minute) < 60
    assert (first, second - first) == (first % 12, 12)
    log = machine.folder / "certificate/log"
    command = f"bash {machine.folder}/scripts/certificate.sh renew >>{log} 2>&1 # a4co-shop"
    assert rest == f"* * * {command}"
    environment = {"PATH": machine.path, "HOME": "/"}
    subprocess.run(["sh", "-c", command], env=environment, check=True)
    assert "the certificate in use ends on" in log.read_text()
    assert machine.run("forget").returncode == 0
    assert machine.crontab == others
    assert not log.parent.exists(), "the account's key lies about"


def test_an_authority_that_issues_nothing_changes_nothing(machine: Machine) -> None:
    Pair(machine.authority).sign(["shop.example.org"])
    assert machine.acme().returncode == 0
    machine.authority.rename(machine.folder.parent / "closed")
    before = machine.files()
    for attempt in (lambda: machine.run("renew"), lambda: machine.acme("shop.example.org www.shop.example.org")):
        done = attempt()
        assert done.returncode == 1
        assert "the DNS of a name does not lead to this host, or port 80 is closed" in done.stderr
        assert done.stderr.endswith("What lego said last:\nacme: error: 403, nobody there\n")
        assert machine.files() == before, "what is in use is what is renewed"


def test_what_an_authority_issued_is_checked_too(machine: Machine) -> None:
    Pair(machine.authority).sign(["elsewhere.example.org"])
    before = machine.loaded
    assert "it is for elsewhere.example.org, not for shop.example.org" in machine.acme().stderr
    assert machine.loaded == before
    assert machine.crontab == []


def acme(**changes: Any) -> dict[str, Any]:
    return {"edge": {"hosts": ["shop.example.org", "www.shop.example.org"], "tls": {"acme": changes}}}


def test_the_host_is_told_of_the_authority_after_the_release() -> None:
    recorded = run(**acme(email="a@example.org"))
    command = recorded.commands["certificate-acme"]
    script = "bash /home/deploy/a4co/test/scripts/certificate.sh"
    assert (command["create"], command["delete"]) == (f"{script} acme", f"{script} forget")
    assert unpacked(command["stdin"])["settings"].splitlines() == [
        "nginx=a4co-test-nginx",
        "network=a4co-test-frontend-net",
        "hosts='shop.example.org www.shop.example.org'",
        f"image=sha256:{'1' * 64}",
        "directory=https://acme-v02.api.letsencrypt.org/directory",
        "email=a@example.org",
    ]
    images = recorded.of_type("docker:index/remoteImage:RemoteImage")
    assert images["lego-image"]["name"] == "goacme/lego:v4.31.0"
    names = [resource.name for resource in recorded.resources]
    assert names.index("certificate-acme") > names.index("release")


def test_without_an_authority_the_host_needs_no_lego(recorded: Recorder) -> None:
    assert "lego-image" not in recorded.of_type("docker:index/remoteImage:RemoteImage")
    assert not {"certificate", "certificate-acme"} & set(recorded.commands)
    assert preflight._commands(build("test", {"host": HOST, "environment": "development"}).platform) == "openssl"
    platform = build("test", {"host": HOST, "environment": "development", **acme()}).platform
    assert preflight._commands(platform) == "openssl crontab"


def test_an_operators_key_is_a_secret_on_standard_input(pair: Pair) -> None:
    recorded = run(edge={"tls": {"chain": pair.chain}}, tlsKey=pair.key, secret=["tlsKey"])
    command = recorded.commands["certificate"]
    assert command["create"].endswith("certificate.sh own")
    assert isinstance(command["stdin"], dict), "it is no secret"
    assert pair.key not in repr({key: value for key, value in command.items() if key != "stdin"})
    assert unpacked(command["stdin"]["value"]) == {
        "settings": "nginx=a4co-test-nginx\nnetwork=a4co-test-frontend-net\nhosts=''\n",
        "fullchain.pem": pair.chain,
        "privkey.pem": pair.key,
    }


def unpacked(archive: str) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive))) as files:
        return {name: file.read().decode() for name in files.getnames() if (file := files.extractfile(name))}


def test_a_rollback_keeps_the_certificate_of_today(pair: Pair) -> None:
    sections = {"host": HOST, "environment": "development"}
    then = build("test", {**sections, "edge": {"maxBody": "1GB", "tls": {"chain": pair.chain}}}).platform
    record = recorded_settings(then)
    assert "BEGIN" not in repr(record)
    today = {"a4co:edge": {"maxBody": "2GB", "tls": {"acme": {}}}}
    assert restored(today, record)["a4co:edge"] == record["edge"] | {"tls": {"acme": {}}}
    assert fingerprints(then) == fingerprints(build("test", {**sections, "edge": {"maxBody": "1GB"}}).platform)

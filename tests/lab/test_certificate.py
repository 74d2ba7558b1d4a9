"""The certificate that visitors get: an operator's own, or one that an authority issues and the host's cron renews."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import aiohttp
import httpx
import pytest
import yaml
from aiohttp.abc import AbstractResolver, ResolveResult

from lab import acme
from lab.checkout import Checkout
from tests.certificates import Pair
from tests.lab.conftest import Lab, until
from tests.lab.edge import NAME
from tests.lab.load import Load
from tests.lab.stack import ROOT, Stack, pulumi, with_parrot

Note = Callable[[str, str], None]
OTHER = f"www.{NAME}"
SCRIPT = ("bash", "/home/deploy/a4co/lab/scripts/certificate.sh")
CHECKOUT = Checkout(ROOT)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("ours") / "pair", name=NAME).sign([NAME])


@pytest.fixture
def stack(laid_over: Stack) -> Stack:
    """The platform under one name; where its certificate comes from is the test's matter."""
    return with_parrot(laid_over).change(edge={"hosts": [NAME]})


def by_authority(stack: Stack, *hosts: str) -> Stack:
    """Let the lab's authority issue the certificate."""
    source = {"directory": acme.DIRECTORY, "email": "operations@shop.lab", "root": acme.authority(CHECKOUT)}
    return stack.change(edge={"hosts": list(hosts or (NAME,)), "tls": {"acme": source, "chain": None}}, tlsKey=None)


def by_operator(stack: Stack, chain: str, key: str, folder: Path) -> Stack:
    """Bring one along; its key is encrypted in the stack's file."""
    file = folder / "Pulumi.lab.yaml"
    file.write_text((ROOT / "Pulumi.lab.yaml").read_text())
    pulumi("config", "set", "--secret", "--config-file", str(file), "tlsKey", stdin=key)
    encrypted = yaml.safe_load(file.read_text())["config"]["a4co:tlsKey"]
    return stack.change(edge={"tls": {"chain": chain, "acme": None}}, tlsKey=encrypted)


def visitors_trust(*roots: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata="".join(roots))


def presented(root: str, name: str = NAME) -> str:
    """Serial number of the certificate that a visitor gets who trusts this root alone."""
    with (
        socket.create_connection(("127.0.0.1", CHECKOUT.ports["https"]), timeout=10) as plain,
        visitors_trust(root).wrap_socket(plain, server_hostname=name) as encrypted,
    ):
        certificate = encrypted.getpeercert()
    assert certificate
    return str(certificate["serialNumber"])


class Here(AbstractResolver):
    """Every name is this machine's."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


def crontab(lab: Lab) -> list[str]:
    return [line for line in lab.run("crontab", "-l", check=False).splitlines() if "# a4co-lab" in line]


@pytest.mark.timeout(900)
def test_nobody_notices_that_a_certificate_is_issued_renewed_or_swapped(
    stack: Stack, lab: Lab, ours: Pair, tmp_path: Path, record_property: Note
) -> None:
    """Every visitor checks name and signature of whatever it gets."""
    by_operator(stack, ours.chain, ours.key, tmp_path).up()
    root = acme.root(CHECKOUT)
    own = presented(ours.read("root.crt"))
    connector = partial(aiohttp.TCPConnector, resolver=Here(), ssl=visitors_trust(root, ours.read("root.crt")))
    with Load(f"https://{NAME}:{CHECKOUT.ports['https']}", connector) as load:
        with load.during():
            by_authority(stack).up()
        issued = presented(root)
        with load.during():
            lab.run(*SCRIPT, "renew", "100")
        renewed = presented(root)
        lab.run(*SCRIPT, "renew")
        assert presented(root) == renewed, "it ends in 90 days: that is no reason yet"
        with load.during():
            by_operator(stack, ours.chain, ours.key, tmp_path).up()
        assert presented(ours.read("root.crt")) == own
    record_property("load", load.report("certificate issued, renewed, swapped"))
    assert load.failures == []
    assert issued != renewed
    headers = {"host": NAME}
    with httpx.Client(base_url=f"http://127.0.0.1:{CHECKOUT.ports['http']}", headers=headers) as client:
        tally = client.get("/parrot/tally", params={"run": load.run}).json()
    assert tally == {"keys": load.posts, "times": load.posts}


@pytest.mark.timeout(600)
def test_a_bad_certificate_is_refused_and_the_good_one_stays(
    stack: Stack, lab: Lab, ours: Pair, tmp_path: Path
) -> None:
    by_operator(stack, ours.chain, ours.key, tmp_path).up()
    before = presented(ours.read("root.crt")), lab.run("sh", "-c", "ls -lR a4co/lab/edge/certificate*")
    expired = Pair(tmp_path / "expired", name=NAME).sign([NAME], days=(-100, -1))
    for chain, key, reason in (
        (expired.chain, expired.key, "has expired: order a new one"),
        (ours.chain, expired.key, "the key belongs to another one"),
    ):
        refused = by_operator(stack, chain, key, tmp_path).up(check=False)
        assert refused.returncode != 0
        assert reason in refused.stdout
        after = presented(ours.read("root.crt")), lab.run("sh", "-c", "ls -lR a4co/lab/edge/certificate*")
        assert after == before
    by_operator(stack, ours.chain, ours.key, tmp_path).up()
    assert presented(ours.read("root.crt")) == before[0]


@pytest.mark.timeout(600)
def test_an_operators_key_is_readable_nowhere(stack: Stack, lab: Lab, ours: Pair, tmp_path: Path) -> None:
    by_operator(stack, ours.chain, ours.key, tmp_path).up()
    (secret,) = re.findall(r"^[A-Za-z0-9+/]{60,}", ours.key, re.MULTILINE)[:1]
    found = lab.as_root("grep", "-rlIs", secret, "/home/deploy/a4co").split()
    assert [re.sub("[0-9a-f]{16}", "…", path) for path in found] == [
        "/home/deploy/a4co/lab/edge/certificates/…/privkey.pem"
    ]
    assert lab.as_root("stat", "-c", "%a", "/home/deploy/a4co/lab").strip() == "700"
    places = {
        "docker inspect": lab.run("docker", "inspect", *lab.containers()),
        "a preview": pulumi("preview", "--diff", "--show-sames", "--config-file", str(stack.path)).stdout,
        "the state file": "".join(path.read_text() for path in ROOT.glob(".lab/state/**/*.json")),
    }
    for place, text in places.items():
        assert len(text) > 2, place
        assert secret not in text, place


@pytest.mark.timeout(600)
def test_more_names_are_issued_anew_and_the_same_names_are_left_alone(stack: Stack) -> None:
    by_authority(stack).up()
    root = acme.root(CHECKOUT)
    first = presented(root)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)hostname mismatch"):
        presented(root, OTHER)
    by_authority(stack, NAME, OTHER).up()
    assert presented(root, OTHER) != first
    both = presented(root)
    assert "certificate" not in changed(by_authority(stack, NAME, OTHER).up().stdout)
    assert presented(root) == both


def changed(said: str) -> str:
    """The resources that pulumi says it has created, updated or replaced."""
    return "\n".join(line for line in said.splitlines() if re.match(r"\s+[+~-]", line))


@pytest.mark.timeout(600)
def test_a_name_that_does_not_lead_here(stack: Stack, lab: Lab) -> None:
    by_authority(stack).up()
    root = acme.root(CHECKOUT)
    before = presented(root)
    refused = by_authority(stack, NAME, "elsewhere.lab").up(check=False)
    assert refused.returncode != 0
    assert f"no certificate from {acme.DIRECTORY} for {NAME} elsewhere.lab; the one in use stays" in refused.stdout
    assert "[elsewhere.lab] acme: error: 400" in refused.stdout, "these are lego's words"
    assert presented(root) == before
    lab.run(*SCRIPT, "renew", "100")
    assert presented(root) != before, "what is in use is renewed as before"


@pytest.fixture
def every_minute(lab: Lab) -> Iterator[Callable[[], None]]:
    """Let the host's cron come round soon."""

    def hurry() -> None:
        lab.run("sh", "-c", r"crontab -l | sed -E '/# a4co-lab$/s/^([^ ]+ ){5}/* * * * * /' | crontab -")

    yield hurry
    lab.run("sh", "-c", "crontab -l | sed '/# a4co-lab$/d' | crontab -")


@pytest.mark.timeout(600)
def test_the_hosts_cron_renews_it_until_no_authority_is_named(
    stack: Stack, lab: Lab, every_minute: Callable[[], None]
) -> None:
    by_authority(stack).up()
    (line,) = crontab(lab)
    assert re.fullmatch(rf"\d+ \d+,\d+ \* \* \* {' '.join(SCRIPT)} renew >>\S+/log 2>&1 # a4co-lab", line)
    lab.run("sh", "-c", "crontab -l | sed '/# a4co-lab$/d' | crontab -")
    pulumi("up", "--yes", "--skip-preview", "--config-file", str(stack.path), "--replace", "**certificate-acme")
    assert crontab(lab) == [line], "whoever lost it has it back"
    log = "/home/deploy/a4co/lab/certificate/log"
    every_minute()
    said = until(lambda: lab.run("cat", log, check=False), within_s=90, what="cron has called the script")
    until(lambda: "is asked for from" in lab.run("cat", log), within_s=30, what=f"it went well: {said}")
    stack.change(edge={"tls": {"acme": None}}).up()
    assert crontab(lab) == []
    assert lab.run("sh", "-c", "ls a4co/lab").split().count("certificate") == 0
    assert presented(acme.root(CHECKOUT)), "what serves, serves on"


@pytest.mark.timeout(300)
def test_a_host_without_cron_is_told_of_before_anything_is_touched(stack: Stack, lab: Lab) -> None:
    lab.as_root("mv", "/usr/bin/crontab", "/usr/bin/crontab.away")
    try:
        refused = by_authority(stack).up(check=False)
    finally:
        lab.as_root("mv", "/usr/bin/crontab.away", "/usr/bin/crontab")
    assert refused.returncode != 0
    assert "nothing was changed: crontab is not installed: `apt install cron`" in refused.stdout + refused.stderr

"""docs/RUNBOOKS.md, page by page: the fault is made, its check shows what the page says, its fix ends it.

A block of commands whose output the page shows is repeated until it prints that: `…` stands for anything. Any other is
run once, and must succeed.
"""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from config.platform import Platform
from lab.checkout import Checkout
from lab.shell import environment
from tests.documents import ROOT, Block, blocks
from tests.lab.conftest import PREFIX, Lab, outcome, place_order, until
from tests.lab.stack import Stack, pulumi

pytestmark = pytest.mark.timeout(600)

PAGE = "docs/RUNBOOKS.md"
# One locks a table for an hour, another one wants to read it.
_LOCK = """\
psql -U postgres order -c 'begin; lock table orders in access exclusive mode; select pg_sleep(4711)' &
granted="select 1 from pg_locks where mode = 'AccessExclusiveLock' and granted"
until psql -U postgres -Atc "$granted" | grep -q 1; do :; done
psql -U postgres order -c 'select count(*) from orders'
"""
HELPERS = next(block.text for block in blocks(PAGE) if block.text.startswith("of()"))


@dataclass(frozen=True)
class Reader:
    """Somebody who types what a page says, in `make shell`."""

    lab: Lab
    home: Path

    def run(self, text: str) -> str:
        """What a block prints; it must succeed."""
        settings = self.lab.settings
        # What `make test` was told is not for the commands of a page.
        known = {
            k: v for k, v in environment(Checkout(ROOT)).items() if k not in ("ARGS", "MAKEFLAGS", "MAKEOVERRIDES")
        }
        env = known | {
            "STACK": "lab",
            "HOST": "lab",
            "SHOP": f"http://{settings['address']}:{settings['httpPort']}",
            "TLS": f"{settings['address']}:{settings['httpsPort']}",
            "HOME": str(self.home),
        }
        done = subprocess.run(
            ["bash", "-ec", f"{HELPERS}\n{text}"],
            cwd=ROOT, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def see(self, text: str, shown: str) -> None:
        """Run a block until it prints what the page shows."""
        said = ""

        def prints() -> bool:
            nonlocal said
            said = self.run(text)
            return all(re.search(_pattern(line), said, re.MULTILINE) for line in shown.splitlines())

        try:
            until(prints, within_s=120, what="it prints what the page shows")
        except AssertionError as error:
            raise AssertionError(f"{text}\nprints\n{said}\nand not\n{shown}") from error

    def follow(self, title: str) -> None:
        """Everything of a page that can be run, in order."""
        for block, shown in commands(title):
            self.see(block.text, shown) if shown else self.run(block.text)


def _pattern(line: str) -> str:
    words = (".*".join(map(re.escape, word.split("…"))) for word in line.split())
    return r"^\W*" + r"\s+".join(words).replace(r"\s+.*\s+", r"\s+.*")


def commands(title: str) -> list[tuple[Block, str]]:
    """The blocks of a page that are run, each with what is printed."""
    found = [block for block in blocks(PAGE) if block.heading == title]
    following = [*found[1:], None]
    return [
        (block, after.text if after and after.language == "text" else "")
        for block, after in zip(found, following, strict=True)
        if block.language == "sh" and not block.not_run
    ]


TITLES = [
    title for title in dict.fromkeys(block.heading for block in blocks(PAGE)) if title != "Runbooks" and commands(title)
]


@pytest.fixture
def reader(lab: Lab, tmp_path: Path) -> Reader:
    return Reader(lab, tmp_path)


def name_of(lab: Lab, component: str) -> str:
    return lab.inspect()[component]["Name"].lstrip("/")


def healthy(lab: Lab, component: str) -> None:
    until(lambda: lab.inspect()[component]["State"]["Health"]["Status"] == "healthy", within_s=120, what=component)


@contextmanager
def stopped(lab: Lab, component: str = "product-service") -> Iterator[None]:
    """Somebody stopped a service."""
    name = name_of(lab, component)
    lab.run("docker", "stop", name)
    try:
        yield
    finally:
        lab.run("docker", "start", name)
        healthy(lab, component)


@contextmanager
def flooded(lab: Lab, platform: Platform) -> Iterator[None]:
    """Somebody tries passwords."""
    with httpx.Client(base_url=f"http://{lab.settings['address']}:{lab.settings['httpPort']}", timeout=30) as client:
        answers = {client.post("/api/v1/auth/login", json={}).status_code for _ in range(60)}
    assert 429 in answers
    yield
    # Until nginx has forgotten them; asking it would count.
    time.sleep(platform.edge.rates.auth.burst / platform.edge.rates.auth.per_second)


@contextmanager
def too_small(lab: Lab, platform: Platform) -> Iterator[None]:
    """A service needs more memory than it has."""
    name, limits = name_of(lab, "product-service"), platform.services["product-service"].limits
    lab.run("docker", "stop", name)  # what runs gets no less than it uses
    try:
        lab.run("docker", "update", "--memory-reservation", "16m", "--memory", "24m", "--memory-swap", "24m", name)
        lab.run("docker", "start", name)
        yield
    finally:
        reserved, memory = f"{limits.reserved_memory}m", f"{limits.memory}m"
        lab.run("docker", "update", "--memory-reservation", reserved, "--memory", memory, "--memory-swap", memory, name)
        lab.run("docker", "restart", name)
        healthy(lab, "product-service")


@contextmanager
def in_postgres(lab: Lab, script: str) -> Iterator[None]:
    """Something goes on inside PostgreSQL's container."""
    lab.run("docker", "exec", "--detach", f"{PREFIX}-postgres", "sh", "-c", script)
    try:
        yield
    finally:
        lab.as_root("sh", "-c", "pkill -f 'sleep[ (]4711' || true")


def without_connections(lab: Lab) -> AbstractContextManager[None]:
    """Something forgets connections of the order service's user."""
    return in_postgres(lab, "for i in $(seq 30); do sleep 4711 | psql -U order_app_1 order & done; wait")


def held_up(lab: Lab) -> AbstractContextManager[None]:
    """Somebody locked a table that another one reads."""
    return in_postgres(lab, _LOCK)


@contextmanager
def unread(lab: Lab, visitor: httpx.Client) -> Iterator[None]:
    """The payment service is down, and three orders come."""
    assert outcome(visitor, place_order(visitor)) == "confirmed"
    with stopped(lab, "payment-service"):
        orders = [place_order(visitor) for _ in range(3)]
        yield
    assert [outcome(visitor, order) for order in orders] == ["confirmed"] * 3


@contextmanager
def strayed(lab: Lab) -> Iterator[None]:
    """The payment service calls somebody whom it does not name."""
    call = "fetch('https://example.org/').catch(() => {})"
    lab.run("docker", "exec", name_of(lab, "payment-service"), "with-secrets", "node", "-e", call)
    yield


@contextmanager
def removed(lab: Lab) -> Iterator[None]:
    """Somebody removed a container by hand."""
    lab.run("docker", "rm", "--force", name_of(lab, "dashboard-client"))
    try:
        yield
    finally:
        pulumi("up", "--yes", "--skip-preview", "--refresh")


@contextmanager
def restarted(lab: Lab) -> Iterator[None]:
    """Docker died and came back, after somebody had stopped a service."""
    with stopped(lab):
        lab.as_root("pkill", "-KILL", "-x", "dockerd")
        until(lambda: lab.run("docker", "ps", "-q", check=False), within_s=90, what="the host's engine answers")
        yield
        for component in lab.inspect():
            healthy(lab, component)


FAULTS: dict[str, Callable[[Lab, Platform, httpx.Client], AbstractContextManager[None]]] = {
    "One service is down": lambda lab, _platform, _visitor: stopped(lab),
    "Everything answers 503": lambda *_: nullcontext(),
    "Visitors get 429": lambda lab, platform, _visitor: flooded(lab, platform),
    "The certificate expires": lambda *_: nullcontext(),
    "A release failed": lambda *_: nullcontext(),
    "Drift, and previews that surprise": lambda lab, _platform, _visitor: removed(lab),
    "Messages are not handled": lambda lab, _platform, visitor: unread(lab, visitor),
    "PostgreSQL has no connection left": lambda lab, _platform, _visitor: without_connections(lab),
    "A query holds up others": lambda lab, _platform, _visitor: held_up(lab),
    "A container runs out of memory": lambda lab, platform, _visitor: too_small(lab, platform),
    "The disk is full": lambda *_: nullcontext(),
    "The host restarted": lambda lab, _platform, _visitor: restarted(lab),
    "A service does not get out": lambda lab, _platform, _visitor: strayed(lab),
}
OWN_TESTS = {"A database has to be had back", "A release is bad", "A release was cut off"}


def test_every_page_with_commands_is_followed() -> None:
    assert FAULTS.keys() | OWN_TESTS == set(TITLES)


@pytest.mark.parametrize("title", FAULTS)
def test_the_page_shows_the_fault_and_ends_it(
    title: str, reader: Reader, lab: Lab, platform: Platform, visitor: httpx.Client
) -> None:
    with FAULTS[title](lab, platform, visitor):
        reader.follow(title)


def test_a_copy_of_a_database_is_put_back(reader: Reader, lab: Lab, visitor: httpx.Client) -> None:
    order = place_order(visitor)
    assert outcome(visitor, order) == "confirmed"
    (copy, _), (put_back, _), (verify, shown) = commands("A database has to be had back")
    reader.run(copy.text)
    file = reader.home / "order.sql"
    assert file.stat().st_mode & 0o777 == 0o600
    # The lab's client programs are newer than its server: they set what it does not know.
    file.write_text(file.read_text().replace("SET transaction_timeout = 0;\n", ""))
    lab.run("docker", "exec", f"{PREFIX}-postgres", "psql", "-U", "postgres", "order", "-c", "delete from orders")
    try:
        reader.run(put_back.text)
        reader.see(verify.text, shown)
    finally:
        lab.run("docker", "start", name_of(lab, "order-service"))
    assert visitor.get(f"/api/v1/orders/{order}").raise_for_status().json()["status"] == "confirmed"
    # Its users have the same rights as before.
    assert outcome(visitor, place_order(visitor)) == "confirmed"


def test_a_bad_release_is_taken_back(deployed: Stack, reader: Reader, base: str) -> None:
    before = deployed.release()
    deployed.parrot(variables={"GREETING": "bad"}).up()
    reader.follow("A release is bad")
    assert deployed.release() == before
    deployed.parrot(variables={"GREETING": "hello"}).up()


def test_what_a_killed_run_left_is_taken_away(deployed: Stack, reader: Reader, lab: Lab) -> None:
    lease = "/home/deploy/a4co/lab/lease"
    try:
        with deployed.change(logLevel="warn").starting() as process:
            until(lambda: lab.run("cat", lease, check=False), within_s=60, what="the run has the lease")
            # All at once: a program whose engine dies first gives its lease back.
            for signal in ("STOP", "KILL"):
                subprocess.run(["pkill", f"-{signal}", "-s", str(process.pid)], check=True)
            process.wait()
        refused = pulumi("refresh", "--yes", "--skip-preview", check=False)
        assert "the stack is currently locked by" in refused.stdout + refused.stderr
        reader.follow("A release was cut off")
    finally:
        deployed.change(logLevel="info").repair()

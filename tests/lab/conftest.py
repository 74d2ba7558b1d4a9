"""The lab host and the platform on it, as an operator and a visitor reach them."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import yaml

from config.load import read
from config.platform import Platform
from lab.checkout import Checkout
from tests.lab.stack import ROOT, Stack, pulumi, with_parrot

PREFIX = "a4co-lab"


def until(condition: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """Wait for a condition and return what it gave."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.2)
    return value


@dataclass(frozen=True)
class Lab:
    """The lab host over SSH."""

    settings: dict[str, Any]

    def run(self, *command: str, stdin: str | None = None, check: bool = True) -> str:
        """Run a command on the host as `deploy` and return what it printed."""
        done = subprocess.run(
            ["ssh", "-F", str(ROOT / ".lab/ssh/config"), "lab", shlex.join(command)],
            input=stdin,
            stdin=None if stdin else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def containers(self) -> list[str]:
        """Ids of the stack's containers, running or not."""
        return self.run("docker", "ps", "-aq", "--filter", "label=a4co.stack=lab").split()

    def inspect(self) -> dict[str, dict[str, Any]]:
        """`docker inspect` of every container of the stack, by component."""
        ids = self.containers()
        found = json.loads(self.run("docker", "inspect", *ids)) if ids else []
        return {container["Config"]["Labels"]["a4co.component"]: container for container in found}

    def as_root(self, *command: str) -> str:
        """Run a command on the host's own console."""
        machine = ["docker", "exec", Checkout(ROOT).name]
        return subprocess.run([*machine, *command], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="session")
def lab() -> Lab:
    path = ROOT / ".lab/host.yaml"
    assert path.is_file(), "there is no lab: `make test` starts it"
    return Lab(yaml.safe_load(path.read_text()))


@pytest.fixture(scope="session")
def platform() -> Platform:
    """The lab's configuration."""
    return read("lab").platform


@pytest.fixture
def visitor(lab: Lab) -> Iterator[httpx.Client]:
    """Somebody with a browser, logged in."""
    with httpx.Client(base_url=f"http://{lab.settings['address']}:{lab.settings['httpPort']}", timeout=30) as client:
        person = {"email": f"visitor-{time.time_ns()}@example.org", "password": "correct horse battery staple"}
        client.post("/api/v1/auth/register", json=person).raise_for_status()
        token = client.post("/api/v1/auth/login", json=person).raise_for_status().json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def place_order(visitor: httpx.Client) -> str:
    """Order one of the first product; return the order's id."""
    product = visitor.get("/api/v1/products").raise_for_status().json()[0]["id"]
    order = visitor.post("/api/v1/orders", json={"items": [{"productId": product, "quantity": 1}]})
    assert order.status_code == 201, order.text
    return order.json()["id"]


def outcome(visitor: httpx.Client, order: str, *, within_s: float = 30) -> str:
    """How the order ended."""

    def ended() -> str | None:
        answer = visitor.get(f"/api/v1/orders/{order}")
        status = answer.json()["status"] if answer.is_success else "pending"
        return status if status != "pending" else None

    return until(ended, within_s=within_s, what=f"order {order} ends")


@pytest.fixture(scope="session")
def laid_over(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack that tests change; at the end the lab has its own again."""
    yield Stack(tmp_path_factory.mktemp("stack") / "Pulumi.lab.yaml")
    pulumi("up", "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def deployed(laid_over: Stack) -> Stack:
    """The platform with a ninth service, of another team: one entry in the stack's file."""
    return with_parrot(laid_over).live()


@pytest.fixture
def base(lab: Lab) -> str:
    """Where visitors begin."""
    return f"http://{lab.settings['address']}:{lab.settings['httpPort']}"

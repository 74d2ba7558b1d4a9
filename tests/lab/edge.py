"""The edge as visitors meet it: by every door, with whatever they send."""

import json
import socket
import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from h2.connection import H2Connection
from h2.events import ResponseReceived

from lab.checkout import Checkout
from tests.lab.conftest import Lab
from tests.lab.stack import ROOT, Stack, with_parrot

NAME = "shop.lab"
ORIGIN = "https://app.example.org"
DOORS = ["HTTP/1.1 over IPv4", "HTTP/1.1 over IPv6", "HTTP/2 over IPv4", "HTTP/2 over IPv6"]
ROUTES = [
    {"path": "/parrot/", "webSocket": True},
    {"path": "/parrot/auth/", "zone": "auth"},
    {"path": "/parrot/api/", "zone": "api", "maxBody": "1MB", "timeout": "2s"},
    {"path": "/parrot/assets/", "cache": True},
    {"path": "/parrot/live/", "buffering": False},
    {"path": "/parrot/page/", "contentSecurityPolicy": "default-src 'self' https://cdn.example.org"},
]
BROWSER = {"accept": "text/html,application/xhtml+xml"}
ADDRESS6 = str(Checkout(ROOT).subnet6[16])


def with_every_rule(stack: Stack, lab: Lab) -> Stack:
    """Every kind of route; over IPv4 this machine is a proxy that is trusted, over IPv6 anybody."""
    gateway = lab.run("sh", "-c", "ip -4 route show default | awk '{print $3}'").strip()
    with_parrot(stack).change(
        edge={
            "httpsOnly": True,
            "hosts": [NAME],
            "corsOrigins": [ORIGIN],
            "trustedProxies": [f"{gateway}/32"],
            "connections": 20,
        }
    )
    return stack.parrot(routes=ROUTES)


@dataclass(frozen=True)
class Case:
    """A request, what it is answered, and whether the service saw it."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    status: int = 200
    has: Mapping[str, str] = field(default_factory=dict)  # headers of the answer
    lacks: tuple[str, ...] = ()
    says: str = ""  # part of the body
    seen: bool = True

    def __str__(self) -> str:
        told = " ".join(f"{key}: {value[:30]}" for key, value in self.headers.items())
        return f"{self.method} {self.path[:40]} {told}".strip()


def address(door: str, *, secure: bool = True) -> tuple[str, int]:
    """Where one knocks."""
    ports = Checkout(ROOT).ports
    if "IPv6" in door:
        return ADDRESS6, 443 if secure else 80
    return "127.0.0.1", ports["https" if secure else "http"]


@contextmanager
def visitor(door: str, *, secure: bool = True) -> Iterator[httpx.Client]:
    """Somebody at a door; the certificate is another test's matter."""
    host, port = address(door, secure=secure)
    two = door.startswith("HTTP/2")
    where = f"http{'s' if secure else ''}://{f'[{host}]' if ':' in host else host}:{port}"
    with httpx.Client(
        base_url=where,
        headers={"host": NAME},
        http1=not two,
        http2=two,
        verify=False,  # noqa: S501
        timeout=30,
    ) as client:
        yield client


def seen(client: httpx.Client, probe: str) -> int:
    """How often the service was asked with a probe."""
    return client.get("/parrot/tally", params={"run": probe}).raise_for_status().json()["times"] or 0


def knock(client: httpx.Client, case: Case) -> httpx.Response:
    """Send a case's request and hold the answer against it."""
    probe = uuid.uuid4().hex
    answer = client.request(case.method, case.path, headers={**case.headers, "x-probe": probe}, content=case.content)
    said = f"{answer.status_code} {dict(answer.headers)} {answer.text[:300]}"
    assert answer.status_code == case.status, said
    for name, value in case.has.items():
        assert answer.headers.get(name) == value, f"{name}: {said}"
    for name in case.lacks:
        assert name not in answer.headers, f"{name}: {said}"
    assert case.says in answer.text, said
    assert (seen(client, probe) > 0) is case.seen, f"the service {'did not see' if case.seen else 'saw'} it"
    return answer


def echoed(answer: httpx.Response) -> dict[str, Any]:
    """What the service was sent."""
    return json.loads(answer.text)


@contextmanager
def wire(door: str, *, secure: bool = True) -> Iterator[socket.socket]:
    """A bare connection, for what no client would send."""
    host, port = address(door, secure=secure)
    with socket.create_connection((host, port), timeout=30) as plain:
        if not secure:
            yield plain
            return
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2" if door.startswith("HTTP/2") else "http/1.1"])
        with context.wrap_socket(plain, server_hostname=NAME) as encrypted:
            yield encrypted


def answered(connection: socket.socket, *, until: bytes | None = None) -> str:
    """All that comes until the other side closes, or to some bytes."""
    said = b""
    with suppress(ConnectionResetError, ssl.SSLError):
        while (until is None or until not in said) and (part := connection.recv(65536)):
            said += part
    return said.decode(errors="replace")


def announced(door: str, path: str, size: int, headers: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    """Status and headers of the answer to a POST whose body is announced and not sent."""
    own = [("content-length", str(size)), *headers.items()]
    with wire(door) as connection:
        if door.startswith("HTTP/1.1"):
            lines = [f"POST {path} HTTP/1.1", f"host: {NAME}", "connection: close", *(f"{k}: {v}" for k, v in own)]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            first, *rest = answered(connection, until=b"\r\n\r\n").partition("\r\n\r\n")[0].split("\r\n")
            return int(first.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in rest)}
        client = H2Connection()
        client.initiate_connection()
        client.send_headers(1, [(":method", "POST"), (":path", path), (":scheme", "https"), (":authority", NAME), *own])
        connection.sendall(client.data_to_send())
        while data := connection.recv(65536):
            for event in client.receive_data(data):
                if isinstance(event, ResponseReceived):
                    found = {k.decode(): v.decode() for k, v in event.headers}
                    return int(found[":status"]), found
            connection.sendall(client.data_to_send())
    raise AssertionError("closed without an answer")

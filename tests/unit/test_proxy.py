"""The proxy that leads out, run by Node on this machine: what it lets through, and what it refuses.

It leads to no loopback address: servers listen on this machine's own other one. Nothing here goes further.
"""

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from components.egress import SCRIPT

USER, PASSWORD = "payment", "correct horse"
LONG = "x" * 64 + ".example"  # too long a name to be asked for
RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER of no time


def key(user: str = USER, password: str = PASSWORD) -> str:
    return f"Proxy-Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class Proxy:
    """The script as a container runs it."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self._address = process, address
        self._port = int(self.said()["port"])

    def said(self) -> dict[str, Any]:
        """The next line of its log."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the proxy ended"
        return json.loads(line)

    def send(self, request: bytes, *, to: str | None = None) -> socket.socket:
        connection = socket.create_connection((to or self._address, self._port), timeout=10)
        connection.sendall(request)
        return connection

    def ask(self, line: str, *headers: str) -> socket.socket:
        return self.send("\r\n".join([f"{line} HTTP/1.1", "Host: x", *headers, "", ""]).encode())

    def listens(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex((self._address, self._port)) == 0

    def tunnel(self, host: str) -> socket.socket:
        """A connection that was let through."""
        connection = self.ask(f"CONNECT {host}", key())
        assert status(connection) == 200
        return connection


def status(connection: socket.socket) -> int:
    """The answer's status; what comes after its header is left."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, head
        head += byte
    return int(head.split()[1])


def rest(connection: socket.socket) -> bytes:
    """All that comes until the other side has said all."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def echo(connection: socket.socket) -> None:
    """Sends back what it gets, and says good-bye when the client has said all."""
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.sendall(b"bye")


def hang_up(connection: socket.socket) -> None:
    connection.recv(1)


@contextmanager
def serving(address: str, how: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server outside, as host:port."""

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            how(connection)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server((address, 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"{address}:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def running(folder: Path, address: str, *allowed: str, **settings: Any) -> Iterator[Proxy]:
    node = shutil.which("node")
    assert node, "node is not on PATH"
    shutil.copy(SCRIPT, folder)
    credentials = hashlib.sha256(f"{USER}:{PASSWORD}".encode()).hexdigest()
    config = {"port": 0, "allowed": allowed, "credentials": credentials, "inner": [], "connectMs": 2000, "idleMs": 9000}
    (folder / "config.json").write_text(json.dumps(config | settings))
    with subprocess.Popen([node, str(folder / SCRIPT.name)], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Proxy(process, address)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def address() -> str:
    """This machine's own, and no loopback."""
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()
    return next(one for one in found if ":" not in one)


@pytest.fixture(scope="module")
def outside(address: str) -> Iterator[str]:
    with serving(address, echo) as host:
        yield host


@pytest.fixture(scope="module")
def closed(address: str) -> str:
    """Where nobody listens."""
    with socket.create_server((address, 0)) as listener:
        return f"{address}:{listener.getsockname()[1]}"


@pytest.fixture
def proxy(tmp_path: Path, address: str, outside: str, closed: str) -> Iterator[Proxy]:
    port = outside.partition(":")[2]
    inner = [f"localhost:{port}", f"127.0.0.1:{port}", f"0.0.0.0:{port}", "169.254.169.254:80"]
    with running(tmp_path, address, outside, closed, f"{LONG}:443", *inner) as one:
        yield one


def test_what_is_allowed_passes_both_ways_and_each_half_ends_by_itself(
    proxy: Proxy, address: str, outside: str
) -> None:
    sent = b"x" * 3_000_000

    def send() -> None:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)

    with proxy.tunnel(outside) as connection:
        threading.Thread(target=send).start()
        assert rest(connection) == sent + b"bye"
    said = proxy.said()
    assert said.pop("time")
    assert 0 <= said.pop("seconds") < 10
    sizes = {"sent": len(sent), "received": len(sent) + 3}
    assert said == {"event": "tunnel", "host": outside, "client": address, **sizes}


def test_what_comes_with_the_question_is_passed_on(proxy: Proxy, outside: str) -> None:
    with proxy.send(f"CONNECT {outside} HTTP/1.1\r\nHost: x\r\n{key()}\r\n\r\nearly".encode()) as connection:
        assert status(connection) == 200
        connection.shutdown(socket.SHUT_WR)
        assert rest(connection) == b"earlybye"


INNER, OTHER = "the name leads to an inner address", "the service does not name this host"
ALONE = "CONNECT alone is served"


@pytest.mark.parametrize(
    ("line", "expected", "reason"),
    [
        ("CONNECT {address}:1", 403, OTHER),
        ("CONNECT example.org:443", 403, OTHER),
        ("CONNECT {address}", 403, OTHER),
        ("CONNECT {outside}.example.org:443", 403, OTHER),
        ("CONNECT example:443", 403, OTHER),
        ("CONNECT localhost.:{port}", 403, OTHER),
        ("CONNECT {outside}@example.org:443", 403, OTHER),
        ("CONNECT somebody@{outside}", 403, OTHER),
        ("CONNECT [::1]:{port}", 403, OTHER),
        ("CONNECT 2130706433:{port}", 403, OTHER),
        ("CONNECT localhost:{port}", 403, INNER),
        ("CONNECT LocalHost:{port}", 403, INNER),  # upper and lower case are the same
        ("CONNECT 127.0.0.1:{port}", 403, INNER),
        ("CONNECT 0.0.0.0:{port}", 403, INNER),
        ("CONNECT 169.254.169.254:80", 403, INNER),
        ("CONNECT {long}:443", 502, "the name is not known"),
        ("CONNECT {closed}", 502, "no connection: ECONNREFUSED"),
        ("GET http://{outside}/", 405, ALONE),
        ("POST http://{outside}/", 405, ALONE),
        ("GET /", 405, ALONE),
        ("GET /health", 405, ALONE),
        ("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX:", 405, ALONE),
        ("HELLO", 400, "HPE_INVALID_METHOD"),
    ],
)
def test_everything_else_is_refused_and_logged(  # noqa: PLR0917
    proxy: Proxy, address: str, outside: str, closed: str, line: str, expected: int, reason: str
) -> None:
    line = line.format(address=address, outside=outside, closed=closed, port=outside.partition(":")[2], long=LONG)
    with proxy.ask(line, key()) as connection:
        assert status(connection) == expected
        assert rest(connection).decode() == f"{reason}\n"
    said = proxy.said()
    assert (said["event"], said["status"], said["reason"], said["client"]) == ("refused", expected, reason, address)
    if line.startswith("CONNECT"):
        assert said["host"] == line.removeprefix("CONNECT ").lower()


@pytest.mark.parametrize(
    "header",
    [
        "X: none",
        key(password="wrong"),
        key(password=""),
        key(user="order"),
        "Proxy-Authorization: Basic",
        f"Proxy-Authorization: Bearer {PASSWORD}",
        key().removeprefix("Proxy-"),
    ],
)
@pytest.mark.parametrize("host", ["{outside}", "example.org:443"])
def test_without_the_password_every_host_is_the_same(proxy: Proxy, outside: str, host: str, header: str) -> None:
    with proxy.ask(f"CONNECT {host.format(outside=outside)}", header) as connection:
        assert status(connection) == 407
    assert proxy.said()["status"] == 407


def test_headers_have_a_limit(proxy: Proxy, outside: str) -> None:
    with proxy.ask(f"CONNECT {outside}", key(), "X: " + "x" * 9000) as connection:
        assert status(connection) == 431
    assert proxy.said()["reason"] == "HPE_HEADER_OVERFLOW"


def test_its_health_is_told_to_itself(proxy: Proxy) -> None:
    with proxy.send(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", to="127.0.0.1") as connection:
        assert status(connection) == 200


def test_a_client_that_breaks_off_takes_the_tunnel_with_it(proxy: Proxy, outside: str) -> None:
    connection = proxy.tunnel(outside)
    connection.sendall(b"x")
    assert connection.recv(1) == b"x"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()
    assert proxy.said()["event"] == "tunnel"


def test_a_server_that_hangs_up_is_told_to_the_client(tmp_path: Path, address: str) -> None:
    with serving(address, hang_up) as rude, running(tmp_path, address, rude) as proxy:
        with proxy.tunnel(rude) as connection:
            connection.sendall(b"x")
            assert rest(connection) == b""
        assert proxy.said()["event"] == "tunnel"


def test_the_platform_itself_is_not_outside(tmp_path: Path, address: str, outside: str) -> None:
    with running(tmp_path, address, outside, inner=[f"{address}/32", "fd00:a4c0::/32"]) as proxy:
        with proxy.ask(f"CONNECT {outside}", key()) as connection:
            assert status(connection) == 403
        assert proxy.said()["reason"] == INNER


def test_who_does_not_answer_is_given_up(tmp_path: Path, address: str) -> None:
    with socket.create_server((address, 0), backlog=0) as deaf, socket.create_connection(deaf.getsockname()):
        # Its one place is taken: further connections get no answer.
        host = f"{address}:{deaf.getsockname()[1]}"
        with running(tmp_path, address, host, connectMs=300) as proxy:
            with proxy.ask(f"CONNECT {host}", key()) as connection:
                assert status(connection) == 504
            assert proxy.said()["status"] == 504


def test_a_silent_tunnel_ends(tmp_path: Path, address: str, outside: str) -> None:
    with running(tmp_path, address, outside, idleMs=300) as proxy, proxy.tunnel(outside) as connection:
        with suppress(ConnectionError):
            assert rest(connection) == b""
        assert proxy.said()["event"] == "tunnel"


def test_when_stopped_it_lets_open_tunnels_finish(proxy: Proxy, outside: str) -> None:
    with proxy.tunnel(outside) as connection:
        proxy.process.terminate()
        while proxy.listens():
            pass
        connection.sendall(b"still here")
        connection.shutdown(socket.SHUT_WR)
        assert rest(connection) == b"still herebye"
    assert proxy.process.wait(10) == 0

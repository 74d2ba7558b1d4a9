"""The Docker Engine API, over a Unix socket or `ssh HOST docker system dial-stdio`: one process a connection."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lab.plugins.provider import ProviderError

# The newest version of the API that the official provider's client speaks.
CLIENT_VERSION = (1, 51)
IDLE_CONNECTIONS = 6

T = TypeVar("T")


class DockerError(ProviderError):
    """The engine's own answer, or the reason why there was none (`status` 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Address:
    """Where the engine is: `unix:///path` or `ssh://user@host:port`, with further options of ssh."""

    host: str
    ssh_opts: tuple[str, ...] = ()

    def ssh(self, *remote: str) -> list[str]:
        """The command line that runs `remote` on the engine's machine, as the Docker CLI forms it."""
        url = urllib.parse.urlsplit(self.host)
        options = [*self.ssh_opts]
        if not any("ConnectTimeout" in option for option in options):
            options += ["-o", "ConnectTimeout=30"]
        user = ["-l", url.username] if url.username else []
        port = ["-p", str(url.port)] if url.port else []
        return ["ssh", *user, *port, *options, "-T", "--", url.hostname or "", *remote]

    @property
    def is_ssh(self) -> bool:
        """Whether the engine is reached by ssh."""
        return self.host.startswith("ssh://")

    def dial_stdio(self) -> list[str]:
        """The command whose standard input and output are a connection to the engine."""
        path = urllib.parse.urlsplit(self.host).path
        elsewhere = [f"--host=unix://{path}"] if path.strip("/") and path != "/var/run/docker.sock" else []
        return self.ssh("docker", *elsewhere, "system", "dial-stdio")


class _Connection(http.client.HTTPConnection):
    """One HTTP connection; over ssh it is a process, and its last words explain a connection that breaks."""

    def __init__(self, address: Address) -> None:
        super().__init__("docker.example.com" if address.is_ssh else "localhost")
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr = tempfile.TemporaryFile() if address.is_ssh else None  # noqa: SIM115  as long as the process

    def connect(self) -> None:
        if not self._address.is_ssh:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(urllib.parse.urlsplit(self._address.host).path)
            return
        self.sock, far = socket.socketpair()
        with far:
            # A file and not a pipe: a ControlMaster that ssh leaves behind would hold a pipe open.
            self._process = subprocess.Popen(
                self._address.dial_stdio(), stdin=far.fileno(), stdout=far.fileno(), stderr=self._stderr
            )

    @property
    def alive(self) -> bool:
        return self.sock is not None and (self._process is None or self._process.poll() is None)

    def end(self) -> None:
        """Close it for good; `close` is the HTTP library's, which calls it before the error can be explained."""
        self.close()
        if self._process:
            self._process.terminate()
            self._process.wait()
        if self._stderr:
            self._stderr.close()

    def broken(self, error: Exception) -> str:
        if not (self._process and self._stderr):
            return str(error)
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return str(error)
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace")
        command = " ".join(self._address.dial_stdio())
        return (
            f"command [{command}] has exited with exit status {status}, make sure the URL is valid, "
            f"and Docker 18.09 or later is installed on the remote host: stderr={said}"
        )


@dataclass
class Engine:
    """A client of one engine. Connections are made on first use and kept for the next request."""

    address: Address
    _idle: list[_Connection] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pinging: threading.Lock = field(default_factory=threading.Lock)
    _version: str = ""

    @property
    def version(self) -> str:
        """The version of the API that both sides speak; asking for it is the check that the engine is there."""
        with self._pinging:
            if not self._version:
                self._version = self._negotiated()
            return self._version

    def _negotiated(self) -> str:
        def read(response: http.client.HTTPResponse) -> str:
            response.read()
            return response.getheader("Api-Version", "1.24")

        try:
            server = self._exchange("HEAD", "/_ping", None, {}, read)
        except DockerError as error:
            raise ProviderError(
                f"failed to create Docker client: Error pinging Docker server, please make sure that "
                f"{self.address.host} is reachable and has a  '_ping' endpoint. Error: {error}"
            ) from error
        newest = min(CLIENT_VERSION, tuple(int(part) for part in server.split(".")))
        return ".".join(str(part) for part in newest)

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, /, **query: Any
    ) -> Any:
        """One request; the answer is decoded JSON, or None where there is none."""

        def read(response: http.client.HTTPResponse) -> Any:
            data = response.read()
            return json.loads(data) if data.strip() else None

        return self._exchange(method, self._url(path, query), body, headers or {}, read)

    def raw(self, method: str, path: str, /, **query: Any) -> bytes:
        """One request; the answer as it is."""
        return self._exchange(method, self._url(path, query), None, {}, lambda response: response.read())

    def stream(self, path: str, headers: dict[str, str], /, **query: Any) -> Iterator[dict[str, Any]]:
        """The JSON messages of a long request (pull, push), each line as it comes."""

        def read(response: http.client.HTTPResponse) -> list[dict[str, Any]]:
            return [json.loads(line) for line in response if line.strip()]

        yield from self._exchange("POST", self._url(path, query), None, headers, read)

    def _url(self, path: str, query: dict[str, Any]) -> str:
        plain = {
            key: json.dumps(value) if isinstance(value, bool | dict) else value
            for key, value in query.items()
            if value is not None
        }
        return f"/v{self.version}{path}" + (f"?{urllib.parse.urlencode(plain)}" if plain else "")

    def _exchange(
        self, method: str, url: str, body: Any, headers: dict[str, str], read: Callable[[http.client.HTTPResponse], T]
    ) -> T:
        payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if payload is not None:
            headers = {"Content-Type": "application/json", **headers}
        connection = self._connection()
        try:
            connection.request(method, url, payload, headers)
            response = connection.getresponse()
            if response.status >= http.client.BAD_REQUEST:
                raise DockerError(response.status, f"Error response from daemon: {_message(response.read())}")
            result = read(response)
        except (OSError, http.client.HTTPException) as error:
            reason = connection.broken(error)
            connection.end()
            raise DockerError(0, self._unreachable(method, url, reason)) from error
        except BaseException:
            connection.end()
            raise
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
                return result
        connection.end()
        return result

    def _connection(self) -> _Connection:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.alive:
                    return connection
                connection.end()
        return _Connection(self.address)

    def _unreachable(self, method: str, url: str, reason: str) -> str:
        if self.address.is_ssh:
            return f'error during connect: {method.title()} "http://docker.example.com{url}": {reason}'
        return f"Cannot connect to the Docker daemon at {self.address.host}. Is the docker daemon running?"

    def close(self) -> None:
        """Let go of the connections that nobody uses."""
        with self._lock:
            while self._idle:
                self._idle.pop().end()


def _message(data: bytes) -> str:
    try:
        return json.loads(data)["message"]
    except (ValueError, KeyError):
        return data.decode(errors="replace").strip()

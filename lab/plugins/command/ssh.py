"""SSH for the command provider: dial as often as allowed, trust exactly the host key that was given."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import asyncssh

from lab.plugins.provider import ProviderError
from lab.plugins.wire import Properties

FIRST_DELAY_S, LONGEST_DELAY_S, BACKOFF = 0.1, 5.0, 1.5

T = TypeVar("T")


@contextlib.asynccontextmanager
async def connected(
    connection: Properties, status: Callable[[str], None]
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection as the program's `connection` describes it. Nothing is taken from ~/.ssh."""
    options = _options(connection)
    agent = await _agent(connection)
    try:
        if agent:
            options["client_keys"] = await agent.get_keys() or None

        async def dial() -> asyncssh.SSHClientConnection:
            return await asyncssh.connect(connection["host"], int(connection.get("port", 22)), **options)

        async with await _persistently(dial, int(connection.get("dialErrorLimit", 10)), status) as client:
            yield client
    except (OSError, asyncssh.Error) as error:
        raise ProviderError(f"ssh: {error}") from error
    finally:
        if agent:
            agent.close()
            await agent.wait_closed()


def _options(connection: Properties) -> dict[str, Any]:
    timeout_s = connection.get("perDialTimeout", 15) or None
    options: dict[str, Any] = {
        "username": connection.get("user", "root"),
        "password": connection.get("password"),
        "client_keys": None,
        "config": None,
        "known_hosts": None,
        "connect_timeout": timeout_s,
        "login_timeout": 0,
    }
    if host_key := connection.get("hostKey"):
        try:
            key = asyncssh.import_public_key(host_key)
        except asyncssh.KeyImportError as error:
            raise ProviderError(f"failed to parse host key: {error}") from error
        options["known_hosts"] = ([key], [], [])
    if private_key := connection.get("privateKey"):
        try:
            options["client_keys"] = [asyncssh.import_private_key(private_key, connection.get("privateKeyPassword"))]
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise ProviderError(f"ssh: {error}") from error
    return options


async def _agent(connection: Properties) -> asyncssh.SSHAgentClient | None:
    path = connection.get("agentSocketPath") or os.environ.get("SSH_AUTH_SOCK")
    if not path or connection.get("privateKey"):
        return None
    try:
        return await asyncssh.connect_agent(path)
    except OSError as error:
        raise ProviderError(f"dial unix {path}: connect: {os.strerror(error.errno or 0).lower()}") from error


async def _persistently(dial: Callable[[], Awaitable[T]], limit: int, status: Callable[[str], None]) -> T:
    delay_s, dials = FIRST_DELAY_S, 0
    while True:
        try:
            return await dial()
        except (OSError, asyncssh.Error) as error:
            dials += 1
            if -1 < limit < dials:
                raise ProviderError(f"after {dials - 1} failed attempts: {_reason(error)}") from error
        status(f"Dial {dials}/{'inf' if limit == -1 else limit} failed: retrying")
        await asyncio.sleep(delay_s)
        delay_s = min(delay_s * BACKOFF, LONGEST_DELAY_S)


def _reason(error: Exception) -> str:
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return "ssh: handshake failed: ssh: host key mismatch"
        case asyncssh.PermissionDenied():
            return "ssh: handshake failed: ssh: unable to authenticate, no supported methods remain"
        case asyncssh.Error():
            return f"ssh: handshake failed: {error}"
        case _:
            return f"dial tcp: {error}"

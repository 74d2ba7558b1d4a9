"""Visitors of five kinds, all the time, while something is done to the platform."""

import asyncio
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType

import aiohttp


@dataclass
class Load:
    """Requests through the edge, in a thread of its own: none is repeated, and each that fails is noted."""

    base: str
    connector: Callable[..., aiohttp.BaseConnector] = aiohttp.TCPConnector
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    failures: list[str] = field(default_factory=list)
    seconds: list[tuple[float, float]] = field(default_factory=list)  # when it began, how long it took
    posts: int = 0
    spans: list[tuple[float, float]] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        self._thread.start()
        time.sleep(3)  # what is normal, for comparison
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        time.sleep(3)  # what comes late
        self._stop.set()
        self._thread.join()

    @contextmanager
    def during(self) -> Iterator[None]:
        """The time in which something is done."""
        began = time.monotonic()
        yield
        self.spans.append((began, time.monotonic()))

    def report(self, title: str) -> str:
        """Requests, failures, and how long they took in milliseconds, during and outside of what was done."""
        inside = [s for at, s in self.seconds if any(begin <= at <= end for begin, end in self.spans)]
        outside = [s for at, s in self.seconds if not any(begin <= at <= end for begin, end in self.spans)]
        lasted = sum(end - begin for begin, end in self.spans)
        return (
            f"{title}: {len(self.seconds)} requests, {len(self.failures)} failed, {lasted:.1f} s; "
            f"during p50 {_ms(inside, 50)} p99 {_ms(inside, 99)}, outside p50 {_ms(outside, 50)} p99 {_ms(outside, 99)}"
        )

    async def _all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=20)
        async with (
            aiohttp.ClientSession(self.base, timeout=timeout, connector=self.connector()) as kept,
            aiohttp.ClientSession(self.base, timeout=timeout, connector=self.connector(force_close=True)) as fresh,
        ):
            await asyncio.gather(
                *(self._repeat(kept, "GET", "/api/v1/products", pause_s=0.05) for _ in range(3)),
                *(self._repeat(fresh, "GET", "/", pause_s=0.1) for _ in range(2)),
                *(self._repeat(fresh, "GET", "/parrot/slow", pause_s=0, slow=True) for _ in range(3)),
                *(self._tally(fresh) for _ in range(2)),
                self._converse(fresh),
            )

    async def _repeat(
        self, session: aiohttp.ClientSession, method: str, path: str, *, pause_s: float, slow: bool = False
    ) -> None:
        while not self._stop.is_set():
            await self._request(session, method, path, slow=slow)
            await asyncio.sleep(pause_s)

    async def _tally(self, session: aiohttp.ClientSession) -> None:
        """POSTs with a name each, so that one that is lost or happens twice shows afterwards."""
        while not self._stop.is_set():
            self.posts += 1
            await self._request(session, "POST", "/parrot/tally", body=f"{self.run}-{self.posts}")
            await asyncio.sleep(0.1)

    async def _request(
        self, session: aiohttp.ClientSession, method: str, path: str, *, body: str | None = None, slow: bool = False
    ) -> None:
        began = time.monotonic()
        try:
            async with session.request(method, path, data=body) as answer:
                await answer.read()
            if answer.status != 200:
                self.failures.append(f"{method} {path}: {answer.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failures.append(f"{method} {path}: {type(error).__name__} {error}")
        if not slow:
            self.seconds.append((began, time.monotonic() - began))

    async def _converse(self, session: aiohttp.ClientSession) -> None:
        """A WebSocket; a server that stops says so, and the visitor comes back. Anything else is a failure."""
        while not self._stop.is_set():
            try:
                async with session.ws_connect("/parrot/socket") as socket:
                    while not self._stop.is_set():
                        with suppress(ConnectionError):  # why it was closed, is what comes next
                            await socket.send_str("hello")
                        message = await socket.receive(timeout=10)
                        if message.type in (
                            aiohttp.WSMsgType.CLOSE,
                            aiohttp.WSMsgType.CLOSED,
                            aiohttp.WSMsgType.CLOSING,
                        ):
                            if socket.close_code != aiohttp.WSCloseCode.GOING_AWAY:
                                self.failures.append(f"WebSocket: closed with {socket.close_code}")
                            break
                        await asyncio.sleep(0.2)
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                self.failures.append(f"WebSocket: {type(error).__name__} {error}")
                await asyncio.sleep(0.2)


def _ms(seconds: list[float], percentile: int) -> str:
    if len(seconds) < 2:
        return "-"
    return f"{statistics.quantiles(seconds, n=100)[percentile - 1] * 1000:.0f} ms"

"""Visitors of the shop, all the time, while something is done to it."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

_EDGE_S = 3  # before and after what is done: what is normal, and what comes late


@dataclass
class Load:
    """Requests through the edge, to all eight services, in a thread of its own; each that fails is noted."""

    base: str
    requests: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)

    @contextmanager
    def during(self) -> Iterator["Load"]:
        """Visitors come before the block and leave after it."""
        self._begun, self._stop = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        thread = threading.Thread(target=self._run)
        thread.start()
        self._begun.wait()
        try:
            time.sleep(_EDGE_S)
            yield self
            time.sleep(_EDGE_S)
        finally:
            self._stop.set()
            thread.join()
        if self._error:
            raise self._error

    @property
    def outage_s(self) -> float:
        """From the first failure to the last."""
        return self.failures[-1][0] - self.failures[0][0] if self.failures else 0.0

    def kinds(self) -> dict[str, int]:
        """How often each failure was seen."""
        seen = [what for _, what in self.failures]
        return {what: seen.count(what) for what in dict.fromkeys(seen)}

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:
            self._error = error
            self._begun.set()

    async def _all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=20)
        async with (
            aiohttp.ClientSession(self.base, timeout=timeout) as kept,
            aiohttp.ClientSession(
                self.base, timeout=timeout, connector=aiohttp.TCPConnector(force_close=True)
            ) as fresh,
        ):
            visitor = {"email": f"bench-{time.time_ns()}@example.org", "password": "correct horse battery staple"}
            async with kept.post("/api/v1/auth/register", json=visitor, raise_for_status=True):
                pass
            async with kept.post("/api/v1/auth/login", json=visitor, raise_for_status=True) as answer:
                signed_in = {"authorization": f"Bearer {(await answer.json())['token']}"}
            async with kept.get("/api/v1/products", raise_for_status=True) as answer:
                product = (await answer.json())[0]["id"]
            order = {"items": [{"productId": product, "quantity": 1}]}
            async with kept.post("/api/v1/orders", json=order, headers=signed_in, raise_for_status=True) as answer:
                payment = f"/api/v1/payments/{(await answer.json())['id']}"
            while True:  # it is paid for a moment later
                async with kept.get(payment, headers=signed_in) as answer:
                    if answer.ok:
                        break
                await asyncio.sleep(0.1)
            self._begun.set()
            await asyncio.gather(
                *(self._repeat(kept, "GET", "/api/v1/products", pause_s=0.05) for _ in range(3)),
                self._repeat(kept, "GET", "/api/v1/inventory", pause_s=0.1),
                self._repeat(kept, "GET", payment, pause_s=0.1, headers=signed_in),
                *(self._repeat(fresh, "GET", "/", pause_s=0.1) for _ in range(2)),
                self._repeat(fresh, "GET", "/dashboard/", pause_s=0.1),
                self._repeat(fresh, "POST", "/api/v1/auth/login", pause_s=1, json=visitor),
                self._repeat(fresh, "POST", "/api/v1/orders", pause_s=0.5, json=order, headers=signed_in),
            )

    async def _repeat(
        self, session: aiohttp.ClientSession, method: str, path: str, *, pause_s: float, **request: Any
    ) -> None:
        name = f"{method} {'/'.join(path.split('/')[:4])}"
        while not self._stop.is_set():
            self.requests += 1
            try:
                async with session.request(method, path, **request) as answer:
                    await answer.read()
                    if not answer.ok:
                        self.failures.append((time.monotonic(), f"{name}: {answer.status}"))
            except (aiohttp.ClientError, TimeoutError) as error:
                self.failures.append((time.monotonic(), f"{name}: {type(error).__name__}"))
            await asyncio.sleep(pause_s)

"""What a setting of the edge changes; each test lays its own over every kind of route."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable

import aiohttp
import pytest

from config.edge import Rates
from tests.lab.conftest import Lab
from tests.lab.edge import BROWSER, DOORS, NAME, address, seen, visitor, with_every_rule
from tests.lab.stack import Stack

pytestmark = pytest.mark.timeout(600)
Note = Callable[[str, str], None]
RATES = Rates()  # as they are without any setting
MINUTE = 60.0


@pytest.fixture
def edge(laid_over: Stack, lab: Lab) -> Stack:
    """Every kind of route, not deployed yet."""
    return with_every_rule(laid_over, lab)


def test_another_container_is_asked_where_that_is_safe(edge: Stack) -> None:
    edge.parrot(replicas=2).up()
    with visitor(DOORS[0]) as client:
        for method, times in (("GET", 2), ("POST", 1)):
            probe = uuid.uuid4().hex
            answer = client.request(method, "/parrot/drop", headers={"x-probe": probe})
            assert answer.status_code == 503
            assert seen(client, probe) == times, method
        assert {client.get("/parrot/echo").status_code for _ in range(20)} == {200}, "one bad request turns nobody off"


def test_rates_are_kept_for_one_client_and_for_fifty(edge: Stack, lab: Lab, record_property: Note) -> None:
    """Everybody asks for more than is allowed, for a minute."""
    edge.change(edge={"rates": RATES.model_dump(mode="json", by_alias=True)}).up()
    host, port = address(DOORS[0], secure=False)
    one = [("203.0.113.1", zone, 2.0) for zone in ("general", "api", "auth")]
    fifty = [(f"198.51.100.{number}", "auth", 1.5) for number in range(1, 51)]
    accepted: Counter[tuple[str, str]] = Counter()
    refused: Counter[tuple[str, str]] = Counter()

    async def ask(session: aiohttp.ClientSession, client: str, zone: str, per_second: float) -> None:
        path = "/parrot/echo" if zone == "general" else f"/parrot/{zone}/echo"
        headers = {"host": NAME, "x-forwarded-for": client, "x-forwarded-proto": "https"}
        began = time.monotonic()
        for number in range(int(per_second * MINUTE)):
            await asyncio.sleep(began + number / per_second - time.monotonic())
            async with session.get(path, headers=headers) as answer:
                counted = {200: accepted, 429: refused}[answer.status]
                counted[client, zone] += 1
                if answer.status == 429:
                    assert answer.headers["retry-after"] == "1"
                    assert (await answer.json())["status"] == 429

    async def everybody() -> float:
        began = time.monotonic()
        async with aiohttp.ClientSession(f"http://{host}:{port}", connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(
                *(
                    ask(session, client, zone, getattr(RATES, zone).per_second * more / 4)
                    for client, zone, more in one + fifty
                    for _ in range(4)
                )
            )
        return time.monotonic() - began

    lasted = asyncio.run(everybody())
    deviations: list[float] = []
    for client, zone, _ in one + fifty:
        rate = getattr(RATES, zone)
        allowed = rate.per_second * lasted + rate.burst + 1
        deviations.append(accepted[client, zone] / allowed - 1)
        assert abs(deviations[-1]) < 0.05, (
            f"{client} {zone}: {accepted[client, zone]} of {allowed:.0f} in {lasted:.1f} s"
        )
        assert refused[client, zone] > 0
    record_property(
        "load", f"rates over {lasted:.0f} s: {min(deviations):+.1%} to {max(deviations):+.1%} of what is set"
    )
    nginx = lab.inspect()["nginx"]
    assert (nginx["State"]["OOMKilled"], nginx["RestartCount"]) == (False, 0)


def test_maintenance_is_one_setting(edge: Stack) -> None:
    edge.change(edge={"maintenance": True}).up()
    with visitor(DOORS[2]) as client:
        for path in ("/", "/api/v1/products", "/parrot/echo"):
            answer = client.get(path, headers=BROWSER)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "300")
            assert "We are working on it and will be back soon." in answer.text
        assert client.get("/health").status_code == 200
    edge.change(edge={"maintenance": False}).up()
    with visitor(DOORS[2]) as client:
        assert client.get("/parrot/echo").status_code == 200

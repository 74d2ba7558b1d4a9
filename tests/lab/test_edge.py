"""Every rule of the edge, by real requests: what is let through, what is refused, and whether the service saw it."""

import asyncio
import re
import socket
import ssl
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.lab.conftest import Lab, until
from tests.lab.edge import (
    ADDRESS6,
    BROWSER,
    DOORS,
    NAME,
    ORIGIN,
    Case,
    address,
    announced,
    answered,
    echoed,
    knock,
    seen,
    visitor,
    wire,
    with_every_rule,
)
from tests.lab.stack import Stack

ON_ALL = {
    "server": "nginx",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}
NOTHING = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'"}
PREFLIGHT = {"origin": ORIGIN, "access-control-request-method": "POST"}
ELSEWHERE = {"origin": "https://evil.example.org"}
JSON, HTML = {"content-type": "application/json"}, {"content-type": "text/html; charset=utf-8"}
NAMED, PACKED = {"x-request-id": "my-request-1"}, {"content-encoding": "gzip", "vary": "Accept-Encoding"}
CORS = ("access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods")

CASES = [
    Case("/parrot/echo", has=ON_ALL, says='"method":"GET"'),
    Case("/parrot/echo", "POST", content=b"x" * 2_000_000, says='"length":2000000'),
    Case("/parrot/echo.js", says='"url":"/parrot/echo.js"'),  # no rule for files takes it away from the service
    Case("/parrot/api/echo.png", says='"url":"/parrot/api/echo.png"'),
    Case("/parrot/page/echo", has={"content-security-policy": "default-src 'self' https://cdn.example.org"}),
    Case("/parrot/wild", has={"x-frame-options": "DENY"}, lacks=("x-powered-by", *CORS)),
    Case("/parrot/nothing", status=500, has=ON_ALL, says="answers"),  # the service's own words
    Case("/parrot/api/busy", status=429, has={"retry-after": "900"}),
    # Other web sites' pages
    Case(
        "/parrot/api/echo", headers={"origin": ORIGIN},
        has={
            CORS[0]: ORIGIN, CORS[1]: "true", "vary": "Origin",
            "access-control-expose-headers": "Retry-After, X-Request-Id",
        },
    ),
    Case("/parrot/api/echo", headers=ELSEWHERE, has={"vary": "Origin"}, lacks=(*CORS, "access-control-expose-headers")),
    Case("/parrot/echo", headers={"origin": ORIGIN}, lacks=CORS),
    Case(
        "/parrot/api/echo", "OPTIONS", headers=PREFLIGHT, status=204, seen=False,
        has={
            **ON_ALL, CORS[0]: ORIGIN, CORS[2]: "GET, HEAD, POST, PUT, PATCH, DELETE", "access-control-max-age": "600",
            "access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key, X-Request-Id",
        },
    ),
    Case("/parrot/api/echo", "OPTIONS", headers=PREFLIGHT | ELSEWHERE, status=403, lacks=CORS, seen=False),
    Case("/parrot/api/echo", "OPTIONS", says='"method":"OPTIONS"'),
    # What is refused, and how that is said
    Case("/metrics", status=404, has={**ON_ALL, **JSON, **NOTHING}, says='"status":404', seen=False),
    Case("/health/live", status=404, seen=False),
    Case("/metrics", headers=BROWSER, status=404, has={**ON_ALL, **HTML}, says="<h1>There is nothing", seen=False),
    Case("/parrot/echo", "TRACE", status=405, has=JSON, seen=False),
    Case("/parrot/api/stall", status=504, has={**ON_ALL, **JSON}, says="too long"),
    Case("/parrot/drop", status=503, has={"retry-after": "5"}),
    Case("/parrot", status=301, has={"location": "/parrot/"}, seen=False),
    # What is passed on
    Case("/parrot/echo", headers=NAMED, has=NAMED, says="my-request-1"),
    Case("/parrot/large", headers={"accept-encoding": "gzip"}, has=PACKED),
    Case("/parrot/large", headers={"accept-encoding": "gzip, br"}, has=PACKED | {"content-encoding": "br"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def edge(laid_over: Stack, lab: Lab) -> Stack:
    """The platform with every kind of route."""
    return with_every_rule(laid_over, lab).live()


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def client(edge: Stack, door: str) -> Iterator[httpx.Client]:
    with visitor(door) as one:
        yield one


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_request_is_answered_by_the_rules(client: httpx.Client, case: Case) -> None:
    knock(client, case)


@pytest.mark.parametrize(("path", "size"), [("/parrot/echo", 9_000_000), ("/parrot/api/echo", 1_100_000)])
def test_what_is_too_large_is_refused_before_it_is_sent(client: httpx.Client, door: str, path: str, size: int) -> None:
    probe = uuid.uuid4().hex
    status, headers = announced(door, path, size, {"x-probe": probe, "origin": ORIGIN})
    assert status == 413
    assert {key: headers[key] for key in ON_ALL} == ON_ALL
    assert headers.get("access-control-allow-origin") == (ORIGIN if "api" in path else None)
    assert seen(client, probe) == 0


def test_another_name_is_not_served(client: httpx.Client) -> None:
    elsewhere = {"host": "other.example.org"}
    answer = client.get("/parrot/echo", headers=elsewhere)
    assert answer.status_code == 421
    assert answer.json()["error"] == "This name is not served here."
    assert {key: answer.headers[key] for key in ON_ALL} == ON_ALL
    assert client.get("/health", headers=elsewhere).json() == {"status": "ok", "service": "edge"}


def test_who_asks_is_what_the_network_says_except_behind_a_trusted_proxy(client: httpx.Client, door: str) -> None:
    claims = {"x-forwarded-for": "203.0.113.9, 198.51.100.7", "x-real-ip": "203.0.113.9", "x-forwarded-proto": "http"}
    answer = client.get("/parrot/echo", headers=claims)
    if "IPv4" in door:
        assert answer.status_code == 308, "the proxy says that the visitor came without TLS"
        claims["x-forwarded-proto"] = "https"
        answer = client.get("/parrot/echo", headers=claims)
    told = echoed(answer)["headers"]
    own = ADDRESS6.removesuffix("10") + "1"
    assert told["x-forwarded-for"] == told["x-real-ip"] == ("198.51.100.7" if "IPv4" in door else own)
    assert told["x-forwarded-proto"] == "https"


def test_what_a_service_must_not_be_told_stays_here(client: httpx.Client, door: str) -> None:
    headers = {"proxy": "http://evil.example.org", "x-request-id": "no spaces, please"}
    if "HTTP/1.1" in door:
        headers |= {"upgrade": "h2c", "connection": "upgrade, http2-settings", "http2-settings": "AAMAAABkAAQ"}
    told = echoed(client.get("/parrot/echo", headers=headers))["headers"]
    assert {"proxy", "upgrade", "http2-settings"} & told.keys() <= {"http2-settings"}
    assert re.fullmatch("[0-9a-f]{32}", told["x-request-id"])
    assert told["host"] == NAME


def test_what_may_be_kept_is_kept_and_nothing_else(client: httpx.Client) -> None:
    first = client.get(f"/parrot/assets/asset?{uuid.uuid4()}")
    assert client.get(str(first.url)).text == first.text
    assert client.get(str(first.url), headers={"authorization": "Bearer x"}).text != first.text, (
        "this one is somebody's"
    )
    assert client.get(str(first.url)).headers["content-security-policy"]
    assert client.get("/parrot/asset").text != client.get("/parrot/asset").text


def test_a_stream_comes_piece_by_piece(client: httpx.Client) -> None:
    with client.stream("GET", "/parrot/live/pieces") as answer:
        pieces = [(time.monotonic(), piece) for piece in answer.iter_bytes() if piece]
    assert b"".join(piece for _, piece in pieces) == b"first second"
    assert pieces[-1][0] - pieces[0][0] > 1


RAW = {
    "two lengths": (
        b"POST /parrot/echo HTTP/1.1\r\nHost: {0}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400,
    ),
    "length and chunks": (
        b"POST /parrot/echo HTTP/1.1\r\nHost: {0}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: {0}\r\n\r\n", 400,
    ),
    "unknown coding": (b"POST /parrot/echo HTTP/1.1\r\nHost: {0}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "bad chunk": (b"POST /parrot/echo HTTP/1.1\r\nHost: {0}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", 400),
    "space before the colon": (b"GET /parrot/echo HTTP/1.1\r\nHost : {0}\r\nContent-Length : 3\r\n\r\n", 400),
    "zero byte": (b"GET /parrot/echo HTTP/1.1\r\nHost: {0}\r\nX-A: a\x00b\r\n\r\n", 400),
    "no name": (b"GET /parrot/echo HTTP/1.1\r\n\r\n", 400),
    "two names": (b"GET /parrot/echo HTTP/1.1\r\nHost: {0}\r\nHost: other.example.org\r\n\r\n", 400),
    "name in the address": (b"GET http://other.example.org/parrot/echo HTTP/1.1\r\nHost: {0}\r\n\r\n", 421),
    "tunnel": (b"CONNECT shop.lab:443 HTTP/1.1\r\nHost: {0}\r\n\r\n", 405),
    "above the root": (b"GET /parrot/../../etc/passwd HTTP/1.1\r\nHost: {0}\r\n\r\n", 400),
    "above the root, encoded": (b"GET /parrot/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: {0}\r\n\r\n", 400),
    "into what is closed": (b"GET /parrot/../metrics HTTP/1.1\r\nHost: {0}\r\n\r\n", 404),
    "into what is closed, encoded": (b"GET /parrot/%2e%2e/metrics HTTP/1.1\r\nHost: {0}\r\n\r\n", 404),
    "long address": (b"GET /parrot/echo?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: {0}\r\n\r\n", 414),
    "large header": (b"GET /parrot/echo HTTP/1.1\r\nHost: {0}\r\nX-A: " + b"a" * 20_000 + b"\r\n\r\n", 400),
    "nonsense": (b"\x16\x03parrot\r\n\r\n", 400),
}  # fmt: skip


@pytest.mark.parametrize("kind", RAW)
@pytest.mark.parametrize("door", DOORS[:2])
def test_what_no_client_would_send(edge: Stack, door: str, kind: str) -> None:
    sent, status = RAW[kind]
    probe = uuid.uuid4().hex
    sent = sent.replace(b"{0}", f"{NAME}\r\nConnection: close\r\nX-Probe: {probe}".encode())
    with wire(door) as connection:
        connection.sendall(sent)
        said = answered(connection)
    assert re.match(rf"HTTP/1.1 {status} ", said), said
    assert said.count("HTTP/1.1 ") == 1, "one request, one answer"
    assert "X-Frame-Options: DENY" in said
    with visitor(door) as client:
        assert seen(client, probe) == 0


@pytest.mark.parametrize("door", DOORS[:2])
def test_plain_http_is_only_good_for_being_sent_on(edge: Stack, door: str) -> None:
    port = address(door)[1] if "IPv4" in door else address(DOORS[0])[1]
    with visitor(door, secure=False) as client:
        sent_on = client.post("/parrot/echo?a=b", headers={"x-forwarded-proto": ""})
        assert sent_on.status_code == 308
        assert sent_on.headers["location"] == f"https://{NAME}:{port}/parrot/echo?a=b"
        assert "strict-transport-security" not in sent_on.headers
        assert client.get("/health").status_code == 200
        assert client.get("/.well-known/acme-challenge/x").status_code == 404
    with visitor(door) as client:
        assert client.get("/parrot/echo").status_code == 200


@pytest.mark.parametrize("door", DOORS[:2])
def test_only_tls_that_is_good(edge: Stack, door: str) -> None:
    def connected(version: ssl.TLSVersion) -> tuple[str, bool]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(address(door)) as plain, context.wrap_socket(plain) as encrypted:
            session = encrypted.session
            return encrypted.version() or "", bool(session and session.has_ticket)

    assert connected(ssl.TLSVersion.TLSv1_2) == ("TLSv1.2", False)
    assert connected(ssl.TLSVersion.TLSv1_3)[0] == "TLSv1.3"
    with pytest.warns(DeprecationWarning, match="TLSv1_1"), pytest.raises(ssl.SSLError, match=r"(?i)protocol version"):
        connected(ssl.TLSVersion.TLSv1_1)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("door", DOORS[:2])
def test_who_sends_slowly_is_let_go_and_disturbs_nobody(edge: Stack, door: str) -> None:
    host, port = address(door)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    head = f"POST /parrot/echo HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 10\r\n".encode()

    async def one(sent: bytes) -> str:
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        writer.write(sent)
        await writer.drain()
        try:
            return (await asyncio.wait_for(reader.read(), timeout=40)).decode()
        except ConnectionResetError:
            return ""
        finally:
            writer.close()

    async def everybody() -> tuple[list[str], list[int]]:
        slow = asyncio.gather(*(one(head) for _ in range(60)), one(head + b"\r\nabc"))
        statuses: list[int] = []
        async with httpx.AsyncClient(verify=False, headers={"host": NAME}) as visitors:  # noqa: S501
            shown = f"[{host}]" if ":" in host else host
            while not slow.done():
                statuses.append((await visitors.get(f"https://{shown}:{port}/parrot/echo")).status_code)
                await asyncio.sleep(0.1)
        return await slow, statuses

    said, statuses = asyncio.run(everybody())
    assert all(not answer or " 408 " in answer for answer in said), said
    assert set(statuses) == {200}


def test_one_client_has_so_many_connections(edge: Stack) -> None:
    host, port = address(DOORS[1])

    async def crowd() -> list[int]:
        async with httpx.AsyncClient(verify=False, headers={"host": NAME}, timeout=30) as visitors:  # noqa: S501
            asked = (visitors.get(f"https://[{host}]:{port}/parrot/slow") for _ in range(30))
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    answers = asyncio.run(crowd())
    assert answers.count(200) == 20
    assert answers.count(429) == 10


def test_a_service_that_is_down_is_said_to_be_at_once_and_hurts_no_other(edge: Stack, lab: Lab) -> None:
    parrot = lab.inspect()["parrot"]["Id"]
    with visitor(DOORS[0]) as client:
        lab.run("docker", "stop", parrot)
        try:
            until(lambda: client.get("/parrot/echo").status_code == 503, within_s=10, what="it is known to be down")
            began = time.monotonic()
            down = client.get("/parrot/echo", headers=BROWSER)
            assert time.monotonic() - began < 3
            assert (down.status_code, down.headers["retry-after"]) == (503, "5")
            assert "<h1>The service can't answer at the moment.</h1>" in down.text
            assert client.get("/api/v1/products").status_code == 200
        finally:
            lab.run("docker", "start", parrot)
        until(lambda: client.get("/parrot/echo").status_code == 200, within_s=30, what="it is back")

"""What a visitor sees, and what a crash costs: nothing."""

import time

import httpx
import pytest

from tests.lab.conftest import Lab, outcome, place_order, until

CONTAINERS = [
    *("postgres", "nats", "redis", "nginx"),
    *("auth-service", "product-service", "inventory-service", "order-service", "payment-service"),
    *("api-gateway", "frontend", "dashboard-client"),
]


def test_pages(visitor: httpx.Client) -> None:
    assert "<html" in visitor.get("/").raise_for_status().text
    assert "<html" in visitor.get("/dashboard/").raise_for_status().text
    assert visitor.get("/health").json()["status"] == "ok"
    assert visitor.get("/api/v1/health").raise_for_status().json()["service"] == "api-gateway"


def test_an_order_through_nginx_ends_confirmed(visitor: httpx.Client) -> None:
    assert outcome(visitor, place_order(visitor)) == "confirmed"


def test_without_a_token_there_is_no_order(visitor: httpx.Client) -> None:
    del visitor.headers["authorization"]
    assert visitor.post("/api/v1/orders", json={"items": []}).status_code == 401


@pytest.mark.parametrize("component", CONTAINERS)
def test_a_killed_container_comes_back_and_loses_no_order(lab: Lab, visitor: httpx.Client, component: str) -> None:
    before = lab.inspect()[component]
    orders = [place_order(visitor) for _ in range(3)]
    # Not `docker kill`: Docker would take that for the operator's wish, and leave it dead.
    lab.as_root("kill", "-9", str(before["State"]["Pid"]))

    def healthy_again() -> bool:
        now = lab.inspect()[component]
        return now["State"]["Health"]["Status"] == "healthy" and now["State"]["Pid"] not in (0, before["State"]["Pid"])

    until(healthy_again, within_s=90, what=f"{component} is healthy again")
    for order in orders:
        assert outcome(visitor, order, within_s=90) == "confirmed"
    started = time.monotonic()
    assert outcome(visitor, place_order(visitor), within_s=60) == "confirmed", time.monotonic() - started

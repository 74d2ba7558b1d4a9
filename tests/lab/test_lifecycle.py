"""From nothing to serving, and back to nothing but the data."""

import httpx

from tests.lab.conftest import PREFIX, Lab, outcome, place_order, pulumi


def test_destroy_leaves_the_data_and_up_brings_everything_back(lab: Lab, visitor: httpx.Client) -> None:
    order = place_order(visitor)
    assert outcome(visitor, order) == "confirmed"
    try:
        pulumi("destroy", "--yes", "--skip-preview")
        assert lab.containers() == []
        networks = lab.run("docker", "network", "ls", "--format", "{{.Name}}").split()
        assert [name for name in networks if name.startswith(PREFIX)] == []
        assert lab.run("docker", "volume", "ls", "-q", "--filter", f"name={PREFIX}").split() == [
            f"{PREFIX}-{name}-data" for name in ("nats", "postgres", "redis")
        ]
        assert lab.run("find", "/home/deploy/a4co", "-type", "f").split() == []
    finally:
        pulumi("up", "--yes", "--skip-preview")
    assert visitor.get(f"/api/v1/orders/{order}").status_code == 401, "a new platform has a new key for its tokens"
    visitor.headers.pop("authorization")
    assert visitor.get("/api/v1/products").raise_for_status().json()

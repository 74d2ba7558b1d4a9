"""Nginx's files, as the models say. Whether nginx takes them, and what it does with them, the lab tests show."""

from typing import Any

from components.routes import render_routes
from config.load import build
from tests.unit.program import HOST


def files(**sections: Any) -> dict[str, str]:
    platform = build("test", {"host": HOST, "environment": "development", **sections}).platform
    return render_routes(platform, "r1", {name: [f"{name}-0a1b2c3"] for name in platform.services})


def test_two_services_on_one_port_differ_by_name() -> None:
    servers = files()["servers.conf"]
    assert servers.count("listen 172.21.0.10:3002;") == 2
    assert "server_name product-service;" in servers
    assert "server_name inventory-service;" in servers
    assert servers.count("listen 172.21.0.10:3002 default_server;") == 1


def test_services_on_the_frontend_network_alone_have_no_inner_name() -> None:
    assert "server_name frontend;" not in files()["servers.conf"]


def test_every_service_is_an_upstream_and_a_candidate() -> None:
    rendered = files()
    assert len([name for name in rendered if name.startswith("upstreams/")]) == 8
    assert rendered["candidates.conf"].count("location = /") == 8
    assert "proxy_pass http://candidate-api-gateway-0a1b2c3/api/v1/health;" in rendered["candidates.conf"]


def test_plain_http_is_redirected_by_default() -> None:
    assert "return 308 https://$host$request_uri;" in files()["servers.conf"]
    assert "return 308 https://$host:8443$request_uri;" in files(edge={"httpsPort": 8443})["servers.conf"]
    assert "308" not in files(edge={"httpsOnly": False})["servers.conf"]


def test_nginx_outlives_the_slowest_service() -> None:
    assert "worker_shutdown_timeout 335s;" in files()["nginx.conf"]
    slow = files(services={"order-service": {"grace": "2m"}})
    assert "worker_shutdown_timeout 425s;" in slow["nginx.conf"]

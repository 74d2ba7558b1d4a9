"""Nginx's files, as the models say. Whether nginx takes them, and what it does with them, the lab tests show."""

import base64
import hashlib
import re
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
    assert "return 308 https://$host$request_uri;" in files()["public.conf"]
    assert "return 308 https://$host:8443$request_uri;" in files(edge={"httpsPort": 8443})["public.conf"]
    assert "return 308 https://$host:4443$request_uri;" in files(host={**HOST, "httpsPort": 4443})["public.conf"]
    assert "308" not in files(edge={"httpsOnly": False})["public.conf"]


def test_rates_are_data() -> None:
    rendered = files(edge={"rates": {"auth": {"perSecond": 3, "burst": 7}}})
    assert "zone=general:4m rate=10r/s;" in rendered["edge.conf"]
    assert "zone=api:4m rate=50r/s;" in rendered["edge.conf"]
    assert "zone=auth:4m rate=3r/s;" in rendered["edge.conf"]
    for path, limit in {
        "/": "general burst=40",
        "/api/": "api burst=100",
        "/api/v1/auth/login": "auth burst=7",
    }.items():
        assert f"location {path} {{\n        limit_req zone={limit} nodelay;\n" in rendered["servers.conf"]


def test_no_web_site_is_ever_any_web_site() -> None:
    listed = files(edge={"corsOrigins": ["https://app.example.org"]})
    assert '    "https://app.example.org" $http_origin;\n' in listed["edge.conf"]
    assert "*" not in "".join(
        line for text in listed.values() for line in text.splitlines() if "Access-Control" in line
    )
    assert "edge_preflight = allowed" in listed["servers.conf"]
    assert "edge_preflight = allowed" not in files()["servers.conf"]


def test_the_longest_path_decides_who_may_call() -> None:
    services = {"frontend": {"routes": [{"path": "/api/v1/docs.html"}]}}
    text = files(edge={"corsOrigins": ["https://app.example.org"]}, services=services)["edge.conf"]
    assert text.index(r'"~^/api/v1/docs\.html" "";') < text.index('"~^/api/" "Origin";')


def test_no_location_adds_a_header_for_it_would_lose_all_others() -> None:
    for name, text in files(edge={"hosts": ["shop.example.org"], "corsOrigins": ["https://a.example.org"]}).items():
        if name != "public.conf":
            assert "add_header" not in text, name


def test_under_maintenance_nothing_from_outside_reaches_a_service() -> None:
    outside = files(edge={"maintenance": True})["servers.conf"].partition("# From service to service")[0]
    assert "location / { return 503; }" in outside
    assert "proxy_pass" not in outside


def test_a_style_is_allowed_by_its_hash() -> None:
    text = files()["errors.conf"]
    style = re.search(r"<style>(.*)</style>", text)
    assert style
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()}'" in text


def test_nginx_outlives_the_slowest_service() -> None:
    assert "worker_shutdown_timeout 335s;" in files()["nginx.conf"]
    slow = files(services={"order-service": {"grace": "2m"}})
    assert "worker_shutdown_timeout 425s;" in slow["nginx.conf"]

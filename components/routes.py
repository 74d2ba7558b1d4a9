"""Which container serves which name and path: nginx's configuration of one release."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, get_args

from components.templates import render
from config import Platform
from config.service import Route
from config.types import Zone

_HTTPS = 443
# What a page may load, and what an answer that is no page.
_PAGES = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# Content that grows smaller when it is packed; HTML is packed anyway.
PACKED = (
    "text/css text/plain text/javascript application/javascript application/json application/problem+json "
    "application/manifest+json application/xml image/svg+xml"
)
_ANSWERS = "default-src 'none'; frame-ancestors 'none'"
_STYLE = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;padding:0 1rem}p{opacity:.6}"
# Headers that the edge sends, whatever a service says.
_EDGES_OWN = [
    "X-Powered-By", "Strict-Transport-Security", "Content-Security-Policy", "X-Frame-Options",
    "X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy", "X-Request-Id",
    "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers",
    "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age",
]  # fmt: skip


def render_routes(platform: Platform, revision: str, containers: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Nginx's files for one release, by path; `containers` has the serving containers of each service."""
    live = [service for service in platform.services.values() if service.name in containers]
    upstreams = {service.name: _upstream(service.name, containers[service.name]) for service in live}
    routes = [_route(route, upstreams[service.name]) for service in live for route in service.routes]
    inner: dict[int, list[dict[str, str]]] = {}
    for service in live:
        if "backend" in service.networks:
            inner.setdefault(service.port, []).append({"name": service.name, "upstream": upstreams[service.name]})
    values = _edge(platform) | {"routes": routes, "inner": inner, "address": platform.networks.inner_address}
    files = {
        name: render(f"nginx/{name}", **values)
        for name in ("nginx.conf", "edge.conf", "public.conf", "errors.conf", "servers.conf")
    } | {
        "revision.conf": f"location = /revision {{ return 200 {revision}; }}\n",
        "candidates.conf": render(
            "nginx/candidates.conf",
            candidates=[
                {"container": container, "port": service.port, "path": service.health.path}
                for service in live
                for container in containers[service.name]
            ],
        ),
    }
    for service in live:
        upstream = upstreams[service.name]
        files[f"upstreams/{upstream}.conf"] = render(
            "nginx/upstream.conf",
            service=service.name,
            upstream=upstream,
            containers=containers[service.name],
            port=service.port,
        )
    return files


def routes_revision(platform: Platform, containers: Mapping[str, Sequence[str]]) -> str:
    """Short hash of everything that the routes say."""
    files = render_routes(platform, "", containers)
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:12]


def _edge(platform: Platform) -> dict[str, Any]:
    """What the files say of the edge itself."""
    edge, host = platform.edge, platform.host
    return {
        "edge": edge,
        "rates": {zone: getattr(edge.rates, zone) for zone in get_args(Zone)},
        "redirects": edge.https_only,
        # The port that people see: something may forward the host's 443.
        "https_port": host.https_port if edge.https_port == _HTTPS else edge.https_port,
        "hsts_s": int(edge.hsts.total_seconds()),
        "caches": any(route.cache for service in platform.services.values() for route in service.routes),
        "hidden": _EDGES_OWN,
        "packed": PACKED,
        "shutdown_s": _shutdown_s(platform),
        "page": render("nginx/error.html", style=_STYLE),
        "style_hash": "sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode(),
    }


def _route(route: Route, upstream: str) -> dict[str, Any]:
    return {
        **route.model_dump(),
        "upstream": upstream,
        "timeout_s": max(1, int(route.timeout.total_seconds())),
        "policy": route.content_security_policy or (_PAGES if route.zone == "general" else _ANSWERS),
    }


def _upstream(service: str, containers: Sequence[str]) -> str:
    """The name of a service's containers together: another one with each change, so that old and new are told apart."""
    return f"{service}-{hashlib.sha256(' '.join(containers).encode()).hexdigest()[:7]}"


def _shutdown_s(platform: Platform) -> int:
    """How long a worker of old routes keeps a WebSocket, say: until its service ends it, however slow the release."""
    longest = max((service.grace for service in platform.services.values()), default=timedelta(0))
    return int((platform.edge.drain + longest).total_seconds()) + 300

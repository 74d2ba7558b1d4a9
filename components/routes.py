"""Which container serves which name and path: nginx's configuration of one release."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

from components.templates import render
from config import Platform


def render_routes(platform: Platform, revision: str, containers: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Nginx's files for one release, by path; `containers` has the serving containers of each service."""
    edge = platform.edge
    live = [service for service in platform.services.values() if service.name in containers]
    upstreams = {service.name: _upstream(service.name, containers[service.name]) for service in live}
    routes = [{"path": route.path, "upstream": upstreams[service.name]} for service in live for route in service.routes]
    inner: dict[int, list[dict[str, str]]] = {}
    for service in live:
        if "backend" in service.networks:
            inner.setdefault(service.port, []).append({"name": service.name, "upstream": upstreams[service.name]})
    files = {
        "nginx.conf": render("nginx/nginx.conf", edge=edge, shutdown_s=_shutdown_s(platform)),
        "revision.conf": f"location = /revision {{ return 200 {revision}; }}\n",
        "servers.conf": render(
            "nginx/servers.conf", edge=edge, routes=routes, inner=inner, address=platform.networks.inner_address
        ),
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


def _upstream(service: str, containers: Sequence[str]) -> str:
    """The name of a service's containers together: another one with each change, so that old and new are told apart."""
    return f"{service}-{hashlib.sha256(' '.join(containers).encode()).hexdigest()[:7]}"


def _shutdown_s(platform: Platform) -> int:
    """How long a worker of old routes keeps a WebSocket, say: until its service ends it, however slow the release."""
    longest = max((service.grace for service in platform.services.values()), default=timedelta(0))
    return int((platform.edge.drain + longest).total_seconds()) + 300

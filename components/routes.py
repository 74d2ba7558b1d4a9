"""Which container serves which name and path: nginx's configuration, and the switch from one release to the next."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_command import remote

from components.archive import pack
from components.host import Host
from components.templates import render
from config import Platform


def render_routes(platform: Platform, revision: str, containers: Mapping[str, str]) -> dict[str, str]:
    """Nginx's files for one release, by path; `containers` has the serving container of each service."""
    edge = platform.edge
    live = [service for service in platform.services.values() if service.name in containers]
    routes = [
        {"path": route.path, "container": containers[service.name]} for service in live for route in service.routes
    ]
    inner: dict[int, list[dict[str, str]]] = {}
    for service in live:
        if "backend" in service.networks:
            inner.setdefault(service.port, []).append({"name": service.name, "container": containers[service.name]})
    files = {
        "nginx.conf": render("nginx/nginx.conf", edge=edge, shutdown_s=_shutdown_s(platform)),
        "revision.conf": f"location = /revision {{ return 200 {revision}; }}\n",
        "servers.conf": render(
            "nginx/servers.conf", edge=edge, routes=routes, inner=inner, address=platform.networks.inner_address
        ),
        "candidates.conf": render(
            "nginx/candidates.conf",
            candidates=[{"container": containers[s.name], "path": s.health.path} for s in live],
        ),
    }
    for service in live:
        container = containers[service.name]
        files[f"upstreams/{container}.conf"] = render(
            "nginx/upstream.conf", service=service.name, container=container, port=service.port
        )
    return files


class Routes(pulumi.ComponentResource):
    """The last step of a release: it runs when every new container is healthy, and moves all traffic at once.

    Only afterwards does Pulumi delete the old containers. `revision` names the routes that serve.
    """

    revision: Output[str]
    done: remote.Command

    def __init__(
        self,
        name: str,
        platform: Platform,
        *,
        nginx: Input[str],
        containers: Mapping[str, Output[str]],
        host: Host,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:Routes", name, {}, opts)
        child = ResourceOptions(parent=self)
        known = Output.all(**containers)
        self.revision = known.apply(lambda names: _revision(platform, names))
        archive = Output.all(self.revision, known).apply(lambda both: pack(render_routes(platform, *both)))
        command = Output.format(
            "bash {0}/route.sh {1} {2} {3} {4} {5}",
            host.scripts,
            host.directory,
            nginx,
            self.revision,
            int(platform.edge.drain.total_seconds()),
            known.apply(lambda names: " ".join(sorted(names.values()))),
        )
        self.done = host.run(name, command, stdin=archive, opts=child)
        self.register_outputs({"revision": self.revision})


def _shutdown_s(platform: Platform) -> int:
    longest = max((service.grace for service in platform.services.values()), default=timedelta(0))
    return int((platform.edge.drain + longest).total_seconds()) + 5


def _revision(platform: Platform, containers: Mapping[str, str]) -> str:
    """Short hash of everything that the routes say."""
    files = render_routes(platform, "", containers)
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:12]

"""What no single field can know: whether the parts of a stack fit each other and their host."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address

from config.edge import TLS_KEY
from config.platform import EGRESS_LIMITS, REGISTRY_PASSWORD, Platform
from config.service import Service

# Docker's first bridge; the pools from which it makes further ones move out of the way by themselves.
_DOCKER_BRIDGE = IPv4Network("172.17.0.0/16")
_OWN_NAMES = ("postgres", "nats", "redis", "nginx", "node", "lego")  # the servers, and whose images others run on
_NGINX_PORTS = (8080, 8081, 8082, 8443)
_SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_KEY)$")
_CREDENTIALS_IN_URL = re.compile(r"://[^/\s:@]+:[^/\s@]+@")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where in the stack file it is, and what to do."""

    path: str
    reason: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def check(platform: Platform, *, complete: bool = True) -> list[Problem]:
    """All problems of a platform whose fields are valid by themselves.

    `complete` is false when parts were left out because they are wrong in themselves: what refers to a part
    that seems missing is then no problem yet.
    """
    checks: list[Callable[[Platform], Iterator[Problem]]] = [
        _networks, _ports, _certificate, _owners, _places, _clear_secrets, _memory_of_servers, _connections, _capacity,
        _production,
    ]  # fmt: skip
    if complete:
        checks += [_references, _rotations]
    return [problem for one in checks for problem in one(platform)]


def _networks(platform: Platform) -> Iterator[Problem]:
    named = [(part, getattr(platform.networks, part).subnet) for part in ("frontend", "backend", "data")]
    for index, (part, subnet) in enumerate(named):
        for other, second in named[:index]:
            if subnet.overlaps(second):
                yield Problem(f"networks.{part}.subnet", f"{subnet} overlaps {other} {second}: choose another subnet")
        if subnet.overlaps(_DOCKER_BRIDGE):
            yield Problem(f"networks.{part}.subnet", f"{subnet} overlaps Docker's own bridge {_DOCKER_BRIDGE}")
        try:
            inside = ip_address(platform.host.address) in subnet
        except ValueError:
            inside = False
        if inside:
            yield Problem(f"networks.{part}.subnet", f"{subnet} holds the host's own address {platform.host.address}")
    for part in ("backend", "data"):
        if not getattr(platform.networks, part).internal:
            yield Problem(
                f"networks.{part}.internal", "false would give what is behind the edge a way out: leave it true"
            )


def _ports(platform: Platform) -> Iterator[Problem]:
    edge = platform.edge
    if edge.http_port == edge.https_port:
        yield Problem("edge.httpsPort", f"{edge.https_port} is published as httpPort already")
    for service in platform.services.values():
        if "backend" in service.networks and service.port in _NGINX_PORTS:
            yield Problem(f"services.{service.name}.port", f"{service.port} is nginx's own: choose another port")


def _certificate(platform: Platform) -> Iterator[Problem]:
    edge = platform.edge
    if edge.tls.acme and not edge.hosts:
        yield Problem("edge.tls.acme", "an authority certifies names: give `hosts`")
    if edge.tls.acme and edge.tls.acme.root and "api.letsencrypt.org" in edge.tls.acme.directory:
        yield Problem("edge.tls.acme.root", "is for a private authority: give its `directory` too")


def _owners(platform: Platform) -> Iterator[Problem]:
    """Things that have one owner: a name, a database, key and subject prefixes, a stream, a path, a user."""
    taken: dict[tuple[str, str], str] = {("name", server): "the platform" for server in _OWN_NAMES}

    def claim(kind: str, value: str | None, service: Service, path: str) -> Iterator[Problem]:
        if value is None:
            return
        owner = taken.setdefault((kind, value), service.name)
        if owner != service.name:
            yield Problem(f"services.{service.name}{path}", f"{value} belongs to {owner} already")

    for service in platform.services.values():
        yield from claim("name", service.name, service, "")
        yield from claim("user", service.user, service, "")
        yield from claim("database", service.database, service, ".database")
        yield from claim("redis", service.redis, service, ".redis")
        if service.nats:
            yield from claim("subjects", service.nats.subjects, service, ".nats.subjects")
            yield from claim("stream", service.nats.stream, service, ".nats.stream")
        for index, route in enumerate(service.routes):
            yield from claim("route", route.path, service, f".routes.{index}.path")
        if service.routes and "CORS_ORIGINS" in service.variables:
            yield Problem(
                f"services.{service.name}.variables.CORS_ORIGINS",
                "has no effect: nginx answers other web sites' pages, list them under `edge.corsOrigins`",
            )


def _places(platform: Platform) -> Iterator[Problem]:
    """A service is on the networks that what it uses is on."""
    for service in platform.services.values():
        for what in ("database", "redis"):
            if getattr(service, what) and "data" not in service.networks:
                yield Problem(
                    f"services.{service.name}.{what}", "is on the data network, the service is not: add `data`"
                )
        if service.nats and not {"backend", "data"} & set(service.networks):
            yield Problem(
                f"services.{service.name}.nats", "is on backend and data, the service on neither: add `backend`"
            )
        if service.routes and not {"frontend", "backend"} & set(service.networks):
            yield Problem(f"services.{service.name}.routes", "nginx is not on the data network: add `backend`")
        if service.egress and "frontend" in service.networks:
            yield Problem(
                f"services.{service.name}.egress",
                "is on the frontend network, and so reaches everything: leave one out",
            )
        if service.egress and "backend" not in service.networks:
            yield Problem(f"services.{service.name}.egress", "its proxy is on the backend network: add `backend`")


def _references(platform: Platform) -> Iterator[Problem]:
    """Streams that are read and services that are called exist, where they are said to be."""
    services = platform.services
    streams = {service.nats.stream for service in services.values() if service.nats}
    for service in services.values():
        for index, stream in enumerate(service.nats.consumes if service.nats else ()):
            if stream not in streams:
                yield Problem(f"services.{service.name}.nats.consumes.{index}", f"no service owns the stream {stream}")
        for variable, (name, port) in service.calls.items():
            path = f"services.{service.name}.variables.{variable}"
            if name not in services:
                yield Problem(path, f"there is no service {name}; there are {', '.join(services)}")
            elif services[name].port != port:
                yield Problem(path, f"{name} answers on port {services[name].port}, not on {port}")
            elif "backend" not in services[name].networks or "backend" not in service.networks:
                yield Problem(path, f"{name} can only be called from backend to backend: add `backend`")


def _rotations(platform: Platform) -> Iterator[Problem]:
    known = platform.generated_secrets
    for name, number in platform.rotations.items():
        if name not in known:
            yield Problem(f"rotations.{name}", f"the platform makes no such secret; it makes {', '.join(known)}")
        elif number < 1:
            yield Problem(f"rotations.{name}", f"{number} is no number of a secret: the first is 1")


def _clear_secrets(platform: Platform) -> Iterator[Problem]:
    for service in platform.services.values():
        for variable, value in service.variables.items():
            path = f"services.{service.name}.variables.{variable}"
            if _SECRET_NAME.search(variable):
                yield Problem(
                    path, "is a secret in clear: declare it under `secrets`, set it with `pulumi config set --secret`"
                )
            elif _CREDENTIALS_IN_URL.search(value):
                yield Problem(path, "holds a password in clear: declare it under `secrets`")
            elif variable in service.secrets:
                yield Problem(path, "is declared as a secret too: remove one of the two")
        for variable, secret in service.secrets.items():
            if secret.config in (REGISTRY_PASSWORD, TLS_KEY):
                yield Problem(
                    f"services.{service.name}.secrets.{variable}",
                    f"{secret.config} is the platform's own: no service gets it",
                )


def _memory_of_servers(platform: Platform) -> Iterator[Problem]:
    postgres, redis, nats = platform.postgres, platform.redis, platform.nats
    needed = postgres.shared_buffers + postgres.max_connections * postgres.work_mem + 4 * postgres.maintenance_work_mem
    if needed > postgres.limits.memory:
        yield Problem(
            "postgres.workMem",
            f"sharedBuffers {postgres.shared_buffers} + maxConnections {postgres.max_connections} x workMem "
            f"{postgres.work_mem} + 4 x maintenanceWorkMem {postgres.maintenance_work_mem} = {needed} MB, "
            f"but limits.memory is {postgres.limits.memory} MB",
        )
    if redis.max_memory * 2 > redis.limits.memory:
        reason = f"{redis.max_memory} MB can double while saving, but limits.memory is {redis.limits.memory} MB"
        yield Problem("redis.maxMemory", reason)
    if nats.memory_store * 2 > nats.limits.memory:
        reason = f"{nats.memory_store} MB is more than half of limits.memory, {nats.limits.memory} MB"
        yield Problem("nats.memoryStore", reason)
    if nats.max_payload > 64:
        yield Problem("nats.maxPayload", f"{nats.max_payload} MB: NATS takes 64 MB at most")


def _connections(platform: Platform) -> Iterator[Problem]:
    pools = {s.name: s.pool_size * s.replicas for s in platform.services.values() if s.database}
    needed = 2 * sum(pools.values()) + len(pools) + 3
    if needed > platform.postgres.max_connections:
        yield Problem(
            "postgres.maxConnections",
            f"{platform.postgres.max_connections} are too few: pools of {sum(pools.values())} twice while a release "
            f"is under way, {len(pools)} for migrations and 3 for the administrator make {needed}",
        )


def _capacity(platform: Platform) -> Iterator[Problem]:
    """Reservations fit the host while the old and the new revision of every service run; limits may exceed it."""
    host = platform.host
    servers = [platform.postgres.limits, platform.nats.limits, platform.redis.limits, platform.edge.limits]
    services = [service.limits for service in platform.services.values() for _ in range(service.replicas)]
    services += [EGRESS_LIMITS for service in platform.services.values() if service.egress]
    reserved = sum(x.reserved_memory for x in servers) + 2 * sum(x.reserved_memory for x in services)
    if reserved > host.memory:
        reason = f"{host.memory} MB, but {reserved} MB are reserved while old and new services run side by side"
        yield Problem("host.memory", reason)
    cpus = sum(x.reserved_cpus for x in servers) + 2 * sum(x.reserved_cpus for x in services)
    if cpus > host.cpus:
        yield Problem(
            "host.cpus", f"{host.cpus:g}, but {cpus:g} are reserved while old and new services run side by side"
        )
    limit = sum(x.memory for x in servers + services)
    if limit > host.memory:
        reason = f"{host.memory} MB, and the limits add up to {limit} MB: not all containers can use theirs at once"
        yield Problem("host.memory", reason, warning=True)


def _production(platform: Platform) -> Iterator[Problem]:
    if platform.environment != "production":
        return
    for part in _OWN_NAMES:
        if getattr(platform.images, part).startswith("lab/"):
            yield Problem(f"images.{part}", "is an image of the lab: name the official one")
    for service in platform.services.values():
        path = f"services.{service.name}"
        if service.image is None and platform.promotion is None:
            yield Problem(
                f"{path}.image", "production runs what staging has proved: give `promotion`, or the image by digest"
            )
        elif service.image and "@sha256:" not in service.image:
            yield Problem(f"{path}.image", f"{service.image} can change under its tag: add @sha256:…")
        for variable, value in service.variables.items():
            if "example.com" in value or "localhost" in value:
                yield Problem(f"{path}.variables.{variable}", f"{value} is an example: put the real one")
    if not platform.edge.tls.acme and not platform.edge.tls.chain:
        yield Problem(
            "edge.tls", "visitors would be warned of a self-signed certificate: give `acme` with `hosts`, or `chain`"
        )
    if not platform.edge.https_only:
        yield Problem("edge.httpsOnly", "false would send passwords and tokens in clear: leave it true")
    if not platform.protect_data:
        yield Problem("protectData", "false would let `pulumi destroy` take the data of production: leave it true")

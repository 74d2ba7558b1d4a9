"""The architecture's drawing: who is on which network, and who talks to whom, told from the configuration."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from config.platform import Network, Platform
from config.service import NetworkName, Service

Kind = Literal["request", "call", "data", "out"]
MEANINGS: dict[Kind, str] = {
    "request": "request from outside",
    "call": "call by name, through nginx",
    "data": "own database, keys, subjects",
    "out": "way out",
}
NETWORKS: tuple[NetworkName, ...] = ("frontend", "backend", "data")
# Side by side: a lane of a drawing has what is on these networks and no other. The first is outside of the host.
LANES: tuple[tuple[NetworkName, ...], ...] = (
    (),
    ("frontend",),
    ("frontend", "backend"),
    ("backend",),
    ("backend", "data"),
    ("data",),
)
_MARKS = re.compile(r"(?<=<!-- drawing -->\n).*(?=<!-- /drawing -->)", re.DOTALL)
_STYLES = {"request": "-->", "call": "-.->", "data": "-->", "out": "==>"}


@dataclass(frozen=True)
class Box:
    """Somebody, or something that runs: where it stands, and what is to be known of it."""

    name: str
    networks: tuple[NetworkName, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrow:
    """Who begins to talk to whom, and what about."""

    start: str
    end: str
    kind: Kind


@dataclass(frozen=True)
class Drawing:
    """Boxes and arrows, and a title for each network."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    titles: dict[NetworkName, tuple[str, str]]

    def lane(self, networks: tuple[NetworkName, ...]) -> list[Box]:
        """The boxes on these networks and no other."""
        return [box for box in self.boxes if box.networks == networks]


def draw(platform: Platform) -> Drawing:
    """The drawing of a platform."""
    titles: dict[NetworkName, tuple[str, str]] = {
        part: (f"{part}-net", _reach(getattr(platform.networks, part))) for part in NETWORKS
    }
    boxes = tuple(_boxes(platform))
    arrows = sorted(dict.fromkeys(_arrows(platform)), key=lambda arrow: list(MEANINGS).index(arrow.kind))
    if strange := [box.name for box in boxes if box.networks not in LANES]:
        raise ValueError(f"no lane of the drawing has the networks of {', '.join(strange)}: add one to LANES")
    return Drawing(boxes, tuple(arrows), titles)


def _reach(network: Network) -> str:
    return f"{network.subnet}, {'internal' if network.internal else 'leads out'}"


def _boxes(platform: Platform) -> Iterator[Box]:
    edge, services = platform.edge, platform.services.values()
    rates = [f"{zone}: {rate.per_second} a second" for zone, rate in edge.rates]
    yield Box("visitors", (), (f"HTTPS {edge.https_port}, HTTP {edge.http_port}",))
    yield Box("nginx", ("frontend", "backend"), ("alone has ports of the host", *rates))
    for service in services:
        on: tuple[NetworkName, ...] = tuple(part for part in NETWORKS if part in service.networks)
        yield Box(service.name, on, tuple(_facts(service)))
    yield Box("nats", ("backend", "data"), ("JetStream, a user a service",))
    yield Box("postgres", ("data",), ("a database a service",))
    yield Box("redis", ("data",), ("a user a service",))
    for service in services:
        if service.egress:
            yield Box(f"{service.name}-egress", ("frontend", "backend"), ("proxy to the hosts", "that it names"))
    for host in dict.fromkeys(host for service in services for host in service.egress):
        yield Box(host, (), ("outside",))


def _facts(service: Service) -> Iterator[str]:
    yield f"port {service.port}" + (f", {service.replicas} containers" if service.replicas > 1 else "")
    yield from (f"{route.path} ({route.zone})" for route in service.routes)
    if service.database:
        yield f"database {service.database}" + (f", keys {service.redis}:" if service.redis else "")
    elif service.redis:
        yield f"keys {service.redis}:"
    if service.nats:
        yield f"subjects {service.nats.subjects}" + (f", stream {service.nats.stream}" if service.nats.stream else "")
        if service.nats.consumes:
            yield f"reads {', '.join(service.nats.consumes)}"


def _arrows(platform: Platform) -> Iterator[Arrow]:
    yield Arrow("visitors", "nginx", "request")
    for service in platform.services.values():
        if service.routes:
            yield Arrow("nginx", service.name, "request")
        yield from (Arrow(service.name, called, "call") for called, _ in service.calls.values())
        uses = {"postgres": service.database, "redis": service.redis, "nats": service.nats}
        yield from (Arrow(service.name, server, "data") for server, used in uses.items() if used)
        if service.egress:
            yield Arrow(service.name, f"{service.name}-egress", "out")
        yield from (Arrow(f"{service.name}-egress", host, "out") for host in service.egress)


def section(page: str, drawing: Drawing) -> str:
    """A page with the drawing between its marks, in the form that GitHub draws itself."""
    return _MARKS.sub(lambda _: f"```mermaid\n{mermaid(drawing)}```\n", page)


def mermaid(drawing: Drawing) -> str:
    """The drawing as Mermaid's text."""
    lines = ["flowchart LR"]
    for networks in LANES:
        boxes = [f'    {box.name}["{_label(box)}"]' for box in drawing.lane(networks)]
        if boxes:
            title = " + ".join(drawing.titles[part][0] for part in networks) or "outside"
            lines += [f'  subgraph {"-".join(("zone", *networks))}["{title}"]', *boxes, "  end"]
    lines += [f"  {arrow.start} {_STYLES[arrow.kind]} {arrow.end}" for arrow in drawing.arrows]
    return "".join(f"{line}\n" for line in lines)


def _label(box: Box) -> str:
    return "<br>".join((f"<b>{box.name}</b>", *box.facts))

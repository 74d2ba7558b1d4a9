"""What is measured: the same changes to the same platform, by one side after the other."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from bench.compose import Compose
from bench.load import Load
from bench.program import Program, engine_socket
from bench.run import BenchError, Done, Host
from config.load import merge, read
from lab.checkout import Checkout

SIZES = (8, 32, 128)
_ONE = "product-service"
_BAD = "bench/bad:1"
_SMALL = "bench/small:1"
_RELEASES = ("first", "second")
# As quick to start as a server can be: what is measured is who deploys it.
_SMALL_IMAGE = """\
FROM {nginx}
RUN printf '%s' 'pid /tmp/nginx.pid; error_log /dev/stderr; events {{ worker_connections 64; }} \
http {{ access_log off; client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c; \
uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e; server {{ listen 8090; return 200 "ok"; }} }}' > /etc/nginx/small.conf
CMD ["nginx", "-g", "daemon off;", "-c", "/etc/nginx/small.conf"]
"""
# What a new commit gives: another image of each service, here with nothing else changed.
_RELEASE_IMAGE = """\
FROM {registry}/{name}
LABEL bench.release={release}
"""
_BAD_IMAGE = """\
FROM bench/{one}:second
USER 0
RUN echo 'throw new Error("a bad release")' > dist/main.js
USER 1001
"""
# By the engine's own clock: from the start of the container to the end of its first good health check.
_ALONE = """\
set -eu
docker restart {name} >/dev/null
until test "$(docker inspect -f '{{{{.State.Health.Status}}}}' {name})" = healthy; do sleep 0.2; done
docker inspect {name}
"""

Side = Program | Compose


@dataclass(frozen=True)
class Figure:
    """One thing measured once."""

    measure: str
    side: str
    seconds: float
    services: int = 8
    requests: int | None = None
    failed: int | None = None
    outage_s: float | None = None
    p99_s: float | None = None
    per_second: float | None = None


class Bench:
    """The runs; `figures` is all that they gave."""

    def __init__(self, checkout: Checkout, work: Path, env: Mapping[str, str]) -> None:
        self.checkout, self._work, self.host = checkout, work, Host(checkout)
        self.program, self.compose = Program(checkout, work), Compose(checkout, work, self.host, env)
        self.figures: list[Figure] = []
        self.notes: list[str] = []
        facts = checkout.dir / "host.yaml"
        settings: dict[str, Any] = yaml.safe_load(facts.read_text())
        self._base_url = f"http://{settings['address']}:{settings['httpPort']}"
        self._nginx = settings.get("images", {}).get("nginx", "nginx:1.30-alpine")
        rates = {zone: {"perSecond": 10_000, "burst": 10_000} for zone in ("general", "api", "auth")}
        self._common: dict[str, Any] = {
            "environment": "development",
            "host": {"file": str(facts)},
            "protectData": False,
            "edge": {"httpsOnly": False, "rates": rates},  # all visitors have one address
            "logLevel": "info",
            "keptReleases": 50,  # as many as there can be: pruning is no part of what is compared
        }
        catalogue = checkout.root / "config" / "catalogue.yaml"
        self._names: list[str] = list(yaml.safe_load(catalogue.read_text()))
        self._made_of: dict[str, dict[str, Any]] = {}

    def prepare(self) -> None:
        """Have the images that only the bench needs."""
        registry = read("lab").platform.registry
        if registry is None:
            raise BenchError("Pulumi.lab.yaml names no registry: the services' images are known by its name")
        for name in self._names:
            for release in _RELEASES:
                image = _RELEASE_IMAGE.format(registry=registry.address, name=name, release=release)
                self.host.build(f"bench/{name}:{release}", image)
        self.host.build(_SMALL, _SMALL_IMAGE.format(nginx=self._nginx))

    def end(self) -> None:
        """Leave nothing on the host."""
        self.host.clear()
        self.host.sh("docker image ls -q 'bench/*' | sort -u | xargs -r docker rmi -f >/dev/null")

    def shop(self, repetitions: int) -> None:
        """The catalogue's eight services with their servers."""
        for _ in range(repetitions):
            for side in (self.program, self.compose):
                self._shop(side)

    def growth(self, repetitions: int) -> None:
        """8, 32 and 128 small services beside the same servers."""
        for count in SIZES:
            for _ in range(repetitions):
                for side in (self.program, self.compose):
                    self._small(side, count)

    def _shop(self, side: Side) -> None:
        now = {**self._common, "services": self._images("first")}
        self._clear(side)
        self._note("cold start", side, side.start(now).must())
        self._same_containers(side)
        for _ in range(3):
            self._note("nothing to change", side, side.up().must())
            if side is self.program:
                self._note("empty program, up", side, self.program.floor("up").must())
                self._note("nothing to change, preview", side, self.program.preview().must())
                self._note("empty program, preview", side, self.program.floor("preview").must())
        now = merge(now, {"services": self._images("second")})
        with self._load("release of all", side) as noted:
            noted(side.apply(now).must())
        now = merge(now, {"services": {_ONE: {"variables": {"RELEASE": "next"}}}})
        with self._load("release of one", side) as noted:
            noted(side.apply(now).must())
        self.host.build(_BAD, _BAD_IMAGE.format(one=_ONE))  # anew: this program removes what no kept release needs
        with self._load("bad release, then the good one again", side) as noted:
            bad = side.apply(merge(now, {"services": {_ONE: {"image": _BAD}}})).must(fail=True)
            if not self.host.sh(f"docker ps -aq --filter ancestor={_BAD}"):
                raise BenchError(f"the bad release failed before it began:\n{bad.printed[-4000:]}")
            good = side.apply(now).must()
            noted(Done(bad.seconds + good.seconds, True, ""))
        if side is self.program:
            self._alone(side)
            self._edge()
            self._over_socket(now)

    def _images(self, release: str) -> dict[str, dict[str, Any]]:
        """Every service from its image, without a way out: Compose files have no such proxies."""
        return {name: {"image": f"bench/{name}:{release}", "egress": []} for name in self._names}

    def _small(self, side: Side, count: int) -> None:
        entry = {
            "image": _SMALL,
            "port": 8090,
            "health": {"path": "/"},
            "limits": {"cpus": 0.5, "memory": "32MB", "reservedMemory": "8MB", "reservedCpus": 0.01, "pids": 20},
        }
        services = {f"small-{n}": {**entry, "routes": [{"path": f"/small-{n}/"}]} for n in range(1, count + 1)}
        catalogue = self._work / "catalogue.yaml"
        catalogue.write_text(yaml.safe_dump(services))
        # The upper half of a subnet is handed out: old and new containers fit into one.
        wide = {
            part: {"subnet": f"172.{octet}.0.0/22", "internal": part != "frontend"}
            for part, octet in {"frontend": 20, "backend": 21, "data": 22}.items()
        }
        now = {**self._common, "catalogue": str(catalogue), "networks": wide}
        self._clear(side)
        self._note("small services: cold start", side, side.start(now).must(), services=count)
        self._note("small services: nothing to change", side, side.up().must(), services=count)
        again = side.apply({**now, "logLevel": "warn"}).must()
        self._note("small services: release of all", side, again, services=count)

    def _alone(self, side: Side) -> None:
        """How long each service takes when nothing else starts; the slowest counts."""
        containers = self.host.containers()
        slowest = 0.0
        for name in self._names:
            container = json.loads(self.host.sh(_ALONE.format(name=containers[name]["Name"].strip("/"))))[0]
            began = datetime.fromisoformat(container["State"]["StartedAt"])
            checks = container["State"]["Health"]["Log"]  # those before the restart are among them
            good = next(one for one in checks if one["ExitCode"] == 0 and datetime.fromisoformat(one["Start"]) > began)
            slowest = max(slowest, (datetime.fromisoformat(good["End"]) - began).total_seconds())
        self._note("slowest service alone", side, Done(slowest, True, ""))

    def _edge(self) -> None:
        """What nginx adds to a page of the frontend, asked for on the host by eight visitors at once."""
        containers = self.host.containers()
        ways = {"service alone": ("frontend", 80), "through nginx": ("nginx", 8080)}
        for _ in range(3):
            for way, (part, port) in ways.items():
                networks = containers[part]["NetworkSettings"]["Networks"]
                address = next(one["IPAddress"] for name, one in networks.items() if name.endswith("-frontend-net"))
                printed = self.host.sh(
                    f"wrk --threads 1 --connections 8 --duration 5s --latency http://{address}:{port}/"
                )
                if "Non-2xx" in printed or "Socket errors" in printed:
                    raise BenchError(f"not every page was answered {way}:\n{printed}")
                p50, p99 = (_seconds(printed, share) for share in (50, 99))
                found = re.search(r"Requests/sec:\s+([\d.]+)", printed)
                per_second = float(found[1]) if found else float("nan")
                self.figures.append(Figure("page", way, p50, p99_s=p99, per_second=per_second))
                told = f"p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, {per_second:.0f} a second"
                print(f"{'':14}page {way}: {told}", flush=True)

    def _over_socket(self, now: dict[str, Any]) -> None:
        socket = engine_socket(self.checkout)
        if socket is None:
            note = "SSH against the local socket was not measured: only root may open the lab engine's socket."
            self.notes = [note]
            print(note, flush=True)
            return
        over = {"SSH": self.program.apply, "socket": lambda change: self.program.apply_over_socket(change, socket)}
        for way, release in (("SSH", "first"), ("socket", "second"), ("socket", "first"), ("SSH", "second")):
            done = over[way](merge(now, {"services": self._images(release)})).must()
            self._note(f"release of all, no load, provider over {way}", self.program, done)

    def _clear(self, side: Side) -> None:
        self.host.clear()
        side.forget()

    def _same_containers(self, side: Side) -> None:
        """Both sides run the same: images, limits, health checks, hardening; what is compared is how they get there."""
        found = {name: _made_of(one) for name, one in self.host.containers().items()}
        missing = {*self._names, "postgres", "nats", "redis", "nginx"} - found.keys()
        if missing:
            raise BenchError(f"{side.name} runs no {', '.join(sorted(missing))}")
        expected = self._made_of or found
        self._made_of = expected
        different = [
            f"{name}: {key} is {found[name][key]}, with {self.program.name} {value}"
            for name, one in expected.items()
            for key, value in one.items()
            if found[name][key] != value
        ]
        if different:
            raise BenchError(f"{side.name} does not run the same:\n" + "\n".join(different))

    def _note(self, measure: str, side: Side, done: Done, *, services: int = 8, **load: Any) -> None:
        figure = Figure(measure, side.name, round(done.seconds, 2), services, **load)
        self.figures.append(figure)
        told = f", {figure.failed} of {figure.requests} requests failed" if figure.requests else ""
        print(f"{services:4} services  {side.name:14}  {measure}: {figure.seconds:.1f} s{told}", flush=True)

    @contextmanager
    def _load(self, measure: str, side: Side) -> Iterator[Any]:
        done: list[Done] = []
        with Load(self._base_url).during() as load:
            yield done.append
        self._note(
            measure, side, done[0], requests=load.requests, failed=len(load.failures), outage_s=round(load.outage_s, 1)
        )
        for kind, times in load.kinds().items():
            print(f"{'':33}{times} x {kind}", flush=True)

    def as_data(self) -> list[dict[str, Any]]:
        """The figures as they are kept."""
        return [{key: value for key, value in asdict(one).items() if value is not None} for one in self.figures]


def _seconds(printed: str, share: int) -> float:
    """The latency within which wrk had a share of the answers."""
    found = re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s)$", printed, re.MULTILINE)
    if not found:
        raise BenchError(f"wrk did not say how long {share}% took:\n{printed}")
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[found[2]]


def _made_of(container: dict[str, Any]) -> dict[str, Any]:
    host, config = container["HostConfig"], container["Config"]
    kept = ("Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "PidsLimit", "ReadonlyRootfs", "Init", "ShmSize")
    check = {key: value for key, value in config["Healthcheck"].items() if key != "Test"}
    return {key: host[key] for key in kept} | {
        "Image": container["Image"],
        "User": config["User"],
        "Healthcheck": check,
        "StopTimeout": config["StopTimeout"],
        "networks": len(container["NetworkSettings"]["Networks"]),
        "CapDrop": host["CapDrop"],
    }

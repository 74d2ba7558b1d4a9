"""The same platform under Docker Compose: one file, written as people write it, from the same settings."""

import shlex
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from bench.run import BenchError, Done, Host, timed
from config.load import build
from config.platform import Platform
from config.service import Health, Limits, Service
from lab.checkout import Checkout, write

_PASSWORD = "only-for-the-bench"  # noqa: S105 - of databases that live for minutes
_FOLDER = "/home/deploy/bench"  # on the host
# Not every image of NATS has its folder with the right owner.
_PREPARE = """\
set -eu
mkdir -p {folder}
printf %s {edge} >{folder}/nginx.conf
printf %s {password} >{folder}/password
docker volume create --label com.docker.compose.project=bench --label com.docker.compose.volume=nats bench_nats
docker run --rm --user 0:0 --network none --volume bench_nats:/data --entrypoint chown {nats} 1000:1000 /data
"""
_NGINX = (Path(__file__).parent / "nginx.conf.j2").read_text()


class Compose:
    """`apply` deploys what the sections of a stack file describe."""

    name = "Docker Compose"

    def __init__(self, checkout: Checkout, work: Path, host: Host, env: Mapping[str, str]) -> None:
        program = shutil.which("docker-compose", path=str(checkout.root / ".venv" / "bin"))
        if program is None:
            raise BenchError("docker-compose is not in .venv: run it again by `make bench`")
        self._host, self._env, self._file = host, env, work / "compose.yaml"
        self._command = (program, "--ansi", "never", "--project-name", "bench", "--file", str(self._file))

    def start(self, sections: Mapping[str, Any]) -> Done:
        """Deploy onto an empty host; in three commands, for the lab's PostgreSQL runs no scripts at its start."""
        platform = self._configure(sections)
        self._host.sh(
            _PREPARE.format(
                folder=_FOLDER,
                edge=shlex.quote(_edge(platform)),
                password=_PASSWORD,
                nats=platform.images.reference("nats"),
            )
        )
        first = self._compose("up", "--detach", "--wait", "postgres").must()
        second = self._compose(
            "exec", "-T", "postgres", "psql", "-qX", "-U", "postgres", stdin=_databases(platform)
        ).must()
        last = self._compose("up", "--detach", "--wait")
        return Done(first.seconds + second.seconds + last.seconds, last.ok, last.printed)

    def apply(self, sections: Mapping[str, Any]) -> Done:
        """Deploy."""
        self._configure(sections)
        return self.up()

    def up(self) -> Done:
        """Deploy what is configured."""
        return self._compose("up", "--detach", "--wait", "--wait-timeout", "120")

    def version(self) -> str:
        """Of Compose."""
        return timed([self._command[0], "version", "--short"]).must().printed.strip()

    def forget(self) -> None:
        """Compose keeps no state."""

    def _configure(self, sections: Mapping[str, Any]) -> Platform:
        platform = build("bench", dict(sections)).platform
        write(self._file, yaml.safe_dump(compose_file(platform), sort_keys=False))
        return platform

    def _compose(self, *arguments: str, stdin: str = "") -> Done:
        return timed([*self._command, *arguments], env=self._env, stdin=stdin)


def compose_file(platform: Platform) -> dict[str, Any]:
    """The platform's servers and services, with this program's limits, health checks and hardening."""
    postgres, nats, redis, edge = platform.postgres, platform.nats, platform.redis, platform.edge
    servers = {
        "postgres": _container(
            platform.images.reference("postgres"),
            postgres.limits,
            Health(),
            ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"],
            user="999:999",
            command=["postgres", "-c", f"max_connections={postgres.max_connections}",
                     "-c", f"shared_buffers={postgres.shared_buffers}MB"],
            environment={"POSTGRES_PASSWORD_FILE": "/run/secrets/password",
                         "PGDATA": "/var/lib/postgresql/data/pgdata"},
            networks=["data"],
            volumes=["postgres:/var/lib/postgresql/data", f"{_FOLDER}/password:/run/secrets/password:ro"],
            tmpfs=["/tmp:size=64m,mode=1777", "/var/run/postgresql:size=1m,uid=999,gid=999,mode=0775"],  # noqa: S108
            shm_size="256m",
            stop_signal="SIGINT",
            stop_grace_period=_seconds(postgres.grace),
        ),
        "nats": _container(
            platform.images.reference("nats"),
            nats.limits,
            Health(),
            ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8222/healthz?js-enabled-only=true"],
            user="1000:1000",
            command=["nats-server", "-js", "-sd", "/data", "-m", "8222"],
            networks=["backend", "data"],
            volumes=["nats:/data"],
            stop_signal="SIGINT",
            stop_grace_period=_seconds(nats.grace),
        ),
        "redis": _container(
            platform.images.reference("redis"),
            redis.limits,
            Health(),
            ["CMD-SHELL", "redis-cli ping | grep -q PONG"],
            user="999:999",
            command=["redis-server", "--protected-mode", "no", "--dir", "/data", "--appendonly", "yes",
                     "--maxmemory", f"{redis.max_memory}mb", "--maxmemory-policy", "allkeys-lru"],
            networks=["data"],
            volumes=["redis:/data"],
            stop_grace_period=_seconds(redis.grace),
        ),
        "nginx": _container(
            platform.images.reference("nginx"),
            edge.limits,
            Health(),
            ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8081/health"],
            user="101:101",
            command=["nginx", "-g", "daemon off;", "-c", "/etc/nginx/edge.conf"],
            networks=["frontend", "backend"],
            ports=[f"{edge.http_port}:8080"],
            volumes=[f"{_FOLDER}/nginx.conf:/etc/nginx/edge.conf:ro"],
            stop_signal="SIGQUIT",
            stop_grace_period=_seconds(edge.grace),
        ),
    }  # fmt: skip
    services = {service.name: _service(service, platform) for service in platform.services.values()}
    networks = {
        part: {
            "internal": network.internal,
            "ipam": {"config": [{"subnet": str(network.subnet), "ip_range": str(network.pool)}]},
        }
        for part in ("frontend", "backend", "data")
        for network in [getattr(platform.networks, part)]
    }
    volumes: dict[str, dict[str, str]] = {name: {} for name in ("postgres", "nats", "redis")}
    return {"services": servers | services, "networks": networks, "volumes": volumes}


def _service(service: Service, platform: Platform) -> dict[str, Any]:
    needs = {"postgres": service.database, "redis": service.redis, "nats": service.nats}
    # Migrations as most Compose files have them: the service's own container begins with them.
    command = f"{shlex.join(service.migrate)} && exec node dist/main.js"
    return _container(
        service.image or "",
        service.limits,
        service.health,
        ["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{service.port}{service.health.path}"],
        user="1001:1001",
        **({"command": ["sh", "-c", command]} if service.migrate else {}),
        environment=_variables(service, platform),
        networks=list(service.networks),
        stop_grace_period=_seconds(service.grace),
        depends_on={name: {"condition": "service_healthy"} for name, needed in needs.items() if needed},
    )


def _variables(service: Service, platform: Platform) -> dict[str, str]:
    variables = {
        "NODE_ENV": "production",
        "PORT": str(service.port),
        "LOG_LEVEL": platform.log_level,
        "SERVICE_NAME": service.name,
    }
    if service.database:
        variables["DATABASE_URL"] = f"postgres://{service.database}:{_PASSWORD}@postgres:5432/{service.database}"
        variables["DATABASE_POOL_SIZE"] = str(service.pool_size)
    if service.redis:
        variables |= {"REDIS_URL": "redis://redis:6379/0", "REDIS_PREFIX": f"{service.redis}:"}
    if service.nats:
        variables |= {"NATS_URL": "nats://nats:4222", "NATS_INBOX_PREFIX": f"_INBOX_{service.user}"}
    generated = {variable: f"{secret.generated}-{_PASSWORD}".ljust(64, ".")
                 for variable, secret in service.secrets.items() if secret.generated}  # fmt: skip
    return variables | generated | service.variables


def _container(image: str, limits: Limits, health: Health, check: list[str], **own: Any) -> dict[str, Any]:
    common = {
        "image": image,
        "pull_policy": "never",
        "read_only": True,
        "init": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "cpus": limits.cpus,
        "mem_limit": f"{limits.memory}m",
        "memswap_limit": f"{limits.memory}m",
        "mem_reservation": f"{limits.reserved_memory}m",
        "pids_limit": limits.pids,
        "shm_size": "64m",
        "tmpfs": ["/tmp:size=64m,mode=1777"],  # noqa: S108
        "healthcheck": {
            "test": check,
            "interval": _seconds(health.interval),
            "timeout": _seconds(health.timeout),
            "retries": health.retries,
            "start_period": _seconds(health.start_period),
            "start_interval": _seconds(health.start_interval),
        },
        "restart": "unless-stopped",
        "logging": {"driver": "local", "options": {"max-size": "10m", "max-file": "3"}},
    }
    return common | own


def _databases(platform: Platform) -> str:
    return "".join(
        f'CREATE ROLE "{name}" LOGIN PASSWORD \'{_PASSWORD}\';\nCREATE DATABASE "{name}" OWNER "{name}";\n'
        for service in platform.services.values()
        if (name := service.database)
    )


def _edge(platform: Platform) -> str:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701 - no HTML
    return environment.from_string(_NGINX).render(services=platform.services.values())


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():g}s"

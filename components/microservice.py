"""One microservice: its settings and secrets, its migrations, its container."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_command import remote

from components.bundle import Bundle
from components.container import Spec, bind, hardened
from components.egress import Egress
from components.host import Host
from components.networks import Networks
from components.postgres import Database, Postgres
from config import Platform, Service

_USER = "1001:1001"


class Microservice(pulumi.ComponentResource):
    """A service in new containers beside the old ones. `containers` are their names, known once all are healthy.

    Secrets are files in /run/secrets, which the image's entrypoint turns into variables of the process.
    """

    containers: Output[Sequence[str]]
    database: Database | None = None

    def __init__(
        self,
        name: str,
        service: Service,
        *,
        platform: Platform,
        image: Input[str],
        secrets: Mapping[str, Input[str]],
        networks: Networks,
        postgres: Postgres,
        egress: Egress | None,
        host: Host,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:Microservice", name, {}, opts)
        child = ResourceOptions(parent=self)
        files, migrated = dict(secrets), None
        variables = _variables(service, platform)
        if service.database:
            self.database = Database(
                f"{name}-database",
                service.database,
                platform,
                connections=2 * service.replicas * service.pool_size,  # old and new side by side
                postgres=postgres,
                host=host,
                opts=child,
            )
            files["DATABASE_URL"] = self.database.url
            if service.migrate:
                owned = {**files, "DATABASE_URL": self.database.owner_url}
                migrated = self._migrate(name, service, platform, image, variables, owned, networks, host)
        if egress:  # not for migrations, which are on the data network alone
            files |= egress.secrets
            variables = egress.variables | variables
        bundle = Bundle(name, files, host=host, opts=child) if files else None
        spec = Spec(
            component=name,
            stack=platform.stack,
            image=image,
            user=_USER,
            envs=variables,
            networks=[networks.join(part) for part in service.networks],
            mounts=[bind(bundle.path, "/run/secrets")] if bundle else [],
            tmpfs={"/tmp": "size=64m,mode=1777"},  # noqa: S108
            check=["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{service.port}{service.health.path}"],
            health=service.health,
            limits=service.limits,
            grace=service.grace,
            revision=Output.all(image, bundle.path if bundle else "").apply(_revision),
        )
        later = host.after(migrated) if migrated else host
        first = f"{platform.prefix}-{name}"
        names = [first, *(f"{first}-{number}" for number in range(2, service.replicas + 1))]
        self.containers = Output.all(*(hardened(one, spec, host=later, opts=child).name for one in names))
        self.register_outputs({"containers": self.containers})

    def _migrate(  # noqa: PLR0917
        self,
        name: str,
        service: Service,
        platform: Platform,
        image: Input[str],
        variables: Mapping[str, str],
        secrets: Mapping[str, Input[str]],
        networks: Networks,
        host: Host,
    ) -> remote.Command:
        """Migrations from the new image, before a container of it starts. A failing one stops the release."""
        settings = " ".join(f"--env {shlex.quote(f'{key}={value}')}" for key, value in variables.items())
        limits = service.limits
        command = Output.format(
            "timeout 900 docker run --rm -i --init --label a4co.stack={0} --label a4co.component={1}-migrate "
            "--network {2} --user {3} --read-only --tmpfs /tmp:size=64m,mode=1777 --cap-drop ALL "
            "--security-opt no-new-privileges --memory {4}m --memory-swap {4}m --cpus {5} --pids-limit {6} "
            # Secrets arrive on standard input: in no command line, no file, no `docker inspect`.
            '{7} --entrypoint /bin/sh {8} -c \'eval "$(cat)"; exec "$@"\' sh {9}',
            platform.stack,
            name,
            networks.name("data"),
            _USER,
            limits.memory,
            limits.cpus,
            limits.pids,
            settings,
            image,
            shlex.join(service.migrate),
        )
        exports = Output.secret(Output.all(**secrets)).apply(
            lambda clear: "".join(f"export {key}={shlex.quote(value)}\n" for key, value in sorted(clear.items()))
        )
        return host.run(f"{name}-migrate", command, stdin=exports, opts=ResourceOptions(parent=self))


def _variables(service: Service, platform: Platform) -> dict[str, str]:
    """The service's plain settings: what every service gets, what it uses, what the catalogue adds."""
    variables = {
        "NODE_ENV": "production",
        "PORT": str(service.port),
        "LOG_LEVEL": platform.log_level,
        "SERVICE_NAME": service.name,
    }
    if service.database:
        variables["DATABASE_POOL_SIZE"] = str(service.pool_size)
    if service.redis:
        variables["REDIS_PREFIX"] = f"{service.redis}:"
    if service.nats:
        variables["NATS_INBOX_PREFIX"] = f"_INBOX_{service.user}"
    return variables | service.variables


def _revision(parts: list[str]) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:12]

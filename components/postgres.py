"""PostgreSQL, and a database of its own for each service."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

import pulumi
from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_command import remote

from components.bundle import Bundle
from components.container import Spec, bind, data_volume, hardened
from components.credential import Credential
from components.host import Host
from components.networks import Networks
from components.templates import render
from config import Platform
from config.service import Health

PORT = 5432
_USER = "999:999"
_DATA = "/var/lib/postgresql/data"


class Postgres(pulumi.ComponentResource):
    """PostgreSQL 16 on the data network, reached there as `postgres`. `container` is the running server's id."""

    container: Output[str]

    def __init__(
        self,
        name: str,
        platform: Platform,
        *,
        image: Input[str],
        networks: Networks,
        host: Host,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:Postgres", name, {}, opts)
        child = ResourceOptions(parent=self)
        config, full_name = platform.postgres, f"{platform.prefix}-{name}"
        # The image wants one for an empty volume. Afterwards the superuser has none: it is let in on the socket alone.
        superuser = Credential(f"{name}-superuser", platform, opts=child)
        settings = render("postgresql.conf", postgres=config, limits=config.limits)
        files = Bundle(name, {"postgresql.conf": settings}, host=host, opts=child)
        password = Bundle(f"{name}-superuser", {"password": superuser.current}, host=host, opts=child)
        server = hardened(
            full_name,
            Spec(
                component=name,
                stack=platform.stack,
                name=full_name,
                image=image,
                user=_USER,
                command=["postgres", "-c", "config_file=/etc/postgresql/postgresql.conf"],
                envs={
                    "POSTGRES_PASSWORD_FILE": "/run/secrets/password",
                    "PGDATA": f"{_DATA}/pgdata",
                    "POSTGRES_INITDB_ARGS": "--data-checksums",  # counts for an empty volume alone
                },
                networks=[networks.join("data", name)],
                mounts=[
                    data_volume(
                        f"{full_name}-data",
                        _DATA,
                        _USER,
                        image,
                        host=host,
                        protect=platform.protect_data,
                        opts=child,
                    ),
                    bind(files.path, "/etc/postgresql"),
                    bind(password.path, "/run/secrets"),
                ],
                tmpfs={"/tmp": "size=64m,mode=1777", "/var/run/postgresql": "size=1m,uid=999,gid=999,mode=0775"},  # noqa: S108
                # While the image initialises an empty volume, the server answers on its socket only.
                check=["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"],
                health=Health(),
                limits=config.limits,
                grace=config.grace,
                shm_mb=256,  # parallel queries need more than Docker's 64
                stop_signal="SIGINT",  # PostgreSQL's fast shutdown
            ),
            host=host,
            opts=child,
        )
        locked = host.run(
            f"{name}-lock-superuser",
            Output.format("docker exec {0} psql -qX -U postgres -c 'ALTER ROLE postgres PASSWORD NULL'", server.id),
            opts=child,
        )
        self.container = Output.all(server.id, locked.id).apply(lambda both: both[0])
        self.register_outputs({"container": self.container})


class Database(pulumi.ComponentResource):
    """One service's database: `url` is the application's way in, `owner_url` the migrations'. Both are secrets."""

    url: Output[str]
    owner_url: Output[str]

    def __init__(
        self,
        name: str,
        database: str,
        platform: Platform,
        *,
        connections: int,
        postgres: Postgres,
        host: Host,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:Database", name, {}, opts)
        child = ResourceOptions(parent=self)
        self._name, self._database, self._host = name, database, host
        self._psql = Output.format("docker exec -i {0} psql -qX -U postgres -d postgres >/dev/null", postgres.container)
        self._app = Credential(f"database-{database}", platform, opts=child)
        owner = Credential(f"database-{database}-owner", platform, opts=child)
        script = Output.all(owner=owner.current, **{str(n): p for n, p in self._app.accepted.items()}).apply(
            lambda clear: render("database.sql", database=database, roles=_roles(database, connections, clear))
        )
        ready = host.run(name, self._psql, stdin=Output.secret(script), opts=child)
        self.url = _url(database, _app_role(database, self._app.number), self._app.current, ready)
        self.owner_url = _url(database, f"{database}_owner", owner.current, ready)
        self.register_outputs({"url": self.url, "owner_url": self.owner_url})

    def forget_old(self, *, after: Sequence[Resource]) -> None:
        """Once `after` is done, only the app's current password is valid."""
        if self._app.rotated:
            current = _app_role(self._database, self._app.number)
            self._host.run(
                f"{self._name}-forget-old",
                self._psql,
                stdin=render("forget_roles.sql", database=self._database, current=current),
                opts=ResourceOptions(parent=self, depends_on=after),
            )


def _app_role(database: str, number: int | str) -> str:
    return f"{database}_app_{number}"


def _roles(database: str, connections: int, clear: Mapping[str, str]) -> list[dict[str, object]]:
    """The owner, for one migration at a time, and the app's roles."""
    roles: list[dict[str, object]] = []
    for key, password in clear.items():
        name = f"{database}_owner" if key == "owner" else _app_role(database, key)
        verifier = scram_verifier(password, salt=name)
        app = key != "owner"
        roles.append({"name": name, "verifier": verifier, "app": app, "connections": connections if app else 2})
    return roles


def _url(database: str, role: str, password: Output[str], ready: remote.Command) -> Output[str]:
    """Known once the database is ready."""
    return Output.all(password, ready.id).apply(
        lambda known: f"postgres://{role}:{known[0]}@postgres:{PORT}/{database}"
    )


def scram_verifier(password: str, *, salt: str, iterations: int = 4096) -> str:
    """What PostgreSQL stores for a password (RFC 5803), so that the clear text never reaches the server's log.

    The salt is made from the role's name and the password: the same input gives the same verifier,
    and an unchanged password changes nothing.
    """
    raw_salt = hashlib.sha256(f"{salt}:{password}".encode()).digest()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), raw_salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    encoded = [base64.b64encode(part).decode() for part in (raw_salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"

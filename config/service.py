"""One service of the catalogue: what it runs, what it needs, and where it is reached."""

import re
from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from config.types import (
    ContentSecurityPolicy,
    Cpus,
    Duration,
    EgressHost,
    HttpPath,
    Identifier,
    ImageReference,
    MemoryMB,
    Model,
    Name,
    Port,
    Variable,
    Zone,
)

NetworkName = Literal["frontend", "backend", "data"]
_SERVICE_URL = re.compile(r"^https?://([a-z0-9-]+)(?::(\d+))?(?:/|$)")


class Limits(Model):
    """What a container may use, and what is set aside for it."""

    cpus: Cpus = 1.0
    memory: MemoryMB = Field(default=512, description="the container is killed beyond it; swap is none")
    reserved_memory: MemoryMB = Field(
        default=256, description="kept for it when memory is short, and counted against the host"
    )
    reserved_cpus: Cpus = Field(default=0.1, description="counted against the host; Docker itself reserves no CPU")
    pids: int = Field(default=200, ge=10, le=32768, description="processes and threads")

    @model_validator(mode="after")
    def _reserves_within_limit(self) -> "Limits":
        if self.reserved_memory > self.memory:
            raise ValueError(f"{self.reserved_memory} MB reserved, but the limit is {self.memory} MB")
        return self


class Health(Model):
    """How Docker finds out that a container is well."""

    path: HttpPath = Field(default="/health/ready", description="answers 200 when the service can do its work")
    interval: Duration = Field(default=timedelta(seconds=30), description="between checks")
    timeout: Duration = Field(default=timedelta(seconds=10), description="of one check")
    retries: int = Field(default=3, ge=1, le=20, description="failures in a row that make it unhealthy")
    start_period: Duration = Field(default=timedelta(seconds=60), description="failures during it are not counted")
    healthy_within: Duration = Field(
        default=timedelta(seconds=120), description="a new container that takes longer fails the release"
    )
    start_interval: Duration = Field(default=timedelta(seconds=1), description="between checks during the start period")


class Build(Model):
    """A service image that is built from a folder of a pnpm workspace."""

    workspace: str = Field(description="folder of the pnpm workspace, relative to the project")
    folder: str = Field(description="the service's folder within the workspace")
    dockerfile: str = Field(default="images/service/Dockerfile", description="relative to the project")


class Messaging(Model):
    """The service's part in NATS: its own stream, and the streams that it reads."""

    subjects: Identifier = Field(description="prefix of the subjects it publishes; nobody else may")
    stream: str | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9_]*$", description="stream that it owns")
    consumes: tuple[str, ...] = Field(default=(), description="streams of others that it reads")


class Secret(Model):
    """Where a secret variable's value comes from: made by the platform, or set by an operator."""

    generated: Identifier | None = Field(default=None, description="services that name the same one share its value")
    config: str | None = Field(
        default=None, pattern=r"^[a-z][A-Za-z0-9]*$", description="key of the stack's secret configuration"
    )
    optional: bool = Field(default=False, description="may be missing, except in production")

    @model_validator(mode="after")
    def _one_source(self) -> "Secret":
        if (self.generated is None) == (self.config is None):
            raise ValueError("give either `generated` or `config`")
        return self


class Route(Model):
    """A public path that leads to the service."""

    path: HttpPath = Field(description="prefix of public paths, like /api/")
    zone: Zone = Field(
        default="general",
        description="whose rate is kept; `api` and `auth` are for programs, and open to `corsOrigins`",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=60), description="longest silence of the service within an answer"
    )
    max_body: MemoryMB | None = Field(default=None, description="largest request body, if not the edge's")
    web_socket: bool = Field(default=False, description="let clients turn a request into a WebSocket")
    buffering: bool = Field(
        default=True, description="false: each piece of an answer is passed on at once, for streams"
    )
    cache: bool = Field(default=False, description="keep what the service calls public and fresh, like assets")
    content_security_policy: ContentSecurityPolicy | None = Field(
        default=None,
        description="what a page from here may load; default: files of its own, nothing for `api` and `auth`",
    )


class Service(Model):
    """One microservice."""

    name: Name
    image: ImageReference | None = Field(default=None, description="deployed as it is; wins over `build`")
    build: Build | None = Field(default=None, description="how the host builds it")
    port: Port = Field(description="that it answers HTTP on")
    networks: tuple[NetworkName, ...] = Field(default=("backend", "data"), description="that it is on")
    database: Identifier | None = Field(default=None, description="its own database, and the name of its two roles")
    pool_size: int = Field(default=10, ge=1, le=100, description="connections to the database, at most")
    redis: Identifier | None = Field(default=None, description="key prefix that it may use, and its user")
    nats: Messaging | None = Field(default=None, description="its subjects and streams")
    variables: dict[Variable, str] = Field(default_factory=dict, description="of its environment; no secrets")
    secrets: dict[Variable, Secret] = Field(
        default_factory=dict, description="variables of its environment whose values are secret"
    )
    migrate: tuple[str, ...] = Field(default=(), description="command that brings the database's schema up to date")
    routes: tuple[Route, ...] = Field(default=(), description="public paths that lead to it")
    egress: tuple[EgressHost, ...] = Field(
        default=(), description="hosts outside that it may call, port 443 unless named; all else is refused and logged"
    )
    replicas: int = Field(default=1, ge=1, le=20, description="containers that share its requests")
    limits: Limits = Limits()
    health: Health = Health()
    grace: Duration = Field(default=timedelta(seconds=30), description="time to finish what is in flight when stopped")

    @property
    def user(self) -> str:
        """The name under which the data layer knows the service: `order` for `order-service`."""
        return self.name.removesuffix("-service").replace("-", "_")

    @property
    def calls(self) -> dict[str, tuple[str, int]]:
        """Name and port of each service that it is told to call, by the variable that tells."""
        found = {key: _SERVICE_URL.match(url) for key, url in self.variables.items() if key.endswith("_SERVICE_URL")}
        return {key: (match[1], int(match[2] or 80)) for key, match in found.items() if match}

    @model_validator(mode="after")
    def _consistent(self) -> "Service":
        if self.image is None and self.build is None:
            raise ValueError("give `image` (a reference by digest) or `build` (a folder)")
        if self.migrate and not self.database:
            raise ValueError("has migrations but no database")
        return self

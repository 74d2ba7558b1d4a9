"""The whole platform as plain data. Its defaults are the production values."""

from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any, Literal

from pydantic import Field, PositiveInt, field_validator

from config.edge import TLS_KEY, Edge
from config.service import Limits, Service
from config.types import (
    Cpus,
    Duration,
    HostKey,
    ImageReference,
    MemoryMB,
    Model,
    Name,
    Port,
    RegistryAddress,
    Subnet,
)

# Of the proxy through which a service calls hosts outside.
EGRESS_LIMITS = Limits(cpus=0.5, memory=128, reserved_memory=48, reserved_cpus=0.05, pids=50)
REGISTRY_PASSWORD = "registryPassword"  # the secret's key in a stack file  # noqa: S105


class Host(Model):
    """The Docker host, reached over SSH. The private key stays with the ssh-agent."""

    address: str = Field(min_length=1, max_length=253, description="name or IPv4 address")
    port: Port = Field(default=22, description="of SSH")
    user: str = Field(default="deploy", pattern=r"^[a-z_][a-z0-9_-]*$", description="who may use Docker there")
    host_key: HostKey = Field(description="the host's public key, one line as `ssh-keyscan` prints it without the name")
    architecture: Literal["amd64", "arm64"] = Field(default="amd64", description="what services are built for")
    directory: str | None = Field(default=None, pattern=r"^/[A-Za-z0-9._/-]+$", description="default: ~/a4co")
    http_port: Port = Field(default=80, description="where people reach the host's port 80, if something forwards it")
    https_port: Port = Field(default=443, description="likewise for port 443")
    cpus: Cpus = Field(default=4, description="processors of the host; reservations must fit")
    memory: MemoryMB = Field(default=8192, description="memory of the host; reservations must fit")


class Images(Model):
    """Images of the servers, of Node for services that are built, and of what asks for certificates."""

    postgres: ImageReference = Field(default="postgres:16-bookworm", description="image of PostgreSQL 16")
    nats: ImageReference = Field(default="nats:2.10-alpine", description="image of NATS 2.10")
    redis: ImageReference = Field(default="redis:7-bookworm", description="image of Redis 7")
    nginx: ImageReference = Field(default="nginx:1.30-alpine", description="image of nginx, 1.28 or newer")
    node: ImageReference = Field(default="node:22-alpine", description="image of Node, under services and proxies")
    lego: ImageReference = Field(default="goacme/lego:v4.31.0", description="image of lego 4, for `edge.tls.acme`")
    mirror: str | None = Field(
        default=None, pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*$", description="registry that has all of them"
    )

    def reference(self, part: str) -> str:
        """Full reference of one part's image, from the mirror if there is one."""
        image: str = getattr(self, part)
        return f"{self.mirror}/{image}" if self.mirror else image


class Registry(Model):
    """Where built services are pushed to, and who may: the same user pulls. The password is `registryPassword`."""

    address: RegistryAddress = Field(description="host[:port][/path], like ghcr.io/a-team/a-shop")
    user: str | None = Field(default=None, min_length=1, description="who logs in there; without one nobody does")

    @property
    def server(self) -> str:
        """The registry itself, without the path."""
        return self.address.partition("/")[0]


class Network(Model):
    """A bridge network; an internal one has no way out of the host."""

    subnet: Subnet = Field(description="private, /16 to /28; nobody else on the host may use it")
    internal: bool = Field(description="true: no way out of the host")

    @property
    def pool(self) -> IPv4Network:
        """The upper half, from which Docker gives addresses: fixed ones are safe in the lower half."""
        return list(self.subnet.subnets(prefixlen_diff=1))[1]

    @property
    def subnet6(self) -> IPv6Network:
        """A private IPv6 network that nobody else has while nobody else has `subnet`."""
        high, low = divmod(int(self.subnet.network_address), 1 << 16)
        return IPv6Network(f"fd00:a4c0:{high:x}:{low:x}::/64")

    @property
    def gateway(self) -> IPv4Address:
        """The host's own address on the network."""
        return self.subnet[1]


class Networks(Model):
    """The three networks; what is on `data` is out of reach from `frontend`."""

    frontend: Network = Network(subnet=IPv4Network("172.20.0.0/24"), internal=False)
    backend: Network = Network(subnet=IPv4Network("172.21.0.0/24"), internal=True)
    data: Network = Network(subnet=IPv4Network("172.22.0.0/24"), internal=True)
    ipv6: bool = Field(
        default=True,
        description="visitors over IPv6 reach nginx under their own address; false on a host without IPv6",
    )

    @property
    def inner_address(self) -> IPv4Address:
        """Nginx's fixed address on the backend network, below the pool from which Docker gives addresses."""
        return self.backend.subnet[10]


class Postgres(Model):
    """PostgreSQL 16, sized for 2 GB."""

    max_connections: PositiveInt = Field(default=200, description="of all services together")
    shared_buffers: MemoryMB = Field(default=256, description="the server's own cache")
    effective_cache_size: MemoryMB = Field(default=1024, description="what the planner believes to be cached")
    work_mem: MemoryMB = Field(default=6, description="for each sort or hash of each connection")
    maintenance_work_mem: MemoryMB = Field(default=64, description="for each vacuum or index build")
    limits: Limits = Limits(cpus=2.0, memory=2048, reserved_cpus=0.5, reserved_memory=512)
    grace: Duration = Field(default=timedelta(seconds=120), description="time to shut down cleanly when stopped")


class Nats(Model):
    """NATS 2.10 with JetStream on a volume."""

    max_payload: MemoryMB = Field(default=8, description="largest message")
    memory_store: MemoryMB = Field(default=128, description="for streams kept in memory")
    file_store: MemoryMB = Field(default=5120, description="for streams kept on the volume")
    limits: Limits = Limits(cpus=1.0, memory=512, reserved_memory=128)
    grace: Duration = Field(default=timedelta(seconds=30), description="time to shut down cleanly when stopped")


class Redis(Model):
    """Redis 7; evicts the least recently used key when full."""

    max_memory: MemoryMB = Field(default=256, description="for keys; saving can double it for a while")
    limits: Limits = Limits(cpus=0.5, memory=512, reserved_memory=128)
    grace: Duration = Field(default=timedelta(seconds=30), description="time to shut down cleanly when stopped")


class Promotion(Model):
    """The release of another stack whose images this stack runs."""

    source: Name = Field(alias="from", description="the stack that has proved it")
    release: str = Field(pattern=r"^[0-9a-f]{12}$", description="its id, as `make releases` lists it")


class Platform(Model):
    """Everything that one stack deploys."""

    stack: Name
    environment: Literal["production", "staging", "development"] = Field(
        default="production", description="how strictly the configuration is checked"
    )
    host: Host
    images: Images = Images()
    registry: Registry | None = Field(
        default=None, description="built services are pushed there; without one they stay on the host"
    )
    networks: Networks = Networks()
    postgres: Postgres = Postgres()
    nats: Nats = Nats()
    redis: Redis = Redis()
    edge: Edge = Edge()
    catalogue: str = Field(
        default="config/catalogue.yaml", min_length=1, description="file with the services, relative to the project"
    )
    services: dict[Name, Service] = Field(description="changes and additions to the catalogue, by name")
    promotion: Promotion | None = Field(
        default=None, description="images of services come from another stack's release"
    )
    kept_releases: int = Field(
        default=5, ge=2, le=50, description="releases that can be rolled back to: their images stay on the host"
    )
    log_level: Literal["debug", "info", "warn", "error"] = Field(default="info", description="of the services")
    protect_data: bool = Field(default=True, description="refuse to destroy the data volumes")

    rotations: dict[str, int] = Field(
        default_factory=dict, description="number of each generated secret; raise one to replace it"
    )

    @field_validator("services", mode="before")
    @classmethod
    def _named(cls, services: Any) -> Any:
        """An entry's key is its name."""
        if not isinstance(services, dict):
            return services
        return {k: {**entry, "name": k} if isinstance(entry, dict) else entry for k, entry in services.items()}

    @property
    def prefix(self) -> str:
        """What every name on the host begins with: several stacks can share one host."""
        return f"a4co-{self.stack}"

    @property
    def directory(self) -> str:
        """Folder on the host that holds this stack's configuration and secrets."""
        home = "/root" if self.host.user == "root" else f"/home/{self.host.user}"
        return f"{self.host.directory or home + '/a4co'}/{self.stack}"

    @property
    def generated_secrets(self) -> list[str]:
        """Names of all secrets that the platform makes up itself, as `rotations` knows them."""
        services = self.services.values()
        names = {secret.generated for service in services for secret in service.secrets.values() if secret.generated}
        names |= {f"database-{s.database}{role}" for s in services if s.database for role in ("", "-owner")}
        names |= {f"egress-{s.user}" for s in services if s.egress}
        names |= {f"nats-{s.user}" for s in services if s.nats} | {f"redis-{s.user}" for s in services if s.redis}
        return sorted(names)

    @property
    def secret_keys(self) -> dict[str, list[str]]:
        """Who uses each secret which operators set, by the secret's key in the stack file."""
        keys: dict[str, list[str]] = {}
        if self.registry and self.registry.user:
            keys[REGISTRY_PASSWORD] = [f"the registry {self.registry.server}"]
        if self.edge.tls.chain:
            keys[TLS_KEY] = ["the certificate of the edge"]
        for service in self.services.values():
            for secret in service.secrets.values():
                if secret.config:
                    keys.setdefault(secret.config, []).append(service.name)
        return keys

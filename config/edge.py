"""The edge as plain data: who may ask for what, how often, and under which name and certificate."""

from datetime import timedelta

from pydantic import Field, model_validator

from config.service import Limits
from config.types import AddressRange, Duration, HostName, MemoryMB, Model, Origin, Pem, Port

TLS_KEY = "tlsKey"  # the secret's key in a stack file


class Rate(Model):
    """Requests of one client: an IPv4 address, or an IPv6 network of /64."""

    per_second: int = Field(ge=1, le=10_000, description="that it may go on making")
    burst: int = Field(ge=0, le=100_000, description="that it may make at once beyond that; further ones get 429")


class Rates(Model):
    """The three zones that a route can be in, each counted by itself."""

    general: Rate = Rate(per_second=10, burst=40)
    api: Rate = Rate(per_second=50, burst=100)
    auth: Rate = Rate(per_second=5, burst=10)


class Acme(Model):
    """A certificate for all `hosts` from an ACME authority, renewed by the host itself."""

    directory: str = Field(
        default="https://acme-v02.api.letsencrypt.org/directory",
        pattern=r"^https://[A-Za-z0-9._~:/-]+$",
        description="of the authority; the default is Let's Encrypt",
    )
    email: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
        description="whom the authority may write to",
    )
    root: Pem | None = Field(default=None, description="certificate that a private authority is known by")


class Tls(Model):
    """Where the certificate comes from. Until there is one, nginx serves one that it signed itself."""

    acme: Acme | None = Field(default=None, description="from an authority; its terms are agreed to")
    chain: Pem | None = Field(
        default=None, description="your own: the certificate, then who signed it; its key is the secret `tlsKey`"
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Tls":
        if self.acme and self.chain:
            raise ValueError("give either `acme` or `chain`")
        return self


class Edge(Model):
    """Nginx: the only container that publishes ports."""

    http_port: Port = Field(default=80, description="of the host, for HTTP")
    https_port: Port = Field(default=443, description="of the host, for HTTPS")
    https_only: bool = Field(default=True, description="answer plain HTTP with a redirect")
    hosts: tuple[HostName, ...] = Field(
        default=(), description="names under which it answers, others get 421; none: it answers under any"
    )
    tls: Tls = Tls()
    hsts: Duration = Field(
        default=timedelta(days=730), description="how long browsers insist on HTTPS afterwards; 0s: not at all"
    )
    trusted_proxies: tuple[AddressRange, ...] = Field(
        default=(), description="whose X-Forwarded-For and X-Forwarded-Proto are believed: a load balancer in front"
    )
    rates: Rates = Rates()
    connections: int = Field(default=100, ge=1, le=10_000, description="that one client may have open")
    cors_origins: tuple[Origin, ...] = Field(
        default=(), description="web sites whose pages may call the API, like https://app.example.com"
    )
    maintenance: bool = Field(
        default=False, description="answer everything from outside with 503 and a page that says so"
    )
    max_body: MemoryMB = Field(default=8, description="largest request body")
    drain: Duration = Field(
        default=timedelta(seconds=5), description="longest wait for open requests before old containers are stopped"
    )
    grace: Duration = Field(default=timedelta(seconds=30), description="time to finish what is in flight when stopped")
    limits: Limits = Limits(cpus=0.5, memory=128, reserved_memory=64)

"""Named types: what a value means, how it is written in a stack file, and what is refused."""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

MEMORY_PATTERN = r"^(\d+)\s*(MB|GB)$"
DURATION_PATTERN = r"^(\d+)\s*(ms|s|m|h)$"
_MEMORY_UNITS = {"MB": 1, "GB": 1024}
_DURATION_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


class Model(BaseModel):
    """Plain data: frozen, unknown keys refused, written in camelCase in stack files."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, validate_default=True
    )


def _memory(value: object) -> object:
    """Megabytes from `512MB` or `2GB`."""
    if isinstance(value, str) and (match := re.fullmatch(MEMORY_PATTERN, value)):
        return int(match[1]) * _MEMORY_UNITS[match[2]]
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not an amount of memory: write it like 512MB or 2GB")
    return value


def _duration(value: object) -> object:
    """A time span from `30s`, `1500ms`, `5m` or `1h`."""
    if isinstance(value, str) and (match := re.fullmatch(DURATION_PATTERN, value)):
        return timedelta(seconds=int(match[1]) * _DURATION_UNITS[match[2]])
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not a time span: write it like 30s, 1500ms, 5m or 1h")
    return value


def _private(value: object) -> IPv4Network:
    network = IPv4Network(str(value))
    if not network.is_private or not 16 <= network.prefixlen <= 28:
        raise ValueError(f"{network} is not a private network between /16 and /28")
    return network


def _range(value: object) -> IPv4Network | IPv6Network:
    network = ip_network(str(value))
    if network.prefixlen == 0:
        raise ValueError(f"{network} is everybody: name the addresses of your own proxies")
    return network


def _reachable(value: str) -> str:
    port = value.partition(":")[2]
    if port and not 0 < int(port) < 65536:
        raise ValueError(f"{port} is no port: 1 to 65535")
    return value


def memory_text(megabytes: int) -> str:
    """An amount of memory as it is written in a stack file."""
    return f"{megabytes // 1024}GB" if megabytes % 1024 == 0 else f"{megabytes}MB"


def duration_text(span: timedelta) -> str:
    """A time span as it is written in a stack file."""
    seconds = span.total_seconds()
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{seconds * 1000:.0f}ms"


MemoryMB = Annotated[
    int,
    BeforeValidator(_memory),
    Field(ge=1),
    PlainSerializer(memory_text, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": MEMORY_PATTERN}),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    Field(ge=timedelta(0)),
    PlainSerializer(duration_text, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
Cpus = Annotated[float, Field(gt=0, le=256, description="processors; 0.5 is half of one")]
Port = Annotated[int, Field(ge=1, le=65535)]
Subnet = Annotated[IPv4Network, BeforeValidator(_private)]
Zone = Literal["general", "api", "auth"]  # of requests whose rate is limited
AddressRange = Annotated[IPv4Network | IPv6Network, BeforeValidator(_range)]
HostName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", max_length=253)
]
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.-]+(:\d+)?$", max_length=260)]
Pem = Annotated[
    str,
    StringConstraints(
        pattern=r"^(-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n*)+$", max_length=40_000
    ),
]
ContentSecurityPolicy = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 ;:/.,*'_+=-]+$", max_length=2000)]
EgressHost = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+(:\d{1,5})?$", max_length=260
    ),
    AfterValidator(_reachable),
]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=80)]
HttpPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]*$", max_length=200)]
ImageReference = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*(:[A-Za-z0-9_.-]{1,128})?(@sha256:[0-9a-f]{64})?$",
        max_length=300,
    ),
]
RegistryAddress = Annotated[
    str,
    StringConstraints(pattern=r"^([a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?|[a-z0-9-]+:\d+)(/[a-z0-9._-]+)*$", max_length=200),
]
HostKey = Annotated[
    str, StringConstraints(pattern=r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/=]+$")
]


def go_duration(span: timedelta) -> str:
    """`span` as Docker's provider writes it back (`1m0s`, `1.5s`): any other form is a permanent difference."""
    hours, rest = divmod(span.total_seconds(), 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours:.0f}h{minutes:.0f}m{text}"
    return f"{minutes:.0f}m{text}" if minutes else text

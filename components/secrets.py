"""Secrets of the services, from wherever they come."""

from collections.abc import Mapping

import pulumi
from pulumi import Output, ResourceOptions

from components.credential import Credential
from components.nats import Nats
from components.redis import Redis
from config import Platform, Service


class Secrets(pulumi.ComponentResource):
    """What the platform makes up itself (a token key, say), once for all services that share it."""

    def __init__(self, name: str, platform: Platform, *, opts: ResourceOptions | None = None) -> None:
        super().__init__("a4co:index:Secrets", name, {}, opts)
        names = {s.generated for service in platform.services.values() for s in service.secrets.values() if s.generated}
        self._generated = {
            secret: Credential(secret, platform, length=64, opts=ResourceOptions(parent=self)).current
            for secret in sorted(names)
        }
        self.register_outputs({})

    def of(
        self, service: Service, *, configured: Mapping[str, Output[str]], nats: Nats, redis: Redis
    ) -> dict[str, Output[str]]:
        """Every secret variable of one service; an optional one that no operator has set is left out."""
        found: dict[str, Output[str]] = {}
        for variable, source in service.secrets.items():
            if source.generated:
                found[variable] = self._generated[source.generated]
            elif source.config and source.config in configured:
                found[variable] = configured[source.config]
        if service.nats:
            found["NATS_URL"] = nats.urls[service.user]
        if service.redis:
            found["REDIS_URL"] = redis.urls[service.user]
        return found

"""Redis."""

import hashlib

import pulumi
import pulumi_random as random
from pulumi import Input, Output, ResourceOptions

from components.bundle import Bundle
from components.container import Spec, bind, data_volume, hardened
from components.host import Host
from components.networks import Networks
from components.templates import render
from config import Platform
from config.service import Health

PORT = 6379
_USER = "999:999"


class Redis(pulumi.ComponentResource):
    """Redis 7 on the data network, reached there as `redis`.

    `urls` has each caching service's address with its own user, which sees its own keys alone: secrets.
    """

    urls: dict[str, Output[str]]

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
        super().__init__("a4co:index:Redis", name, {}, opts)
        child = ResourceOptions(parent=self)
        config, full_name = platform.redis, f"{platform.prefix}-{name}"
        prefixes = {service.user: service.redis for service in platform.services.values() if service.redis}
        passwords: dict[str, Output[str]] = {
            user: random.RandomPassword(f"{name}-{user}", length=32, special=False, opts=child).result
            for user in prefixes
        }

        def access(clear: dict[str, str]) -> str:
            users = [
                {
                    "name": user,
                    "prefix": prefix,
                    "password_sha256": hashlib.sha256(clear[user].encode()).hexdigest(),
                }
                for user, prefix in prefixes.items()
            ]
            return render("users.acl", users=users)

        files = Bundle(
            name,
            {
                "redis.conf": render("redis.conf", redis=config),
                "users.acl": Output.secret(Output.all(**passwords)).apply(access),
            },
            host=host,
            opts=child,
        )
        _, bounded = hardened(
            full_name,
            Spec(
                component=name,
                stack=platform.stack,
                name=full_name,
                image=image,
                user=_USER,
                command=["redis-server", "/etc/redis/redis.conf"],
                networks=[networks.join("data", name)],
                mounts=[
                    data_volume(
                        f"{full_name}-data",
                        "/data",
                        _USER,
                        image,
                        host=host,
                        protect=platform.protect_data,
                        opts=child,
                    ),
                    bind(files.path, "/etc/redis"),
                ],
                tmpfs={"/tmp": "size=16m,mode=1777"},  # noqa: S108
                # An unauthenticated ping prints NOAUTH and exits 0: hence a user of its own, and grep.
                check=["CMD-SHELL", "redis-cli --user health --pass - --no-auth-warning ping | grep -q PONG"],
                health=Health(),
                limits=config.limits,
                grace=config.grace,
            ),
            host=host,
            opts=child,
        )
        self.urls = {
            user: Output.all(password, bounded.id).apply(
                lambda known, user=user: f"redis://{user}:{known[0]}@redis:{PORT}/0"
            )
            for user, password in passwords.items()
        }
        self.register_outputs({"urls": self.urls})

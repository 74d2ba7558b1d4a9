"""Redis."""

import pulumi
from pulumi import Input, Output, ResourceOptions

from components.accounts import Accounts
from components.bundle import Bundle
from components.container import Spec, bind, data_volume, hardened
from components.credential import Credential
from components.host import Host
from components.networks import Networks
from components.templates import render
from config import Platform
from config.service import Health

PORT = 6379
_USER = "999:999"
_CLI = "redis-cli --user health --pass - --no-auth-warning"


class Redis(pulumi.ComponentResource):
    """Redis 7 on the data network, reached there as `redis`.

    `urls` has each caching service's address with its own user, which sees its own keys alone: secrets.
    """

    urls: dict[str, Output[str]]
    accounts: Accounts

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
        credentials = {user: Credential(f"{name}-{user}", platform, opts=child) for user in prefixes}
        self.accounts = Accounts(
            f"{name}-accounts",
            credentials,
            lambda users: render("users.acl", users=users, prefixes=prefixes),
            file="users.acl",
            container=full_name,
            reload=f'answer=$({_CLI} ACL LOAD); test "$answer" = OK || {{ echo "$answer" >&2; exit 1; }}',
            host=host,
            opts=child,
        )
        files = Bundle(name, {"redis.conf": render("redis.conf", redis=config)}, host=host, opts=child)
        server = hardened(
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
                    bind(self.accounts.folder, "/etc/redis-accounts"),
                ],
                tmpfs={"/tmp": "size=16m,mode=1777"},  # noqa: S108
                # An unauthenticated ping prints NOAUTH and exits 0: hence a user of its own, and grep.
                check=["CMD-SHELL", f"{_CLI} ping | grep -q PONG"],
                health=Health(),
                limits=config.limits,
                grace=config.grace,
            ),
            host=host,
            opts=child,
        )
        self.urls = {
            user: Output.all(credentials[user].current, server.id).apply(
                lambda known, name=self.accounts.names[user]: f"redis://{name}:{known[0]}@redis:{PORT}/0"
            )
            for user in prefixes
        }
        self.register_outputs({"urls": self.urls})

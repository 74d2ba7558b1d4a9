"""NATS with JetStream."""

from collections.abc import Sequence

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
from config.service import Health, Messaging

PORT = 4222
_USER = "1000:1000"
# A signal by `docker kill` would count as the operator's stop, and the container would stay down after a crash.
_RELOAD = """\
loaded() { wget -q -O - http://127.0.0.1:8222/varz | grep config_load_time; }
before=$(loaded); kill -HUP $(cat /tmp/nats.pid)
for attempt in $(seq 100); do test "$(loaded)" = "$before" || exit 0; sleep 0.1; done
echo NATS did not read its users again within 10 s >&2; exit 1"""


class Nats(pulumi.ComponentResource):
    """NATS 2.10 on the backend and data networks, reached there as `nats`.

    `urls` has each messaging service's address with its own user and password: secrets.
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
        super().__init__("a4co:index:Nats", name, {}, opts)
        child = ResourceOptions(parent=self)
        config, full_name = platform.nats, f"{platform.prefix}-{name}"
        services = {service.user: service.nats for service in platform.services.values() if service.nats}
        publish = {user: permissions(user, messaging) for user, messaging in services.items()}
        credentials = {user: Credential(f"{name}-{user}", platform, opts=child) for user in services}
        self.accounts = Accounts(
            f"{name}-accounts",
            credentials,
            lambda users: render("accounts.conf", users=users, publish=publish),
            file="accounts.conf",
            container=full_name,
            reload=_RELOAD,
            host=host,
            opts=child,
        )
        files = Bundle(name, {"nats.conf": render("nats.conf", nats=config)}, host=host, opts=child)
        server = hardened(
            full_name,
            Spec(
                component=name,
                stack=platform.stack,
                name=full_name,
                image=image,
                user=_USER,
                command=["nats-server", "-c", "/etc/nats/nats.conf"],
                envs={"GOMEMLIMIT": f"{config.limits.memory * 4 // 5}MiB"},
                networks=[networks.join("backend", name), networks.join("data", name)],
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
                    bind(files.path, "/etc/nats"),
                    bind(self.accounts.folder, "/etc/nats-accounts"),
                ],
                tmpfs={"/tmp": "size=16m,mode=1777"},  # noqa: S108
                check=["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8222/healthz?js-enabled-only=true"],
                health=Health(),
                limits=config.limits,
                grace=config.grace,
                stop_signal="SIGINT",  # on SIGTERM it exits with 1
            ),
            host=host,
            opts=child,
        )
        self.urls = {
            user: Output.all(credentials[user].current, server.id).apply(
                lambda known, name=self.accounts.names[user]: f"nats://{name}:{known[0]}@nats:{PORT}"
            )
            for user in services
        }
        self.register_outputs({"urls": self.urls})


def permissions(user: str, messaging: Messaging) -> Sequence[str]:
    """Subjects that a service may publish to: its own, and JetStream's for its stream and its durable consumers."""
    subjects = [f"{messaging.subjects}.>", "$JS.API.INFO"]
    if messaging.stream:
        subjects += [f"$JS.API.STREAM.{verb}.{messaging.stream}" for verb in ("CREATE", "UPDATE", "INFO")]
    for stream in messaging.consumes:
        subjects += [
            f"$JS.API.STREAM.INFO.{stream}",
            f"$JS.API.CONSUMER.CREATE.{stream}.{user}",
            f"$JS.API.CONSUMER.CREATE.{stream}.{user}.>",
            f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{user}",
            f"$JS.API.CONSUMER.INFO.{stream}.{user}",
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{user}",
            f"$JS.ACK.{stream}.{user}.>",
        ]
    return subjects

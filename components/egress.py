"""The way out of a service: a proxy that leads to the hosts that the service names, and to no other."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pulumi
from pulumi import Input, Output, ResourceOptions

from components.bundle import Bundle
from components.container import Spec, bind, hardened
from components.credential import Credential
from components.host import Host
from components.networks import Networks
from config import Platform, Service
from config.platform import EGRESS_LIMITS
from config.service import Health

PORT = 3128
SCRIPT = Path(__file__).with_name("scripts") / "proxy.mjs"


class Egress(pulumi.ComponentResource):
    """A proxy for one service: on the backend network, as the service is, and on the frontend network, which leads out.

    It has no fixed name and no alias: after a change a new one stands beside the old one, and each container of the
    service keeps the one that it was started with. `secrets` and `variables` tell the service of it.
    """

    secrets: dict[str, Output[str]]
    variables: dict[str, str]

    def __init__(
        self,
        name: str,
        service: Service,
        *,
        platform: Platform,
        image: Input[str],
        networks: Networks,
        host: Host,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:Egress", name, {}, opts)
        child = ResourceOptions(parent=self)
        password = Credential(f"egress-{service.user}", platform, opts=child).current
        files = Bundle(
            name,
            {
                "proxy.mjs": SCRIPT.read_text(),
                "config.json": password.apply(lambda clear: _config(service, platform, clear)),
            },
            host=host,
            opts=child,
        )
        proxy = hardened(
            f"{platform.prefix}-{name}",
            Spec(
                component=name,
                stack=platform.stack,
                image=image,
                user="1001:1001",
                command=["node", "/etc/egress/proxy.mjs"],
                networks=[networks.join("backend"), networks.join("frontend")],
                mounts=[bind(files.path, "/etc/egress")],
                check=["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{PORT}/health"],
                health=Health(),
                limits=EGRESS_LIMITS,
                grace=timedelta(seconds=30),
            ),
            host=host,
            opts=child,
        )
        url = Output.format("http://{0}:{1}@{2}:{3}", service.user, password, proxy.name, PORT)
        self.secrets = {"HTTPS_PROXY": url, "https_proxy": url}
        direct = ",".join(["localhost", "127.0.0.1", *_neighbours(platform)])
        # Node takes the others for its own since 22.21, if it is told to.
        self.variables = {"NO_PROXY": direct, "no_proxy": direct, "NODE_USE_ENV_PROXY": "1"}
        self.register_outputs({})


def _config(service: Service, platform: Platform, password: str) -> str:
    """What the proxy reads; of the password a hash."""
    parts = (platform.networks.frontend, platform.networks.backend, platform.networks.data)
    config = {
        "port": PORT,
        "allowed": [host if ":" in host else f"{host}:443" for host in service.egress],
        "credentials": hashlib.sha256(f"{service.user}:{password}".encode()).hexdigest(),
        "inner": [str(subnet) for part in parts for subnet in (part.subnet, part.subnet6)],
        "connectMs": 5_000,
        "idleMs": 300_000,
    }
    return json.dumps(config, indent=1) + "\n"


def _neighbours(platform: Platform) -> list[str]:
    """Who is reached without a proxy; some libraries take one for HTTPS for whatever they call."""
    services = [service.name for service in platform.services.values() if "backend" in service.networks]
    return sorted([*services, "postgres", "nats", "redis", "nginx"])

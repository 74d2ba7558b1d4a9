"""Nginx: the edge, and the way from service to service."""

import pulumi
import pulumi_docker as docker
from pulumi import Input, Output, ResourceOptions

from components.archive import pack
from components.container import Spec, bind, hardened
from components.host import Host
from components.networks import Networks
from components.routes import PACKED, render_routes
from config import Platform
from config.service import Health

_INSIDE = "/etc/nginx/live"

# Once only: routes that say that nothing is deployed, and a certificate until a real one arrives.
_PREPARE = """\
set -eu
umask 022
mkdir -p {root}/edge/releases {root}/edge/certificates {root}/edge/acme
cd {root}/edge
if ! test -e certificate; then
    mkdir -p certificates/self-signed
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN={prefix} \
        -keyout certificates/self-signed/privkey.pem -out certificates/self-signed/fullchain.pem 2>/dev/null
    chmod 0444 certificates/self-signed/privkey.pem
    ln -sfn certificates/self-signed certificate
fi
if test -e current; then
    cat >/dev/null  # what is sent is read, or the connection may fail
else
    rm -rf releases/empty && mkdir releases/empty
    base64 -d | tar -x --no-same-owner -C releases/empty
    mkdir -p releases/empty/upstreams
    ln -sfn releases/empty current
fi
"""

# What an image has beyond the official one is used: nginx reads these files where they are.
_START = f"""\
module=/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so
if test -e $module; then
    echo "load_module $module;" >/tmp/modules.conf
    echo "brotli on; brotli_min_length 1024; brotli_types {PACKED};" >/tmp/brotli.conf
fi
exec nginx -g 'daemon off;' -c {_INSIDE}/current/nginx.conf
"""


class Nginx(pulumi.ComponentResource):
    """Nginx on the frontend and backend networks; the only container that publishes ports.

    It answers to every service's name on the backend network and passes requests on to the live revision.
    What it serves is a folder on the host that routes replace while it runs, so that it is never restarted for them.
    """

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
        super().__init__("a4co:index:Nginx", name, {}, opts)
        child = ResourceOptions(parent=self)
        edge, full_name = platform.edge, f"{platform.prefix}-{name}"
        prepared = host.run(
            f"{name}-prepare",
            _PREPARE.format(root=host.directory, prefix=platform.prefix),
            stdin=pack(render_routes(platform, "empty", {})),
            opts=child,
        )
        running = hardened(
            full_name,
            Spec(
                component=name,
                stack=platform.stack,
                name=full_name,
                image=image,
                user="101:101",
                command=["sh", "-c", _START],
                networks=[
                    networks.join("frontend", name),
                    networks.join(
                        "backend",
                        name,
                        *(service.name for service in platform.services.values() if "backend" in service.networks),
                        address=str(platform.networks.inner_address),
                    ),
                ],
                ports=[
                    docker.ContainerPortArgs(internal=internal, external=external, ip=address)
                    for internal, external in ((8080, edge.http_port), (8443, edge.https_port))
                    for address in ("0.0.0.0", *(["::"] if platform.networks.ipv6 else []))  # noqa: S104 - the edge
                ],
                mounts=[bind(prepared.id.apply(lambda _: f"{host.directory}/edge"), _INSIDE)],
                tmpfs={"/tmp": "size=64m,mode=1777"},  # request bodies, and what is cached  # noqa: S108
                check=["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8081/health"],
                health=Health(),
                limits=edge.limits,
                grace=edge.grace,
                stop_signal="SIGQUIT",  # finishes open requests
            ),
            host=host,
            opts=child,
        )
        self.container = running.name
        self.register_outputs({"container": self.container})

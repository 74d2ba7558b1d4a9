"""Deploys the platform that the stack's configuration describes."""

import pulumi
from pulumi import ResourceOptions

import config
from components.host import Host
from components.image import ServerImage, ServiceImage
from components.microservice import Microservice
from components.nats import Nats
from components.networks import Networks
from components.nginx import Nginx
from components.postgres import Postgres
from components.redis import Redis
from components.routes import Routes
from components.secrets import Secrets

platform = config.load()
configured = config.secrets(platform)

host = Host("host", platform.host, directory=platform.directory)
on_host = ResourceOptions(providers=[host.provider])
networks = Networks("networks", platform.networks, prefix=platform.prefix, host=host, opts=on_host)
secrets = Secrets("secrets", platform)


def server(kind, name):
    """A server component with its image."""
    image = ServerImage(f"{name}-image", platform.images.reference(name), opts=on_host)
    return kind(name, platform, image=image.id, networks=networks, host=host, opts=on_host)


postgres = server(Postgres, "postgres")
nats = server(Nats, "nats")
redis = server(Redis, "redis")
nginx = server(Nginx, "nginx")

services = {
    service.name: Microservice(
        service.name,
        service,
        platform=platform,
        image=ServiceImage(
            f"{service.name}-image",
            service,
            repository=platform.prefix,
            node_image=platform.images.reference("node"),
            architecture=platform.host.architecture,
            opts=on_host,
        ).id,
        secrets=secrets.of(service, configured=configured, nats=nats, redis=redis),
        networks=networks,
        postgres=postgres,
        host=host,
        opts=on_host,
    )
    for service in platform.services.values()
}
routes = Routes(
    "routes",
    platform,
    nginx=nginx.container,
    containers={name: service.container for name, service in services.items()},
    host=host,
)

# What a rotation replaced is forgotten once nothing uses it any more.
for holder in (nats.accounts, redis.accounts, *(service.database for service in services.values())):
    if holder:
        holder.forget_old(after=[routes.done])

pulumi.export("revision", routes.revision)
pulumi.export("containers", {name: service.container for name, service in services.items()})
pulumi.export("shop", f"http://{platform.host.address}:{platform.host.http_port}/")
pulumi.export("dashboard", f"http://{platform.host.address}:{platform.host.http_port}/dashboard/")

"""Deploys the platform that the stack's configuration describes."""

import pulumi
from pulumi import ResourceOptions

import config
from components.certificate import Certificate
from components.egress import Egress
from components.host import Host
from components.images import Images
from components.microservice import Microservice
from components.nats import Nats
from components.networks import Networks
from components.nginx import Nginx
from components.postgres import Postgres
from components.preflight import preflight
from components.promotion import Promotion
from components.redis import Redis
from components.release import Release
from components.secrets import Secrets

platform = config.load()
configured = config.secrets(platform)
if not pulumi.runtime.is_dry_run():
    preflight(platform)

promotion = Promotion(platform)
bare = Host(
    "host",
    platform.host,
    directory=platform.directory,
    registry=platform.registry,
    registry_password=configured.get(config.REGISTRY_PASSWORD),
    opts=ResourceOptions(depends_on=promotion.checked),
)
on_host = ResourceOptions(providers=[bare.provider])
images = Images("images", platform, promoted=promotion.images, host=bare, opts=on_host)
host = bare.after(images.present)
networks = Networks("networks", platform.networks, prefix=platform.prefix, host=host, opts=on_host)
secrets = Secrets("secrets", platform)


def server(kind, name):
    """A server component with its image."""
    return kind(name, platform, image=images.of(name), networks=networks, host=host, opts=on_host)


postgres = server(Postgres, "postgres")
nats = server(Nats, "nats")
redis = server(Redis, "redis")
nginx = server(Nginx, "nginx")

egress = {
    service.name: Egress(
        f"{service.name}-egress",
        service,
        platform=platform,
        image=images.of("node"),
        networks=networks,
        host=host,
        opts=on_host,
    )
    for service in platform.services.values()
    if service.egress
}
services = {
    service.name: Microservice(
        service.name,
        service,
        platform=platform,
        image=images.of(service.name),
        secrets=secrets.of(service, configured=configured, nats=nats, redis=redis),
        networks=networks,
        postgres=postgres,
        egress=egress.get(service.name),
        host=host,
        opts=on_host,
    )
    for service in platform.services.values()
}
release = Release(
    "release",
    platform,
    nginx=nginx.container,
    postgres=postgres.container,
    services={name: service.containers for name, service in services.items()},
    images=images,
    host=host,
)
# Nginx answers an authority's question from its first moment on; a release need not wait for one that is slow.
Certificate(
    "certificate",
    platform,
    key=configured.get(config.TLS_KEY),
    nginx=nginx.container,
    images=images,
    networks=networks,
    host=host.after(release.done),
)

# What a rotation replaced is forgotten once nothing uses it any more.
for holder in (nats.accounts, redis.accounts, *(service.database for service in services.values())):
    if holder:
        holder.forget_old(after=[release.done])

pulumi.export("release", release.live)
pulumi.export("images", images.references)
pulumi.export("shop", f"http://{platform.host.address}:{platform.host.http_port}/")
pulumi.export("dashboard", f"http://{platform.host.address}:{platform.host.http_port}/dashboard/")

"""Images on the host: found there, pulled, or built from a folder; all of them before anything else begins."""

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker
from pulumi import Input, Output, ResourceOptions
from pulumi_command import remote

from components.host import Host
from components.workspace import slice_workspace
from config import Platform, Service

_SERVERS = ("postgres", "nats", "redis", "nginx")


class Images(pulumi.ComponentResource):
    """Every image of the platform, by the name of the server or service.

    `of(name)` is the image on this host, `references` has the form by which any host can have the same bytes: by
    digest, or where there is no registry by the id. `present` is done when the host has all of them.
    """

    references: Output[dict[str, str]]
    ids: Output[list[str]]
    present: remote.Command

    def __init__(
        self,
        name: str,
        platform: Platform,
        *,
        promoted: Mapping[str, Input[str]],
        host: Host,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:Images", name, {}, opts)
        self._child = ResourceOptions(parent=self)
        references: dict[str, Input[str]] = {}
        self._ids: dict[str, Output[str]] = {}
        for server in (*_SERVERS, *_tools(platform)):
            image = self._found(server, platform.images.reference(server))
            self._ids[server] = image.image_id
            references[server] = Output.all(image.repo_digest, image.image_id).apply(lambda known: known[0] or known[1])
        for service in platform.services.values():
            reference = service.image or promoted.get(service.name) or self._built(service, platform, host.registry)
            references[service.name] = reference
            self._ids[service.name] = self._found(service.name, reference).image_id
        self.references = Output.unsecret(Output.all(**references))
        self.ids = Output.all(*self._ids.values())
        self.present = host.run(
            name,
            f"bash {host.scripts}/images.sh {host.directory}",
            stdin=self.ids.apply(lambda ids: "".join(f"{id}\n" for id in sorted(set(ids)))),
            opts=self._child,
        )
        self.register_outputs({"references": self.references})

    def of(self, name: str) -> Output[str]:
        """The image of a server or a service, as this host knows it."""
        return self._ids[name]

    def _found(self, name: str, reference: Input[str]) -> docker.RemoteImage:
        return docker.RemoteImage(f"{name}-image", name=reference, keep_locally=True, opts=self._child)

    def _built(self, service: Service, platform: Platform, registry: docker.RegistryArgs | None) -> Output[str]:
        """The image by digest, as the registry has it; without a registry by the id that only this host knows."""
        assert service.build  # noqa: S101 - the model sees to it
        name = f"{platform.registry.address if platform.registry else platform.prefix}/{service.name}"
        built = docker.Image(
            f"{service.name}-image",
            image_name=name,
            build=docker.DockerBuildArgs(
                context=slice_workspace(service.build.workspace, service.build.folder),
                dockerfile=service.build.dockerfile,
                args={
                    "NODE_IMAGE": platform.images.reference("node"),
                    "SERVICE": service.build.folder,
                    # What was pushed tells a host that has built nothing yet which layers it need not build.
                    **({"BUILDKIT_INLINE_CACHE": "1"} if registry else {}),
                },
                cache_from=docker.CacheFromArgs(images=[name]) if registry else None,
                platform=f"linux/{platform.host.architecture}",
                builder_version=docker.BuilderVersion.BUILDER_BUILD_KIT,
            ),
            registry=registry,
            skip_push=registry is None,
            opts=self._child,
        )
        return built.repo_digest


def _tools(platform: Platform) -> list[str]:
    """Images that the host needs for some platforms only: Node's for proxies that lead out, lego's for certificates."""
    proxied = any(service.egress for service in platform.services.values())
    return [*(["node"] if proxied else []), *(["lego"] if platform.edge.tls.acme else [])]

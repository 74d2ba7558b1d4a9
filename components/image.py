"""Images on the host: found there, pulled, or built from a folder."""

import pulumi
import pulumi_docker as docker
from pulumi import Output, ResourceOptions

from components.workspace import slice_workspace
from config.service import Service


class ServerImage(pulumi.ComponentResource):
    """An image used as it is: found on the host, else pulled. `id` is the image on the host."""

    id: Output[str]

    def __init__(self, name: str, reference: str, *, opts: ResourceOptions | None = None) -> None:
        super().__init__("a4co:index:ServerImage", name, {}, opts)
        image = docker.RemoteImage(name, name=reference, keep_locally=True, opts=ResourceOptions(parent=self))
        self.id = image.image_id
        self.register_outputs({"id": self.id})


class ServiceImage(pulumi.ComponentResource):
    """A microservice's image, built on the host or taken by its reference. `id` is the image on the host."""

    id: Output[str]

    def __init__(
        self,
        name: str,
        service: Service,
        *,
        repository: str,
        node_image: str,
        architecture: str,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:ServiceImage", name, {}, opts)
        child = ResourceOptions(parent=self)
        if service.image:
            self.id = docker.RemoteImage(name, name=service.image, keep_locally=True, opts=child).image_id
        elif service.build:
            built = docker.Image(
                name,
                image_name=f"{repository}/{service.name}",
                build=docker.DockerBuildArgs(
                    context=slice_workspace(service.build.workspace, service.build.folder),
                    dockerfile=service.build.dockerfile,
                    args={"NODE_IMAGE": node_image, "SERVICE": service.build.folder},
                    platform=f"linux/{architecture}",
                    builder_version=docker.BuilderVersion.BUILDER_BUILD_KIT,
                ),
                skip_push=True,
                opts=child,
            )
            self.id = built.repo_digest
        self.register_outputs({"id": self.id})

"""A release: what was deployed together, and the one step in which it goes live."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_command import remote

from components.archive import pack
from components.host import Host
from components.images import Images
from components.routes import render_routes, routes_revision
from config import Platform
from config.record import fingerprints, recorded


class Release(pulumi.ComponentResource):
    """The last step: it runs when every new container is healthy, and moves all traffic at once.

    Only afterwards does Pulumi delete the old containers. `live` says of it: its `id`, which stands for every image and
    every setting (the same ones have the same id, on any stack), since `when`, by `who`, from which `commit`.
    """

    live: Output[dict[str, str]]
    done: remote.Command

    def __init__(
        self,
        name: str,
        platform: Platform,
        *,
        nginx: Input[str],
        postgres: Input[str],
        services: Mapping[str, Output[Sequence[str]]],
        images: Images,
        host: Host,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:Release", name, {}, opts)
        containers = Output.all(**services)
        manifest = images.references.apply(lambda references: _manifest(platform, references))
        id = manifest.apply(_identity)
        revision = containers.apply(lambda known: routes_revision(platform, known))
        archive = Output.all(manifest=manifest, ids=images.ids, revision=revision, containers=containers).apply(
            lambda known: pack(_files(platform, **known))
        )
        command = Output.format(
            "bash {0}/release.sh {1} {2} {3} {4} {5} {6} {7} {8}",
            host.scripts,
            host.directory,
            nginx,
            postgres,
            id,
            revision,
            int(platform.edge.drain.total_seconds()),
            platform.kept_releases,
            containers.apply(lambda known: " ".join(sorted(one for each in known.values() for one in each))),
        )
        self.done = host.run(name, command, stdin=archive, opts=ResourceOptions(parent=self))
        self.live = self.done.stdout.apply(_live)
        self.register_outputs({"live": self.live})


def _manifest(platform: Platform, references: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {"images": dict(sorted(references.items())), "settings": fingerprints(platform)}


def _identity(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:12]


def _live(record: str) -> dict[str, str]:
    known = json.loads(record)
    return {"id": known["release"], **{key: known[key] for key in ("when", "who", "commit")}}


def _files(
    platform: Platform,
    *,
    manifest: Mapping[str, Any],
    ids: Sequence[str],
    revision: str,
    containers: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """Everything that the host is told of the release, by path."""
    databases = sorted({service.database for service in platform.services.values() if service.database})
    record = {
        "manifest.json": json.dumps(manifest),
        "configuration.json": json.dumps(recorded(platform), indent=1),
        "images": "".join(f"{image}\n" for image in sorted(set(ids))),
        "databases": "".join(f"{database}\n" for database in databases),
    }
    routes = render_routes(platform, revision, containers)
    return {f"record/{path}": text for path, text in record.items()} | {
        f"routes/{path}": text for path, text in routes.items()
    }

"""A Pulumi plug-in that makes up its answers: a preview then knows everything, and needs nobody.

In a preview, a real provider can't say what a container will be called or what a password will be. What follows from
that (routes, users, migrations) stays unknown, and so would a change of it. The same inputs get the same answers.
"""

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.provider import CheckRequest, CheckResponse, CreateRequest, CreateResponse, Provider
from pulumi.provider.experimental.server import main

CONTAINER = "docker:index/container:Container"
BUILT_IMAGE = "docker:index/image:Image"
FOUND_IMAGE = "docker:index/remoteImage:RemoteImage"
PASSWORD = "random:index/randomPassword:RandomPassword"  # noqa: S105 - a type


def made_up(what: str) -> str:
    """A value that stands for something, and for nothing else."""
    return hashlib.sha256(f"made up: {what}".encode()).hexdigest()


def kind_of(urn: str) -> str:
    """The resource's own type; a URN names its parents' types before it."""
    return urn.split("::")[2].rpartition("$")[2]


def digest(build: dict[str, Any]) -> str:
    """What a build reads: its context, its Dockerfile, its arguments."""
    found = hashlib.sha256(repr(sorted((build.get("args") or {}).items())).encode())
    context = Path(build["context"])
    files = sorted(path for path in context.rglob("*") if path.is_file())
    for name, path in [("", Path(build["dockerfile"])), *((str(path.relative_to(context)), path) for path in files)]:
        found.update(repr((name, os.access(path, os.X_OK), path.read_bytes())).encode())
    return found.hexdigest()


class Answers(Provider):
    """Any package's resources, as their inputs foretell them."""

    async def check(self, request: CheckRequest) -> CheckResponse:
        """A container without a name gets one, an image the digest of what it is built from."""
        inputs = dict(request.new_inputs)
        kind = kind_of(request.urn)
        if kind == CONTAINER:
            inputs.setdefault("name", PropertyValue(f"{request.name}-0000000"))
        if kind == BUILT_IMAGE:
            inputs["contextDigest"] = PropertyValue(digest(_plain(inputs["build"])))
        return CheckResponse(inputs=inputs)

    async def create(self, request: CreateRequest) -> CreateResponse:
        """What the program reads of a resource."""
        inputs, kind = request.properties, kind_of(request.urn)
        outputs: dict[str, PropertyValue] = {}
        if kind == BUILT_IMAGE:
            outputs["repoDigest"] = PropertyValue(f"sha256:{made_up(_text(inputs['contextDigest']))}")
        elif kind == FOUND_IMAGE:
            name = _text(inputs["name"])
            outputs["imageId"] = PropertyValue(f"sha256:{made_up(name)}")
            outputs["repoDigest"] = PropertyValue(name if "@" in name else f"{name}@sha256:{made_up(name)}")
        elif kind == PASSWORD:
            outputs["result"] = PropertyValue(made_up(request.name), is_secret=True)
        return CreateResponse(resource_id=f"{request.name}-id", properties={**inputs, **outputs})


def _plain(value: PropertyValue) -> Any:
    if isinstance(value.value, Mapping):
        return {key: _plain(item) for key, item in value.value.items()}
    return value.value


def _text(value: PropertyValue) -> str:
    return str(value.value)


if __name__ == "__main__":
    main(sys.argv[1:], "999.0.0", Answers())

"""Images of services that a pipeline builds: what there is to build, and how a stack comes to run it."""

import json
import re
from pathlib import Path

from components.workspace import slice_workspace
from config import Platform
from config.service import Build
from ops.answers import digest
from ops.stack import OperationError


def matrix(platform: Platform) -> str:
    """The services as the jobs of a matrix; `content` changes when something that one is built from does."""
    builds = {service.name: service.build for service in platform.services.values() if service.build}
    return json.dumps({"include": [_job(name, build, platform) for name, build in builds.items()]})


def _job(name: str, build: Build, platform: Platform) -> dict[str, str]:
    arguments = {"NODE_IMAGE": platform.images.reference("node"), "SERVICE": build.folder}
    context = slice_workspace(build.workspace, build.folder)
    return {
        "service": name,
        "context": build.workspace,
        "dockerfile": build.dockerfile,
        "platform": f"linux/{platform.host.architecture}",
        "arguments": "\n".join(f"{key}={value}" for key, value in arguments.items()),
        "content": digest({"context": context, "dockerfile": build.dockerfile, "args": arguments}),
    }


def pin(stack_file: Path, references: list[str]) -> None:
    """Let a stack's file name these images instead of earlier ones of the same services."""
    text = stack_file.read_text()
    for reference in references:
        found = re.fullmatch(r"[a-z0-9.:/_-]+/([a-z0-9-]+)@sha256:[0-9a-f]{64}", reference)
        if not found:
            raise OperationError(f"{reference} is no image of a registry by digest")
        text, count = re.subn(
            rf"^( +image: )\S+/{found[1]}@sha256:[0-9a-f]{{64}}$", rf"\g<1>{reference}", text, flags=re.MULTILINE
        )
        if count != 1:
            raise OperationError(
                f"{stack_file.name} names an image of {found[1]} {count} times: once, under `services`"
            )
    stack_file.write_text(text)

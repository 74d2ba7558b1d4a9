"""The same bytes from one stack to the next: images that another stack runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi import Output, Resource

from config import Platform


class Promotion:
    """The images of the release that another stack runs, by service; `checked` fails if it runs another one.

    A stack that was promoted stays deployable when the other one has moved on: it goes on with the images that it has.
    """

    images: dict[str, Output[str]]
    checked: Output[Sequence[Resource]]

    def __init__(self, platform: Platform) -> None:
        self.images, self.checked = {}, Output.from_input([])
        if platform.promotion is None:
            return
        source, release = platform.promotion.source, platform.promotion.release
        other, own = (
            pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}")
            for stack in (source, platform.stack)
        )
        wanted = [service.name for service in platform.services.values() if service.image is None]
        proved = Output.all(other.outputs, own.outputs).apply(
            lambda known: _proved(known[0], known[1], source, release, wanted)
        )
        self.images = {name: proved[name] for name in wanted}
        self.checked = proved.apply(lambda _: [other])
        pulumi.export("promoted", {"release": release, "images": proved})


def _proved(
    other: Mapping[str, Any], own: Mapping[str, Any], source: str, release: str, wanted: Sequence[str]
) -> dict[str, str]:
    """The images of a release that passed every gate of its stack."""
    promoted, live = own.get("promoted") or {}, (other.get("release") or {}).get("id", "nothing")
    if release == promoted.get("release"):
        images = promoted["images"]
    elif release == live:
        images = other["images"]
    else:
        raise pulumi.RunError(
            f"{source} runs {live}, not {release}, which it has not passed or has left: nothing was changed"
        )
    if missing := [name for name in wanted if "@sha256:" not in images.get(name, "")]:
        raise pulumi.RunError(
            f"{source}'s {release} has no image by digest of {', '.join(missing)}: nothing was changed"
        )
    return {name: images[name] for name in wanted}

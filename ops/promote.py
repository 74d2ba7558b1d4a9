"""The next stack's file names the release that this one has proved."""

import json
from typing import Any

from ops.stack import OperationError, Stack


def promote(stack: Stack) -> str:
    """Write the release that runs where the stack's releases come from into its file; what to do next."""
    promotion = stack.platform.promotion
    if promotion is None:
        raise OperationError(f"{stack.file.name} has no `a4co:promotion`: it says from which stack releases come")
    source = Stack(promotion.source)
    live: dict[str, Any] | None = json.loads(source.asked("stack", "output", "--json")).get("release")
    if not live:
        raise OperationError(f"nothing was released to {source.name} yet: nothing was changed")
    if live["id"] == promotion.release:
        return f"{stack.file.name} names {promotion.release} already\n"
    stack.asked("config", "set", "--path", "a4co:promotion.release", live["id"])
    return (
        f"{stack.file.name}: {promotion.release} → {live['id']} "
        f"(since {live['when']} in {source.name}, commit {live['commit']})\n"
        f"next: python -m ops preview {stack.name}, then commit it\n"
    )

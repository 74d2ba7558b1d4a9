"""What runs on a stack's host, and how it does."""

import json
from typing import Any

from ops.releases import known
from ops.stack import Stack
from ops.table import table

_ASK = """\
ids=$(docker ps --all --quiet --filter "label=a4co.stack=$1")
test -n "$ids" || exit 0
docker inspect --format '{{json .}}' $ids
docker stats --no-stream --no-trunc --format '{"stats":{{json .}}}' $ids
"""


def status(stack: Stack) -> str:
    """The live release, and every container with health, restarts, and use against its limits."""
    found = [json.loads(line) for line in stack.on_host(_ASK, stack.name).splitlines()]
    used = {entry["stats"]["ID"]: entry["stats"] for entry in found if "stats" in entry}
    rows = sorted(_row(entry, used.get(entry["Id"], {})) for entry in found if "Id" in entry)
    releases = known(stack)
    live = f"live: {releases[0]}" if releases else "nothing was released yet"
    head = ["container", "state", "restarts", "since", "CPU", "of", "memory", "of", "processes", "of"]
    return f"{stack.name}, {stack.platform.host.address}\n{live}\n\n" + (
        table(head, rows) if rows else "no container\n"
    )


def _row(container: dict[str, Any], used: dict[str, str]) -> list[str]:
    state, host = container["State"], container["HostConfig"]
    health = (state.get("Health") or {}).get("Status", "")
    memory = used.get("MemUsage", "-").partition(" / ")
    return [
        container["Name"].lstrip("/"),
        health if state["Status"] == "running" and health else state["Status"],
        str(container["RestartCount"]),
        state["StartedAt"][:19] + "Z",
        used.get("CPUPerc", "-"),
        f"{host['NanoCpus'] / 1e7:.0f}%",
        memory[0],
        f"{host['Memory'] >> 20}MiB",
        used.get("PIDs", "-"),
        str(host["PidsLimit"]),
    ]

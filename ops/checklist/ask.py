"""All questions in two scripts, one that runs here and one on the host: one that fails spoils no other."""

import base64
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from config.load import ROOT
from config.platform import Platform
from ops.checklist.item import Item
from ops.stack import OperationError, Stack

MISSING = 127  # the exit status that says: the command is not there
_FLOOD = 1000  # requests that the checklist makes at most to be refused
_ASK = """\
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
ask() { # NUMBER COMMAND: one line with number, exit status, and what was said
    answer=$(timeout 120 bash -e -o pipefail -c "$2" 2>"$errors" </dev/null)
    status=$?
    test $status = 0 || answer="$answer $(tail -n 3 "$errors")"
    echo "$1 $status $(base64 -w 0 <<<"$answer")"
}
"""


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    status: int
    text: str


def facts(platform: Platform) -> dict[str, str]:
    """What the commands know of the stack, as variables; one that is empty says that there is no such thing."""
    edge, host, services = platform.edge, platform.host, platform.services.values()
    routes = sorted(
        ((getattr(edge.rates, route.zone), route) for service in services for route in service.routes),
        key=lambda pair: pair[0].burst + pair[0].per_second,
    )
    flood = routes[0][0].burst + 5 * routes[0][0].per_second + 10 if routes else 0
    name = edge.hosts[0] if edge.hosts else host.address
    replicas = {"postgres": 1, "nats": 1, "redis": 1, "nginx": 1, **{one.name: one.replicas for one in services}}
    return {
        "stack": platform.stack,
        "prefix": platform.prefix,
        "folder": platform.directory,
        "user": host.user,
        "address": host.address,
        "ssh_port": str(host.port),
        "cpus": f"{host.cpus:g}",
        "memory": str(host.memory),
        "name": name,
        "hosts": " ".join(edge.hosts),
        "http": f"http://{name}:{host.http_port}",
        "https": f"https://{name}:{host.https_port}",
        "https_port": str(host.https_port),
        "published": f"{edge.http_port} {edge.https_port}",
        "acme": "yes" if edge.tls.acme else "",
        "ipv6": "yes" if platform.networks.ipv6 else "",
        "origin": next(iter(edge.cors_origins), ""),
        "open": next((route.path for _, route in routes if route.zone != "general"), ""),
        "routes": " ".join(route.path for _, route in routes),
        "limited": routes[0][1].path if routes else "",
        "flood": str(flood) if 0 < flood <= _FLOOD else "",
        "subnets": " ".join(str(getattr(platform.networks, part).subnet) for part in ("frontend", "backend", "data")),
        "components": " ".join(f"{name}:{number}" for name, number in replicas.items()),
        "services": " ".join(platform.services),
        "ports": " ".join(sorted({str(one.port) for one in services if "backend" in one.networks})),
        "inner": " ".join(one.name for one in services if "frontend" not in one.networks),
        "inner_urls": " ".join(
            f"{one.name}:{one.port}{one.health.path}" for one in services if "backend" in one.networks
        ),
        "egress": " ".join(one.name for one in services if one.egress),
        "databases": " ".join(one.database for one in services if one.database),
        "nats": " ".join(one.name for one in services if one.nats),
        "redis": " ".join(one.name for one in services if one.redis),
    }


def ask(stack: Stack, items: Iterable[Item]) -> dict[str, Answer]:
    """The answers to all items' commands, by command; those of the host while those here are found."""
    commands = {
        place: list(dict.fromkeys(item.command for item in items if item.command and item.place == place))
        for place in ("here", "host")
    }
    known = facts(stack.platform)
    with ThreadPoolExecutor() as pool:
        here = pool.submit(_ask, _here, "here", commands["here"], known)
        return _ask(stack.on_host, "host", commands["host"], known) | here.result()


def _here(script: str) -> str:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        ["bash", "-s"],
        input=script,
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OperationError(done.stderr.strip())
    return done.stdout


def _ask(run: Callable[[str], str], place: str, commands: list[str], known: Mapping[str, str]) -> dict[str, Answer]:
    functions = Path(__file__).with_name(f"{place}.sh").read_text()
    lines = ["set -a", *(f"{name}={shlex.quote(value)}" for name, value in known.items()), functions, "set +a", _ASK]
    lines += [f"ask {number} {shlex.quote(command)}" for number, command in enumerate(commands)]
    try:
        said = [line.split(" ") for line in run("\n".join([*lines, "exit 0"])).splitlines()]
    except OperationError as error:
        return dict.fromkeys(commands, Answer(1, str(error)))
    return {
        commands[int(number)]: Answer(int(status), base64.b64decode(text).decode(errors="replace").strip())
        for number, status, text in said
    }

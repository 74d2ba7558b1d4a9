"""What no stack may have: each rule is a sentence, and a function that finds what breaks it."""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.answers import BUILT_IMAGE, CONTAINER, FOUND_IMAGE
from ops.plan import COMMAND, NETWORK, ROOT, VOLUME, Plan, Resource, plan

_SERVERS = {"postgres", "nats", "redis", "nginx", "node", "lego"}  # and those that others run on
_ONE_SHOT = ("--cap-drop ALL", "--security-opt no-new-privileges", "--read-only", "--memory ", "--pids-limit ")

Found = Iterator[str]


@dataclass(frozen=True)
class Rule:
    """One rule: its name, why it is one, and what of a plan breaks it. A `warning` stops nothing."""

    name: str
    why: str
    broken: Callable[[Plan], Found]
    warning: bool = False


@dataclass(frozen=True)
class Breach:
    """One resource that breaks a rule."""

    rule: Rule
    what: str

    def __str__(self) -> str:
        return f"{'warning' if self.rule.warning else 'error'}: {self.rule.name}: {self.what} ({self.rule.why})"


def check(stack: str) -> tuple[str, bool]:
    """What of a stack breaks a rule; and whether that is at most a warning."""
    breaches = judge(plan(ROOT, stack))
    text = "".join(f"{breach}\n" for breach in breaches) + f"{stack}: {kept(breaches)}\n"
    return text, is_kept(breaches)


def is_kept(breaches: list[Breach]) -> bool:
    """Whether nothing more than a warning was found."""
    return all(breach.rule.warning for breach in breaches)


def kept(breaches: list[Breach]) -> str:
    """How many rules are kept."""
    return f"{len(RULES) - len({breach.rule.name for breach in breaches})} of {len(RULES)} rules of the policy are kept"


def judge(plan: Plan) -> list[Breach]:
    """Everything in the plan that breaks a rule."""
    return [Breach(rule, what) for rule in RULES for what in rule.broken(plan)]


def _digests(plan: Plan) -> Found:
    if plan.environment == "development":
        return
    for image in plan.of_kind(BUILT_IMAGE):
        yield f"{image.name} is built on the host: give its `image` by digest"
    for image in _found_images(plan, servers=False):
        yield f"{image.name} is {image.inputs['name']}: add @sha256:…"


def _server_digests(plan: Plan) -> Found:
    if plan.environment == "production":
        for image in _found_images(plan, servers=True):
            yield f"{image.name} is {image.inputs['name']}: add @sha256:… under `images`"


def _found_images(plan: Plan, *, servers: bool) -> list[Resource]:
    """Images that are named by a tag alone."""
    found = [image for image in plan.of_kind(FOUND_IMAGE) if "@sha256:" not in image.inputs["name"]]
    return [
        image
        for image in sorted(found, key=lambda image: image.name)
        if (image.name.removesuffix("-image") in _SERVERS) is servers
    ]


def _limits(plan: Plan) -> Found:
    for container in plan.of_kind(CONTAINER):
        given = container.inputs
        if not (given.get("memory", 0) > 0 and float(given.get("cpus", 0)) > 0):
            yield f"{container.name} has no limit of memory and processors"
        elif given.get("memorySwap") != given["memory"]:
            yield f"{container.name} may swap"


def _log_rotation(plan: Plan) -> Found:
    for container in plan.of_kind(CONTAINER):
        if not {"max-size", "max-file"} <= (container.inputs.get("logOpts") or {}).keys():
            yield container.name


def _health_check(plan: Plan) -> Found:
    for container in plan.of_kind(CONTAINER):
        if (container.inputs.get("healthcheck") or {}).get("tests", ["NONE"])[:1] == ["NONE"]:
            yield container.name


def _inner_networks(plan: Plan) -> Found:
    internal = {network.inputs["name"] for network in plan.of_kind(NETWORK) if network.inputs.get("internal")}
    for container in plan.of_kind(CONTAINER):
        networks = {network["name"] for network in container.inputs.get("networksAdvanced") or [{"name": "bridge"}]}
        holds = any(mount["type"] == "volume" for mount in _mounts(container))
        reaches = any(network.endswith("data-net") for network in networks)
        if (holds or reaches) and not networks <= internal:
            yield f"{container.name} is on {', '.join(sorted(networks - internal))}"


def _ports(plan: Plan) -> Found:
    for container in plan.of_kind(CONTAINER):
        if container.inputs.get("ports") and _component(container) != "nginx":
            yield container.name


def _isolation(plan: Plan) -> Found:
    for container in plan.of_kind(CONTAINER):
        given = container.inputs
        loosened = [key for key in ("privileged", "devices", "hostPaths") if given.get(key)]
        loosened += [
            f"{key}: host" for key in ("networkMode", "pidMode", "ipcMode", "usernsMode") if given.get(key) == "host"
        ]
        loosened += [option for option in given.get("securityOpts") or [] if option.endswith("unconfined")]
        if loosened:
            yield f"{container.name}: {', '.join(loosened)}"


def _docker_socket(plan: Plan) -> Found:
    for container in plan.of_kind(CONTAINER):
        if any("docker.sock" in json.dumps(container.inputs.get(key)) for key in ("mounts", "volumes")):
            yield container.name


def _read_only(plan: Plan) -> Found:
    for container in plan.of_kind(CONTAINER):
        if not container.inputs.get("readOnly"):
            yield container.name


def _capabilities(plan: Plan) -> Found:
    for container in plan.of_kind(CONTAINER):
        given = container.inputs.get("capabilities") or {}
        if given.get("drops") != ["ALL"]:
            yield f"{container.name} does not drop all"
        elif given.get("adds"):
            yield f"{container.name} adds {', '.join(given['adds'])}"


def _privileges(plan: Plan) -> Found:
    for container in plan.of_kind(CONTAINER):
        user = str(container.inputs.get("user", "0")).partition(":")[0]
        if user in ("", "0", "root"):
            yield f"{container.name} runs as root"
        if "no-new-privileges:true" not in (container.inputs.get("securityOpts") or []):
            yield f"{container.name} may gain privileges"


def _one_shot(plan: Plan) -> Found:
    for command in plan.of_kind(COMMAND):
        script = command.inputs.get("create") or ""
        if "docker run" not in script:
            continue
        missing = [option.strip() for option in _ONE_SHOT if option not in script]
        loosened = [word for word in ("--privileged", "docker.sock", "unconfined") if word in script]
        if missing or loosened:
            yield f"{command.name}: {', '.join([f'without {option}' for option in missing] + loosened)}"


def _volumes(plan: Plan) -> Found:
    for volume in plan.of_kind(VOLUME):
        if not volume.retained:
            yield f"{volume.name} would be deleted with its stack"
        if plan.environment != "development" and not volume.protected:
            yield f"{volume.name} is not protected"


def _secrets(plan: Plan) -> Found:
    for resource in plan.resources.values():
        for field, value in resource.clear.items():
            texts = [str(value), _decoded(str(value))]
            if any(secret in text for secret in plan.secrets for text in texts):
                yield f"{resource.name}: {field}"


def _decoded(text: str) -> str:
    """What a bundle says; nothing if the text is none."""
    try:
        return base64.b64decode(text).decode(errors="replace")
    except binascii.Error:
        return ""


def _mounts(container: Resource) -> list[Mapping[str, Any]]:
    return container.inputs.get("mounts") or []


def _component(container: Resource) -> str:
    labels = {label["label"]: label["value"] for label in container.inputs.get("labels") or []}
    return str(labels.get("a4co.component"))


RULES = [
    Rule("images by digest", "what was tested is what runs", _digests),
    Rule("servers by digest", "a moved tag can bring another Debian, and sorting", _server_digests, warning=True),
    Rule("limits", "one container must not take the host from the others", _limits),
    Rule("log rotation", "logs fill the disk", _log_rotation),
    Rule("health check", "a release moves traffic to healthy containers alone", _health_check),
    Rule("data on internal networks", "what holds or reads data has no way out but a proxy's list", _inner_networks),
    Rule("published ports", "nginx alone is the edge: Docker publishes past the host's firewall", _ports),
    Rule("isolation", "a container is no part of the host", _isolation),
    Rule("no Docker socket", "who holds it is root on the host", _docker_socket),
    Rule("read-only root", "what breaks in can't stay", _read_only),
    Rule("no capabilities", "no process needs any", _capabilities),
    Rule("no privileges", "no process is root, or becomes it", _privileges),
    Rule("one-shot containers", "what runs once is held to the same", _one_shot),
    Rule("kept volumes", "data outlives its stack", _volumes),
    Rule("secrets are secret", "a secret in clear is in the state, the log and `docker inspect`", _secrets),
]  # fmt: skip

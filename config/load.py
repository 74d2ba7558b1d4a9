"""From a stack's configuration to a `Platform`, with every mistake in one report."""

from pathlib import Path
from typing import Any

import pulumi
import yaml
from pydantic import ValidationError

from config.platform import Platform

ROOT = Path(__file__).parent.parent
SECTIONS = ("images", "networks", "postgres", "nats", "redis", "edge", "logLevel", "protectData")


class ConfigurationError(pulumi.RunError):
    """The stack file can't be deployed; the message says what to change. Nothing was touched."""


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`base` with `change` laid over it: maps key by key, anything else replaced."""
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _host(section: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The host's settings, and image references that come with it; `file` names a file that has them."""
    if "file" not in section:
        return section, {}
    path = ROOT / section["file"]
    if not path.is_file():
        raise ConfigurationError(f"a4co:host: {section['file']} is missing: `make up` starts the lab and writes it")
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return {k: v for k, v in found.items() if k != "images"}, found.get("images", {})


def build(stack: str, sections: dict[str, Any]) -> Platform:
    """Validate one stack's raw sections (as in the stack file, without the `a4co:` prefix)."""
    host, images = _host(sections.get("host") or {})
    catalogue = yaml.safe_load((ROOT / "config" / "catalogue.yaml").read_text())
    services = merge(catalogue, sections.get("services") or {})
    raw = {key: sections[key] for key in SECTIONS if sections.get(key) is not None}
    raw["images"] = merge(images, raw.get("images", {}))
    raw["services"] = [{"name": name, **entry} for name, entry in services.items()]
    try:
        return Platform.model_validate({"stack": stack, "host": host, **raw})
    except ValidationError as error:
        names = list(services)
        lines = [_line(problem, names) for problem in error.errors()]
        report = "\n".join(f"  - {line}" for line in lines)
        raise ConfigurationError(f"Pulumi.{stack}.yaml has {len(lines)} mistake(s):\n{report}") from None


def _line(problem: Any, services: list[str]) -> str:
    """One mistake: where it is in the stack file, what is wrong, and the value."""
    where = list(problem["loc"])
    if len(where) > 1 and where[0] == "services" and isinstance(where[1], int):
        where[1] = services[where[1]]
    path = ".".join(str(part) for part in where) or "the stack"
    value = problem["input"]
    shown = f" (it is {value!r})" if isinstance(value, str | int | float) else ""
    return f"{path}: {problem['msg'].removeprefix('Value error, ')}{shown}"


def load() -> Platform:
    """The platform that the current stack's configuration describes."""
    config = pulumi.Config()
    sections: dict[str, Any] = {
        key: config.get_object(key) for key in ("host", "services", *SECTIONS) if key != "logLevel"
    }
    sections["logLevel"] = config.get("logLevel")
    return build(pulumi.get_stack(), sections)


def secrets(platform: Platform) -> dict[str, pulumi.Output[str]]:
    """The secrets that operators have set, by key; one that is required and missing is an error."""
    config = pulumi.Config()
    found: dict[str, pulumi.Output[str]] = {}
    for service in platform.services:
        for secret in service.secrets.values():
            value = config.get_secret(secret.config) if secret.config else None
            if secret.config and value is not None:
                found[secret.config] = value
            elif secret.config and not secret.optional:
                way_out = f"pulumi config set --secret --stack {platform.stack} {secret.config}"
                raise ConfigurationError(f"{service.name} needs a secret: {way_out}")
    return found

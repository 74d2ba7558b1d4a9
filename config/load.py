"""From a stack's configuration to a `Platform`, with every mistake in one report."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from config.checks import Problem, check
from config.platform import Platform

ROOT = Path(__file__).parent.parent
_STAND_IN_HOST = {"address": "0.0.0.0", "hostKey": "ssh-ed25519 AAAA"}  # noqa: S104 - never contacted


class ConfigurationError(Exception):
    """The stack file can't be deployed; the message says all that is wrong with it. Nothing was touched."""


@dataclass(frozen=True)
class Loaded:
    """A stack that can be deployed, and what about it is worth a second look."""

    platform: Platform
    warnings: list[Problem]


def read(stack: str) -> Loaded:
    """The stack that a file of the project describes."""
    path = ROOT / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        raise ConfigurationError(f"{path.name} is missing; there are {', '.join(stacks())}")
    try:
        values: dict[str, Any] = (yaml.safe_load(path.read_text()) or {}).get("config") or {}
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path.name} is no YAML: {error}") from None
    own = {key.removeprefix("a4co:"): value for key, value in values.items() if key.startswith("a4co:")}
    secret = frozenset(key for key, value in own.items() if isinstance(value, dict) and set(value) == {"secure"})
    return build(stack, own, secret=secret)


def shipped() -> Platform:
    """The catalogue with the default of every setting."""
    return build("default", {"host": _STAND_IN_HOST, "environment": "development"}).platform


def stacks() -> list[str]:
    """Every stack that has a file."""
    return sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml"))


def build(stack: str, sections: dict[str, Any], *, secret: frozenset[str] = frozenset()) -> Loaded:
    """Validate one stack's sections: the keys of its file without `a4co:`. `secret` are those set with `--secret`."""
    raw, problems = _raw(sections)
    raw["stack"] = stack
    platform, wrong = _validate(raw)
    problems += wrong
    found = check(platform, complete=not wrong) if platform else []
    if platform:
        problems += _secret_keys(platform, sections, secret, complete=not wrong)
    problems += [problem for problem in found if not problem.warning]
    if problems or platform is None:
        report = "\n".join(f"  - {problem}" for problem in problems)
        raise ConfigurationError(f"Pulumi.{stack}.yaml: {len(problems)} mistake(s), nothing was changed\n{report}")
    return Loaded(platform, [problem for problem in found if problem.warning])


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`base` with `change` laid over it: maps key by key, anything else replaced."""
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _raw(sections: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The sections that the models describe, with the catalogue under `services` and the host's file read."""
    known = {field.alias for field in Platform.model_fields.values()} - {"stack"}
    raw = {key: value for key, value in sections.items() if key in known}
    problems: list[Problem] = []
    host = raw.get("host")
    if isinstance(host, dict) and "file" in host:
        path = ROOT / str(host["file"])
        if path.is_file():
            found: dict[str, Any] = yaml.safe_load(path.read_text())
            raw["images"] = merge(found.pop("images", {}), raw.get("images", {}))
            raw["host"] = merge(found, {key: value for key, value in host.items() if key != "file"})
        else:
            problems.append(Problem("host.file", f"{host['file']} is missing: `make up` starts the lab and writes it"))
            raw["host"] = _STAND_IN_HOST
    services = raw.get("services", {})
    catalogue = ROOT / str(raw.get("catalogue", Platform.model_fields["catalogue"].default))
    if catalogue.is_file():
        entries: dict[str, Any] = yaml.safe_load(catalogue.read_text()) or {}
        raw["services"] = merge(entries, services) if isinstance(services, dict) else services
    else:
        problems.append(Problem("catalogue", f"{raw['catalogue']} is missing: name a file of the project"))
        raw["services"] = services
    return raw, problems


def _validate(raw: dict[str, Any]) -> tuple[Platform | None, list[Problem]]:
    """The platform and its wrong fields; sections that have any are left out, so that the rest can be checked."""
    try:
        return Platform.model_validate(raw), []
    except ValidationError as error:
        wrong = error.errors()
    rest = {**raw, "services": dict(raw["services"]) if isinstance(raw["services"], dict) else {}}
    for place in {problem["loc"][:2] if problem["loc"][0] == "services" else problem["loc"][:1] for problem in wrong}:
        if len(place) == 2:
            rest["services"].pop(place[1], None)
        elif place != ("services",):
            rest.pop(str(place[0]), None)
    rest.setdefault("host", _STAND_IN_HOST)
    try:
        platform = Platform.model_validate(rest)
    except ValidationError:
        platform = None
    return platform, [_problem(problem) for problem in wrong]


def _problem(error: Any) -> Problem:
    """One wrong field: where it is, what is wrong, the value, and for a misspelt key the nearest known one."""
    where = [str(part) for part in error["loc"] if part != "[key]"]
    if error["type"] == "extra_forbidden":
        return _unknown_key(where, _keys_at(error["loc"][:-1]))
    reason = error["msg"].removeprefix("Value error, ")
    value = error["input"]
    shown = f" (it is {value!r})" if isinstance(value, str | int | float) and repr(value) not in reason else ""
    return Problem(".".join(where), reason + shown)


def _unknown_key(where: list[str], known: list[str]) -> Problem:
    near = difflib.get_close_matches(where[-1], known, n=1)
    way_out = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
    return Problem(".".join(where), f"is not a known key; {way_out}")


def _keys_at(place: tuple[Any, ...]) -> list[str]:
    """The keys that the model at a place in the stack file knows."""
    model: Any = Platform
    for part in place:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = next((f.annotation for f in model.model_fields.values() if f.alias == part), None)
        else:  # a map's key or a list's index
            model = next((a for a in get_args(model) if isinstance(a, type) and issubclass(a, BaseModel)), None)
        choices = [a for a in get_args(model) if isinstance(a, type) and issubclass(a, BaseModel)]
        if type(None) in get_args(model) and choices:
            model = choices[0]
    return [f.alias or name for name, f in model.model_fields.items() if name not in ("name", "stack")] if model else []


def _secret_keys(
    platform: Platform, sections: dict[str, Any], secret: frozenset[str], *, complete: bool
) -> list[Problem]:
    """Keys that belong to no section are secrets of a service, or mistakes; a secret is never written in clear."""
    known = [str(field.alias) for field in Platform.model_fields.values() if field.alias != "stack"]
    problems: list[Problem] = []
    for key in sections:
        if key in platform.secret_keys and key not in secret:
            problems.append(Problem(key, f"is written in clear: `pulumi config set --secret {key}` encrypts it"))
        elif key not in known and key not in platform.secret_keys and complete:
            problems.append(_unknown_key([key], [*known, *platform.secret_keys]))
    return problems

"""The current stack's configuration, as the engine gives it to the program."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime import config as runtime

from config.load import ConfigurationError, build
from config.platform import Platform

_EXAMPLES = ("changeme", "change-me", "example", "password", "placeholder", "sk_test", "your-", "your_")
_SHORTEST = 16


def load() -> Platform:
    """The platform that the stack describes; warnings go to the terminal and the pull request."""
    settings = {**runtime.get_config_env(), **runtime.CONFIG.get()}
    own = {key.removeprefix("a4co:"): value for key, value in settings.items() if key.startswith("a4co:")}
    secret = frozenset(key for key in own if runtime.is_config_secret(f"a4co:{key}"))
    try:
        loaded = build(pulumi.get_stack(), {key: _parsed(value) for key, value in own.items()}, secret=secret)
    except ConfigurationError as error:
        raise pulumi.RunError(str(error)) from None
    for warning in loaded.warnings:
        pulumi.log.warn(str(warning))
    return loaded.platform


def secrets(platform: Platform) -> dict[str, pulumi.Output[str]]:
    """The secrets that operators have set, by key. A preview makes do without; a deployment does not."""
    config = pulumi.Config()
    values = {key: value for key in platform.secret_keys if (value := config.get(key)) is not None}
    problems = [
        f"{key} is not set, needed by {' and '.join(users)}: pulumi config set --secret --stack {platform.stack} {key}"
        for key, users in platform.secret_keys.items()
        if key not in values and (platform.environment == "production" or not _optional(platform, key))
    ]
    if problems and pulumi.runtime.is_dry_run():
        for problem in problems:
            pulumi.log.warn(problem)
    weak = weaknesses(values) if platform.environment == "production" else []
    if weak or (problems and not pulumi.runtime.is_dry_run()):
        lines = "\n".join(f"  - {line}" for line in [*problems, *weak])
        raise pulumi.RunError(f"the secrets of {platform.stack} can't be deployed, nothing was changed\n{lines}")
    return {key: pulumi.Output.secret(value) for key, value in values.items()}


def weaknesses(values: Mapping[str, str]) -> list[str]:
    """What is wrong with the secrets that operators chose, without a word of what they are."""
    problems: list[str] = []
    for key, value in values.items():
        if len(value) < _SHORTEST:
            problems.append(f"{key} has {len(value)} characters: {_SHORTEST} at least")
        elif any(example in value.lower() for example in _EXAMPLES) or len(set(value)) < _SHORTEST // 2:
            problems.append(f"{key} looks like an example or can be guessed: set the real one")
        problems += [f"{key} is the same as {other}" for other in values if other < key and values[other] == value]
    return problems


def _optional(platform: Platform, key: str) -> bool:
    """Whether services name the secret, and every one of them can do without."""
    used = [s for service in platform.services.values() for s in service.secrets.values() if s.config == key]
    return bool(used) and all(secret.optional for secret in used)


def _parsed(value: Any) -> Any:
    """A section as the stack file has it; the engine passes maps and lists as JSON."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        return json.loads(value)
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value

"""A stack's settings as they are kept with a release: to tell two releases apart, and to return to one."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from config.platform import Platform

# What a release does not carry with it: where it goes, where its images come from, how its past is kept; and passwords,
# of which old ones are void.
_NOT_KEPT = {"stack", "host", "catalogue", "registry", "promotion", "rotations", "protect_data", "kept_releases"}


def recorded(platform: Platform) -> dict[str, Any]:
    """Every setting, defaults included, as a stack's file would have it; `services` is a whole catalogue."""
    sections = platform.model_dump(mode="json", by_alias=True, exclude=_NOT_KEPT)
    for entry in sections["services"].values():
        del entry["name"]
    del sections["edge"]["tls"]  # an old certificate has ended, and today's key fits today's alone
    return sections


def restored(current: Mapping[str, Any], sections: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a stack's file with recorded sections; what a release does not carry stays."""
    fields = Platform.model_fields
    replaced = {f"a4co:{field.alias}" for name, field in fields.items() if name not in _NOT_KEPT - {"promotion"}}
    kept = {key: value for key, value in current.items() if key not in replaced}
    config = kept | {f"a4co:{key}": value for key, value in sections.items() if value is not None}
    if tls := current.get("a4co:edge", {}).get("tls"):
        config["a4co:edge"] = {**config.get("a4co:edge", {}), "tls": tls}
    return config


def fingerprints(platform: Platform) -> dict[str, str]:
    """A short hash of each section's settings and of each service's, images left out."""
    sections = recorded(platform)
    services: dict[str, dict[str, Any]] = sections.pop("services")
    sections.pop("images")
    parts = sections | {
        name: {key: value for key, value in entry.items() if key not in ("image", "build")}
        for name, entry in services.items()
    }
    return {name: _short_hash(value) for name, value in sorted(parts.items())}


def _short_hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]

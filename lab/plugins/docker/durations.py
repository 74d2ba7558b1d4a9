"""Go's durations ("1m30s"), the form in which the provider takes and gives back times."""

from __future__ import annotations

import re

_UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def parse(text: str) -> int:
    """The duration in nanoseconds."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    parts = list(_PART.finditer(rest))
    if not parts or "".join(part.group() for part in parts) != rest:
        raise ValueError(f"invalid duration {text!r}")
    return sign * sum(round(float(part.group(1)) * _UNITS_NS[part.group(2)]) for part in parts)


def canonical(nanoseconds: int) -> str:
    """The one spelling that Go prints: "60s" becomes "1m0s"."""
    if nanoseconds == 0:
        return "0s"
    for unit in ("ns", "µs", "ms"):
        if nanoseconds < _UNITS_NS[{"ns": "µs", "µs": "ms", "ms": "s"}[unit]]:
            return f"{_decimal(nanoseconds, _UNITS_NS[unit])}{unit}"
    hours, rest = divmod(nanoseconds, _UNITS_NS["h"])
    minutes, rest = divmod(rest, _UNITS_NS["m"])
    seconds = f"{_decimal(rest, _UNITS_NS['s'])}s"
    return f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = len(str(unit)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".") if rest else str(whole)

"""The rules that every bridged provider shares: defaults, automatic names, and what counts as a change.

A resource is described by a table of fields. The program's inputs (`news`) are compared with the resource's *state*,
not with its old inputs: what a refresh or a create read back from the host counts.
"""

# ruff: noqa: D102  -- the protocol names these methods and says what they do
from __future__ import annotations

import difflib
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from lab.plugins.provider import REPLACING, Change, Checked, Detailed, Kind, Named, ProviderError
from lab.plugins.wire import DEFAULTS, UNKNOWN, Properties, has_unknown

Scalar = Literal["string", "int", "bool"]


@dataclass(frozen=True, slots=True)
class Field:
    """One property. `computed`: the host decides when the program does not say. `output`: never an input."""

    kind: Scalar | Literal["map", "list", "set", "object"] = "string"
    fields: Mapping[str, Field] | None = None
    required: bool = False
    replace: bool = False
    computed: bool = False
    output: bool = False
    default: Any = None
    auto_name: bool = False
    same: Callable[[Any, Any], bool] | None = None
    check: Callable[[Any], str | None] | None = None


Fields = Mapping[str, Field]


def check(fields: Fields, who: Named, olds: Properties, news: Properties) -> Checked:
    """The inputs with their defaults, an automatic name where none was given, and what is wrong."""
    failures: dict[str, str] = {}
    inputs = _with_defaults(fields, "", olds, news, failures)
    for key, field in fields.items():
        if field.auto_name and key not in inputs:
            kept = olds.get(key) if key in olds.get(DEFAULTS, [key]) else None
            inputs[key] = kept or who.proposed or auto_name(who)
            inputs[DEFAULTS] = sorted([*inputs[DEFAULTS], key])
            failures.pop(key, None)
    return Checked(inputs=inputs, failures=failures)


def auto_name(who: Named) -> str:
    """The logical name and seven digits; the same for the same seed."""
    suffix = hashlib.sha256(who.seed).hexdigest() if who.seed else secrets.token_hex(4)
    return f"{who.name}-{suffix[:7]}"


def _with_defaults(fields: Fields, path: str, olds: Any, news: Properties, failures: dict[str, str]) -> Properties:
    olds = olds if isinstance(olds, dict) else {}
    old_defaults = olds.get(DEFAULTS)
    result: Properties = {}
    defaults: list[str] = []
    for key, field in fields.items():
        where = f"{path}.{key}" if path else key
        value = news.get(key)
        if value is None and field.default:
            # A value that an earlier version defaulted, or that a refresh read back, is kept.
            kept = key in olds and (old_defaults is None or key in old_defaults)
            value = olds[key] if kept else field.default
            defaults.append(key)
        if value is None:
            if field.required:
                failures[where] = (
                    f'Missing required argument. The argument "{where}" is required, but no definition was found.'
                )
            continue
        result[key] = _coerce(field, where, olds.get(key), value, failures)
    for key in news.keys() - fields.keys() - {DEFAULTS}:
        failures[f"{path}.{key}" if path else key] = f"Invalid or unknown key: the stand-in does not serve `{key}`."
    result[DEFAULTS] = sorted(defaults)
    return result


def _coerce(field: Field, where: str, old: Any, value: Any, failures: dict[str, str]) -> Any:
    if value == UNKNOWN:
        return value
    if field.fields is not None:
        if field.kind == "object":
            return _with_defaults(field.fields, where, old, value, failures)
        olds = old if isinstance(old, list) else []
        return [
            _with_defaults(field.fields, f"{where}[{i}]", olds[i] if i < len(olds) else None, item, failures)
            if isinstance(item, dict)
            else item
            for i, item in enumerate(value)
        ]
    if field.kind == "int" and isinstance(value, str):
        value = int(value)
    elif field.kind == "bool" and isinstance(value, str):
        value = value == "true"
    elif field.kind == "string" and isinstance(value, int | float):
        value = str(value).lower() if isinstance(value, bool) else str(value)
    if field.check and (problem := field.check(value)):
        failures[where] = problem
    return value


def diff(fields: Fields, state: Properties, news: Properties, *, delete_first: bool = False) -> Change:
    """What the inputs would change about the state."""
    detailed: Detailed = {}
    for key, field in fields.items():
        if field.output:
            continue
        old, new = state.get(key), news.get(key)
        if new is None and field.computed:
            # A list that the host never told us (its create failed half-way) is unknown, and so is a change.
            if field.kind == "list" and key not in state:
                detailed[key] = Kind.ADD_REPLACE if field.replace else Kind.ADD
            continue
        changes: Detailed = {}
        _walk(key, field, old, new, changes)
        detailed |= {path: _replacing(kind) if field.replace else kind for path, kind in changes.items()}
    named = any(
        field.auto_name and key in news and key not in news.get(DEFAULTS, [key]) for key, field in fields.items()
    )
    return Change(detailed=detailed, delete_first=delete_first or named)


def _replacing(kind: Any) -> Any:
    return {Kind.ADD: Kind.ADD_REPLACE, Kind.DELETE: Kind.DELETE_REPLACE}.get(kind, Kind.UPDATE_REPLACE)


def _empty(value: Any) -> bool:
    """The host's zero values and what was never said are the same."""
    return value is None or value in ("", 0, False, [], {}) or value == {DEFAULTS: []}


def _walk(path: str, field: Field, old: Any, new: Any, into: Detailed) -> None:
    if new == UNKNOWN:
        into[path] = Kind.ADD if old is None else Kind.UPDATE
    elif (_empty(old) and _empty(new)) or (field.same and field.same(old, new)):
        return
    elif _empty(old) or _empty(new):
        into[path] = Kind.ADD if old is None else Kind.DELETE if new is None else Kind.UPDATE
    elif field.kind == "set":
        _walk_set(path, field, old, new, into)
    elif field.kind == "list":
        _walk_list(path, field, old, new, into)
    elif field.kind == "object":
        _walk_element(path, field, old, new, into)
    elif field.kind == "map":
        for key in sorted((old.keys() | new.keys()) - {DEFAULTS}):
            _walk(f"{path}.{key}", Field(), old.get(key), new.get(key), into)
    elif old != new:
        into[path] = Kind.UPDATE


def _walk_list(path: str, field: Field, old: list[Any], new: list[Any], into: Detailed) -> None:
    if field.fields is None:
        _walk_scalars(path, old, new, into)
        return
    for i in range(max(len(old), len(new))):
        left, right = (side[i] if i < len(side) else None for side in (old, new))
        _walk_element(f"{path}[{i}]", field, left, right, into)


def _walk_element(path: str, field: Field, old: Any, new: Any, into: Detailed) -> None:
    if old is None or new is None or new == UNKNOWN:
        into[path] = Kind.ADD if old is None else Kind.DELETE if new is None else Kind.UPDATE
        return
    for key, inner in (field.fields or {}).items():
        if new.get(key) is None and inner.computed:
            continue
        _walk(f"{path}.{key}", inner, old.get(key), new.get(key), into)


def _walk_scalars(path: str, old: list[Any], new: list[Any], into: Detailed) -> None:
    if has_unknown(new):
        for i in range(max(len(old), len(new))):
            if i >= len(old) or i >= len(new) or old[i] != new[i]:
                into[f"{path}[{i}]"] = Kind.ADD if i >= len(old) else Kind.DELETE if i >= len(new) else Kind.UPDATE
        return
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for _, old_from, old_to, new_from, new_to in (op for op in matcher.get_opcodes() if op[0] != "equal"):
        removed, added = set(range(old_from, old_to)), set(range(new_from, new_to))
        into |= {f"{path}[{i}]": Kind.UPDATE for i in removed & added}
        into |= {f"{path}[{i}]": Kind.DELETE for i in removed - added}
        into |= {f"{path}[{i}]": Kind.ADD for i in added - removed}


def _walk_set(path: str, field: Field, old: list[Any], new: list[Any], into: Detailed) -> None:
    old_keys, new_keys = ([_identity(field, item) for item in items] for items in (old, new))
    removed = {i for i, key in enumerate(old_keys) if key not in new_keys}
    added = {i for i, key in enumerate(new_keys) if key not in old_keys}
    for i in sorted(removed | added):
        if i in removed and i in added and field.fields is not None and new[i] != UNKNOWN:
            _walk_element(f"{path}[{i}]", field, old[i], new[i], into)
        else:
            into[f"{path}[{i}]"] = (
                Kind.UPDATE if i in removed and i in added else Kind.DELETE if i in removed else Kind.ADD
            )


def _identity(field: Field, item: Any) -> Any:
    """What makes two elements of a set the same, whatever their order and whatever is left at its zero value."""
    if field.fields is None or not isinstance(item, dict):
        return item
    parts: list[tuple[str, Any]] = []
    for key, inner in field.fields.items():
        value: Any = item.get(key)
        if _empty(value):
            continue
        if inner.kind == "set":
            value = tuple(sorted((_identity(inner, part) for part in value), key=repr))
        elif inner.kind == "object":
            value = _identity(inner, value)
        elif inner.kind == "map":
            value = tuple(sorted(value.items()))
        parts.append((key, value))
    return tuple(parts)


def planned(fields: Fields, state: Properties, news: Properties, *, preview: bool = False) -> Properties:
    """The state as the inputs foretell it: what the host decides is unknown for a new resource, kept for an old one."""
    result = {key: value for key, value in strip(news).items() if key in fields}
    for key, field in fields.items():
        if key not in result and (field.computed or field.output):
            if key in state:
                result[key] = state[key]
            elif preview and not state:
                result[key] = UNKNOWN
    return result


def strip(value: Any) -> Any:
    """Without the book-keeping of defaults."""
    if isinstance(value, dict):
        return {key: strip(item) for key, item in value.items() if key != DEFAULTS}
    return [strip(item) for item in value] if isinstance(value, list) else value


def refreshed(inputs: Properties, state: Properties) -> Properties:
    """What the program once said, with the host's present values; which were defaults is forgotten."""
    return {key: _extract(old, state[key]) for key, old in inputs.items() if key != DEFAULTS and key in state}


def _extract(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: _extract(item, new[key]) for key, item in old.items() if key != DEFAULTS and key in new}
    if isinstance(old, list) and isinstance(new, list):
        pairs = zip(old, new, strict=False)
        return [_extract(left, right) for left, right in pairs]
    return new


class Bridged:
    """A resource whose check and diff follow from its table of fields alone."""

    fields: ClassVar[Fields]
    always_delete_first = False

    def check(self, who: Named, olds: Properties, news: Properties) -> Checked:
        return check(self.fields, who, olds, news)

    def diff(self, state: Properties, old_inputs: Properties, news: Properties) -> Change:
        return diff(self.fields, state, news, delete_first=self.always_delete_first)

    def update(
        self, who: Named, id: str, state: Properties, old_inputs: Properties, news: Properties, *, preview: bool
    ) -> Properties:
        change = self.diff(state, old_inputs, news)
        if any(kind in REPLACING for kind in change.detailed.values()):
            raise ProviderError(f"internal: expected diff to not require replacement during Update of {who.urn}")
        return planned(self.fields, state, news)

"""What can be configured, told from the models: a JSON Schema for editors, a page for people."""

from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from config.platform import Platform
from config.types import DURATION_PATTERN, MEMORY_PATTERN, duration_text, memory_text

_INTRODUCTION = """\
# Configuration

Everything that a stack can set, in `Pulumi.<stack>.yaml`, each section under its key with `a4co:` before it.
Defaults are the production values: a file holds only what is its own. `python -m config check` reports every
mistake at once, and `pulumi preview` and `pulumi up` do the same before anything is touched.

Amounts of memory are written `512MB` or `2GB`, time spans `30s`, `1500ms`, `5m` or `1h`.
`services` is laid over [the catalogue](../config/catalogue.yaml), key by key.

This page is made from the models by `python -m config docs`.
"""


class _WithUnits(GenerateJsonSchema):
    """Shows defaults as they are written in a stack file."""

    def encode_default(self, dft: Any) -> Any:
        return duration_text(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a stack file."""
    models = Platform.model_json_schema(by_alias=True, schema_generator=_WithUnits)
    definitions: dict[str, Any] = models["$defs"]
    for definition in definitions.values():
        # A section of a stack file is laid over the catalogue or the host's file: no key is required in it.
        definition.pop("required", None)
        definition.get("properties", {}).pop("name", None)
        for field in definition.get("properties", {}).values():
            if field.get("pattern") == MEMORY_PATTERN and "default" in field:
                field["default"] = memory_text(field["default"])
    definitions["Host"]["properties"]["file"] = {"type": "string", "description": "file that has these settings"}
    sections = {f"a4co:{key}": value for key, value in models["properties"].items() if key != "stack"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack of the platform",
        "type": "object",
        "properties": {"config": {"type": "object", "properties": sections}},
        "$defs": definitions,
    }


def markdown() -> str:
    """docs/configuration.md."""
    described = schema()
    definitions = described["$defs"]
    lines = [_INTRODUCTION]
    lines += ["## Sections", "", *_table(described["properties"]["config"]["properties"], definitions)]
    for name in sorted(definitions):
        definition = definitions[name]
        if "properties" in definition:
            lines += [
                "",
                f"## {name}",
                "",
                definition.get("description", ""),
                "",
                *_table(definition["properties"], definitions),
            ]
    return "\n".join(lines) + "\n"


def _table(properties: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in properties.items():
        default = field.get("default")
        shown = "" if default in (None, {}, []) else f"`{_default(default)}`"
        described = definitions.get(field.get("$ref", "").rpartition("/")[2], {}).get("description", "")
        meaning = field.get("description", described.partition("\n")[0]).replace("|", "\\|")
        rows.append(f"| `{key}` | {_type(field)} | {shown} | {meaning} |")
    return rows


def _default(value: Any) -> str:
    if isinstance(value, dict) and "cpus" in value:
        return ", ".join(f"{key} {v}" for key, v in value.items())
    if isinstance(value, dict):
        return "see its section"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(field: dict[str, Any]) -> str:  # noqa: PLR0911 - one for each kind of value
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(_type(choice) for choice in field["anyOf"] if choice.get("type") != "null")
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if field.get("type") == "object":
        values = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
        return f"map of {_type(values[0])}" if isinstance(values[0], dict) else "map"
    if field.get("pattern") in (MEMORY_PATTERN, DURATION_PATTERN):
        return "memory" if field["pattern"] == MEMORY_PATTERN else "time span"
    kind = field.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else kind

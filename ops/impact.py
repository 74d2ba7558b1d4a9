"""What a change of the stack means for those who use the platform, told from pulumi's preview."""

import base64
import difflib
import io
import re
import tarfile
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Impact(IntEnum):
    """How much of a change is noticed, from least to most."""

    NONE = 0
    ROLLING = 1
    INTERRUPTION = 2
    DATA = 3

    def __str__(self) -> str:
        return ("no effect", "rolling", "brief interruption", "DATA AT RISK")[self]


@dataclass
class Change:
    """One part of the platform that changes: how it is noticed, and what differs."""

    part: str
    impact: Impact = Impact.NONE
    details: list[str] = field(default_factory=list)


def changes(preview: dict[str, Any]) -> list[Change]:
    """Changes by part of the platform, most noticed first, from `pulumi preview --json`."""
    found: dict[str, Change] = {}
    for step in preview["steps"]:
        if step["op"] in ("same", "read", "refresh"):
            continue
        part = _part(step["urn"])
        change = found.setdefault(part, Change(part))
        change.impact = max(change.impact, _impact(step))
        change.details += _details(step)
    return sorted(found.values(), key=lambda change: (-change.impact, change.part))


def table(found: list[Change]) -> str:
    """The changes as Markdown: for a terminal, a log and a pull request alike."""
    if not found:
        return "No changes.\n"
    lines = ["| part | what visitors notice | changes |", "|---|---|---|"]
    quiet = [change for change in found if change.impact is Impact.NONE and not change.details]
    for change in found:
        if change not in quiet:
            details = "<br>".join(f"`{detail}`".replace("|", "\\|") for detail in change.details) or "made anew"
            lines.append(f"| {change.part} | {change.impact} | {details} |")
    if quiet:
        lines.append(f"| {', '.join(change.part for change in quiet)} | no effect | follows from the above |")
    return "\n".join(lines) + "\n"


def _part(urn: str) -> str:
    """The component that a resource belongs to; a service's image and database belong to the service."""
    kinds, _, name = urn.split("::", 2)[2].partition("::")
    name = re.sub(r"-(image|database|migrate|ready|data|owner|prepare|accounts|lock-superuser|forget-old)\b", "", name)
    name = re.sub(r"^a4co-[a-z0-9]+-", "", name)
    return "generated secrets" if kinds.endswith("randomPassword:RandomPassword") else name


def _impact(step: dict[str, Any]) -> Impact:
    kind = step["urn"].split("::")[2].rpartition("$")[2]
    gone = "delete" in step["op"] or "replace" in step["op"]
    old = (step.get("oldState") or {}).get("inputs") or {}
    if kind == "docker:index/volume:Volume":
        # A volume that is only forgotten stays on the host.
        return Impact.DATA if "replace" in step["op"] else Impact.NONE
    if kind == "docker:index/network:Network" and gone:
        return Impact.INTERRUPTION
    if kind == "docker:index/container:Container" and step["op"] != "create":
        if not gone:
            return Impact.NONE
        return Impact.ROLLING if _is_service(old) else Impact.INTERRUPTION
    return Impact.NONE


def _is_service(container: dict[str, Any]) -> bool:
    """A service's container is named anew with each revision; a server's keeps its name."""
    return bool(re.search(r"-[0-9a-f]{7}$", str(container.get("name", ""))))


def _details(step: dict[str, Any]) -> list[str]:
    """The fields that differ, old and new; text files line by line; secrets as pulumi shows them."""
    old, new = ((step.get(state) or {}).get("inputs") or {} for state in ("oldState", "newState"))
    kind = step["urn"].split("::")[2].rpartition("$")[2]
    if step["op"] in ("create", "delete"):
        return [] if kind.startswith(("command:", "random:", "a4co:", "pulumi:")) else [f"{step['op']}d"]
    if kind == "command:remote:Command":
        return _files(old.get("stdin"), new.get("stdin"))
    found = _variables(old.get("envs") or [], new.get("envs") or [])
    for path in step.get("detailedDiff") or {}:
        before, after = _at(old, path), _at(new, path)
        if not path.startswith(("envs", "mounts", "labels", "build.context")) and before != after:
            found.append(f"{path}: {_short(before)} → {_short(after)}")
    return found


def _variables(old: list[str], new: list[str]) -> list[str]:
    """Variables that differ, by name."""
    if not isinstance(old, list) or not isinstance(new, list):
        return []
    before = {name: value for name, _, value in (str(entry).partition("=") for entry in old)}
    after = {name: value for name, _, value in (str(entry).partition("=") for entry in new)}
    return [
        f"{name}: {_short(before.get(name))} → {_short(after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _files(old: Any, new: Any) -> list[str]:
    """Lines that differ between two bundles; what is secret stays so."""
    before, after = _unpack(old), _unpack(new)
    lines: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        diff = difflib.unified_diff(
            before.get(name, "").splitlines(), after.get(name, "").splitlines(), n=0, lineterm=""
        )
        lines += [f"{name}: {line}" for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return lines


def _unpack(bundle: Any) -> dict[str, str]:
    try:
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(str(bundle), validate=False))) as archive:
            members = [(member.name, archive.extractfile(member)) for member in archive.getmembers()]
            return {_unnamed(name): _unnamed(file.read().decode()) for name, file in members if file}
    except (tarfile.TarError, ValueError):
        return {}


def _unnamed(text: str) -> str:
    """Text without what is new in every release: the containers' suffixes and the revision."""
    return re.sub(r"(a4co-[a-z0-9-]+)-[0-9a-f]{7}\b|(?<=return 200 )[0-9a-f]{12}(?=;)", r"\1", text)


def _at(inputs: Any, path: str) -> Any:
    """The value at a path like `healthcheck.interval` or `envs[7]`; None where there is none."""
    value = inputs
    for part in re.findall(r"[^.\[\]]+", path):
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() and int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def _short(value: Any) -> str:
    text = "nothing" if value is None else "known later" if str(value).startswith("04da6b54-") else str(value)
    return text if len(text) <= 80 else text[:77] + "…"

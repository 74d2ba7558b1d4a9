"""What a change of the stack means for those who use the platform, told from pulumi's preview."""

import base64
import difflib
import io
import re
import tarfile
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # what pulumi says of a value that is known later
_LONG, _MOST = 120, 40  # characters of a line, lines of a part


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
    for step in preview.get("steps", []):  # there is none when the program did not start
        if step["op"] in ("same", "read", "refresh"):
            continue
        part = _part(step["urn"])
        change = found.setdefault(part, Change(part))
        change.impact = max(change.impact, _impact(step))
        change.details += [detail for detail in _details(step) if detail not in change.details]
    return sorted(found.values(), key=lambda change: (-change.impact, change.part))


def table(found: list[Change]) -> str:
    """The changes as Markdown: for a terminal, a log and a pull request alike."""
    if not found:
        return "No changes.\n"
    lines = ["| part | what visitors notice | changes |", "|---|---|---|"]
    quiet = [change for change in found if change.impact is Impact.NONE and not change.details]
    for change in found:
        if change not in quiet:
            shown = [f"`{_one_cell(detail)}`" for detail in change.details[:_MOST]]
            rest = len(change.details) - len(shown)
            details = "<br>".join(shown + ([f"and {rest} more"] if rest else [])) or "made anew"
            lines.append(f"| {change.part} | {change.impact} | {details} |")
    if quiet:
        lines.append(f"| {', '.join(change.part for change in quiet)} | no effect | follows from the above |")
    return "\n".join(lines) + "\n"


def _one_cell(text: str) -> str:
    """Text that can't leave its place in the table."""
    return text.replace("|", "\\|").replace("`", "'").replace("\n", "⏎")


def _part(urn: str) -> str:
    """The component that a resource belongs to; a service's image, database and way out belong to the service."""
    kinds, _, name = urn.split("::", 2)[2].partition("::")
    name = re.sub(
        r"-(image|database|egress|acme|migrate|ready|data|owner|prepare|accounts|lock-superuser|forget-old)\b", "", name
    )
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
    if kind == "docker:index/image:Image":
        return ["rebuilt"]
    if kind == "docker:index/remoteImage:RemoteImage" and str(old.get("name")).startswith("sha256:"):
        return []  # it is the one that was rebuilt
    if kind == "command:remote:Command":
        return _files(old.get("stdin"), new.get("stdin")) + _lines(old.get("create"), new.get("create"))
    found = _variables(old.get("envs") or [], new.get("envs") or [])
    for path in step.get("detailedDiff") or {}:
        before, after = _at(old, path), _at(new, path)
        # What follows from another resource's change is told there.
        if not path.startswith(("envs", "mounts", "labels", "image")) and before != after:
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
    """Lines that differ between two bundles or texts; what is secret stays so."""
    before, after = _unpack(old), _unpack(new)
    return [
        f"{name}: {line}" if name else line
        for name in sorted(before.keys() | after.keys())
        if not name.startswith("record/")  # a release's record repeats what is told of the parts
        for line in _lines(before.get(name, ""), after.get(name, ""))
    ]


def _lines(old: Any, new: Any) -> list[str]:
    """Lines that differ; none while one of the texts is not known yet."""
    before, after = (_unnamed(str(text or "")).splitlines() for text in (old, new))
    if _UNKNOWN in str(old) or _UNKNOWN in str(new):
        return []
    found: list[str] = []
    for op, old_from, old_to, new_from, new_to in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        gone, come = before[old_from:old_to], after[new_from:new_to]
        if op != "equal":
            found += [f"-{_around(line, come[i] if i < len(come) else '')}" for i, line in enumerate(gone)]
            found += [f"+{_around(line, gone[i] if i < len(gone) else '')}" for i, line in enumerate(come)]
    return found


def _around(line: str, other: str) -> str:
    """A line, or of a long one the part where it begins to differ from the other."""
    start = next((i for i, (one, two) in enumerate(zip(line, other, strict=False)) if one != two), 0)
    return line if len(line) <= _LONG else f"…{line[max(start - _LONG // 2, 0) : start + _LONG // 2]}…"


def _unpack(bundle: Any) -> dict[str, str]:
    try:
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(str(bundle), validate=False))) as archive:
            members = [(member.name, archive.extractfile(member)) for member in archive.getmembers()]
            return {_unnamed(name): file.read().decode() for name, file in members if file}
    except (tarfile.TarError, ValueError):
        return {"": str(bundle or "")}


def _unnamed(text: str) -> str:
    """Text without the names and digests that are new with every content: they follow from what is told elsewhere."""
    return re.sub(r"(?<=-)[0-9a-f]{7}\b|\b[0-9a-f]{12,64}\b", "…", text)


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
    text = "nothing" if value is None else "known later" if _UNKNOWN in str(value) else str(value)
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"

"""The releases that a host keeps, and the way back to one of them."""

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config.record import restored
from ops.recover import recover
from ops.stack import OperationError, Stack
from ops.table import table

_LIST = """\
cd "$1/releases" 2>/dev/null || exit 0
ls -1t [0-9a-f]*/record.json | xargs cat
"""
_SHOW = """\
cd "$1/releases/$2"
cat configuration.json
echo
for database in $(cat databases); do
    sed "s/^/then $database /" "schemas/$database"
    bash "$1/scripts/schema.sh" "$3" "$database" | sed "s/^/now $database /"
done
while read -r image; do docker image inspect "$image" >/dev/null 2>&1 || echo "gone $image"; done <images
"""
_MARK = 'echo "$2 $3" >"$1/withdraw"'
_UNMARK = 'rm -f "$1/withdraw"'


@dataclass(frozen=True)
class Known:
    """A release that a host knows of: its id, and the record of it."""

    id: str
    record: dict[str, Any]

    @property
    def images(self) -> dict[str, str]:
        """Reference of each image, by server or service."""
        return self.record["manifest"]["images"]

    @property
    def state(self) -> str:
        """`kept` on the host; `withdrawn` by a rollback; `gone` but for its record."""
        return "gone" if self.record.get("gone") else "withdrawn" if self.record.get("withdrawn") else "kept"

    def __str__(self) -> str:
        return f"{self.id} ({self.record['when']}, {self.record['who']}, commit {self.record['commit']})"

    def changes(self, earlier: "Known") -> list[str]:
        """What differs from an earlier release: `order-service image`, `edge settings`."""
        mine, others = self.record["manifest"], earlier.record["manifest"]
        return [
            f"{part} {kind.removesuffix('s') if kind == 'images' else kind}"
            for kind in ("images", "settings")
            for part in sorted(mine[kind].keys() | others[kind].keys())
            if mine[kind].get(part) != others[kind].get(part)
        ]


def known(stack: Stack) -> list[Known]:
    """The releases that a host knows of, the live one first."""
    records = [json.loads(line) for line in stack.on_host(_LIST, stack.platform.directory).splitlines()]
    return [Known(record["release"], record) for record in records]


def show(stack: Stack) -> str:
    """A table of them."""
    found = known(stack)
    if not found:
        return f"nothing was released to {stack.name} yet\n"
    rows: list[list[str]] = []
    for release, earlier in zip(found, [*found[1:], None], strict=True):
        state = "live" if release is found[0] else release.state
        changed = ", ".join(release.changes(earlier)) if earlier else ""
        rows.append([release.id, state, *(release.record[key] for key in ("when", "who", "commit")), changed])
    return table(["release", "", "since", "by", "commit", "differs from the next in"], rows)


def rollback(stack: Stack, to: str | None) -> int:
    """Make an earlier release live again, images and settings, through the same gates; pulumi's exit status."""
    began = time.monotonic()
    found = known(stack)
    live, target = _chosen(stack, found, to)
    print(
        f"rolling {stack.name} back from {live}\n  to {target}: {', '.join(target.changes(live)) or 'nothing differs'}"
    )
    shown = stack.on_host(_SHOW, stack.platform.directory, target.id, f"{stack.platform.prefix}-postgres")
    configuration, facts = json.JSONDecoder().raw_decode(shown)
    problems = [*_contracted(shown[facts:].splitlines()), *_missing(shown[facts:].splitlines(), target)]
    if problems:
        reasons = "\n".join(f"  - {problem}" for problem in problems)
        raise OperationError(f"{target.id} can't go live again, nothing was changed:\n{reasons}")
    recover(stack)
    if target.state != "withdrawn":  # else it is the way forward again
        stack.on_host(_MARK, stack.platform.directory, live.id, target.id)
    with tempfile.TemporaryDirectory() as folder:
        status = stack.up("--config-file", str(_stack_file(stack, target, configuration, Path(folder))))
    if status:
        stack.on_host(_UNMARK, stack.platform.directory)
        return status
    print(f"{target.id} is live again after {time.monotonic() - began:.0f} s")
    print(f"{stack.file.name} still asks for what was left, and so would the next `pulumi up`: change it before")
    return 0


def _chosen(stack: Stack, found: list[Known], to: str | None) -> tuple[Known, Known]:
    """The live release, and the one to go back to."""
    if not found:
        raise OperationError(f"nothing was released to {stack.name} yet")
    live, earlier = found[0], found[1:]
    earlier = [one for one in earlier if one.state != "gone"]
    choice = [one for one in earlier if (one.id == to if to else one.state == "kept")]
    if not choice:
        names = ", ".join(f"{one.id} ({one.state})" for one in earlier) or "none"
        wanted = f"{to} is not kept" if to else "there is no release before it"
        raise OperationError(f"{live.id} is live and {wanted}; kept besides: {names}")
    return live, choice[0]


def _contracted(facts: list[str]) -> Iterator[str]:
    """What the release's code would miss in a database, or leave empty there."""
    then = {line.removeprefix("then ") for line in facts if line.startswith("then ")}
    now = {line.removeprefix("now ") for line in facts if line.startswith("now ")}
    optional = {column.removesuffix(" required") for column in now}
    known = {column.rpartition(" ")[0] if column.endswith(" required") else column for column in then}
    for column in sorted(known - optional):
        database, name, kind = column.split(" ")
        yield f"the database {database} has lost {name} ({kind}), which its code uses"
    for column in sorted(now - then):
        if column.endswith(" required"):
            database, name, _ = column.split(" ", 2)
            yield f"the database {database} requires {name}, which its code does not always fill in"


def _missing(facts: list[str], target: Known) -> Iterator[str]:
    """Images that are gone from the host and can't be had again."""
    for image in (line.removeprefix("gone ") for line in facts if line.startswith("gone ")):
        if image in target.images.values():
            yield f"its image {image} is gone from the host, and no registry has it"


def _stack_file(stack: Stack, target: Known, configuration: dict[str, Any], folder: Path) -> Path:
    """A stack's file for the release."""
    catalogue, path = folder / "catalogue.yaml", folder / stack.file.name
    services: dict[str, dict[str, Any]] = configuration.pop("services")
    catalogue.write_text(
        yaml.safe_dump(
            {name: entry | {"image": target.images[name]} for name, entry in services.items()}, sort_keys=False
        )
    )
    current: dict[str, Any] = yaml.safe_load(stack.file.read_text())
    config = restored(current["config"], configuration) | {"a4co:catalogue": str(catalogue)}
    path.write_text(yaml.safe_dump({**current, "config": config}, sort_keys=False))
    return path

"""The documents as data: every page that git has, and the blocks in it.

Commands are in blocks of `sh`. Each is run by a test, or the line before it is `<!-- not run: REASON -->`; what is
printed and what files hold is in blocks of another language.
"""

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Pages whose commands a lab test runs, in the page's order.
RUN_BY = {
    "docs/PRODUCTION_DEPLOY.md": "tests/lab/test_production_deploy.py",
    "docs/RUNBOOKS.md": "tests/lab/test_runbooks.py",
}
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")


@dataclass(frozen=True)
class Block:
    """What stands between two fences; `line` is the first one's."""

    page: str
    line: int
    heading: str
    language: str
    text: str
    not_run: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def tracked() -> frozenset[str]:
    """Every file that git has, and its folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [Path(name) for name in listed.split("\0") if name]
    return frozenset(str(path) for file in files for path in (file, *file.parents))


def pages() -> list[str]:
    """Every document, relative to the repository."""
    return sorted(name for name in tracked() if name.endswith(".md"))


def text(page: str) -> str:
    """What a page holds."""
    return (ROOT / page).read_text()


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in order."""
    found: list[Block] = []
    heading = before = language = ""
    start, inside = 0, list[str]()
    for number, line in enumerate(text(page).splitlines(), 1):
        if start and line == "```":
            marked = _NOT_RUN.fullmatch(before)
            found.append(Block(page, start, heading, language, "\n".join(inside), marked[1] if marked else None))
            start, inside, before = 0, [], ""
        elif start:
            inside.append(line)
        elif line.startswith("```"):
            start, language = number, line.removeprefix("```")
        else:
            heading = line.lstrip("# ") if line.startswith("#") else heading
            before = line
    assert not start, f"{page}:{start}: the block does not end"
    return found


def prose(page: str) -> str:
    """A page without its blocks."""
    return re.sub(r"^```.*?^```$", "", text(page), flags=re.MULTILINE | re.DOTALL)

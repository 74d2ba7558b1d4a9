"""What documents say exists: links, files, commands, settings."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from config.edge import TLS_KEY
from config.load import read, stacks
from config.platform import REGISTRY_PASSWORD
from config.reference import schema
from tests.documents import ROOT, RUN_BY, Block, blocks, pages, prose, text, tracked

BLOCKS = [block for page in pages() for block in blocks(page)]
# Made from the models and the checklist; other tests compare them with those, and run what is in them.
GENERATED = {"docs/configuration.md", "docs/PRODUCTION_CHECKLIST.md"}
WRITTEN = [page for page in pages() if page not in GENERATED]
TARGETS = set(re.findall(r"'make (\w+)", (ROOT / "Makefile").read_text()))
SUFFIXES = (".md", ".py", ".yaml", ".yml", ".sh", ".mjs", ".conf", ".json", ".toml", ".sql", ".svg", ".png", ".j2")


def spans(page: str) -> list[str]:
    """What a page has in backticks."""
    return re.findall(r"`([^`\n]+)`", prose(page))


@cache
def help_of(*command: str) -> str:
    """What a command says about itself; an error if there is none."""
    done = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"there is no `{' '.join(command)}`: {done.stderr}"
    return done.stdout


def prove(command: str) -> None:
    """Fail unless the command exists, with its subcommand, its options and the stack that it names."""
    words = shlex.split(command, comments=True)
    stack = re.search(r"STACK=(\S+)|--stack[ =](\S+)", command)
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        assert targets, command
        assert set(targets) <= TARGETS, command
    elif words[:2] == ["python", "-m"]:
        known = help_of(sys.executable, "-m", words[2])
        if words[3:] and not words[3].startswith("-"):
            known = help_of(sys.executable, "-m", words[2], words[3])
        assert all(word.partition("=")[0] in known for word in words[3:] if word.startswith("-")), command
        stack = stack or re.search(r"^python -m (?:config check|ops \w+) ([a-z]+)", command)
    else:
        assert words[0] == "pulumi", f"{command}: nothing here knows whether it works; let a test run it, or mark it"
        names = words[: next((i for i, word in enumerate(words) if not word.isalpha()), len(words))][:3]
        known = help_of(*names)
        # It answers a name that it does not know with its general help.
        assert " ".join(names) in known, command
        assert all(word.partition("=")[0] in known for word in words if word.startswith("-")), command
    if stack:
        assert next(filter(None, stack.groups())) in stacks(), command


@pytest.mark.parametrize(
    "command",
    ["make nothing", "make status STACK=nowhere", "python -m config nothing", "python -m ops status nowhere",
     "python -m ops up --nothing", "pulumi up --no-such-option", "pulumi nothing", "curl http://example.com"],
)  # fmt: skip
def test_a_command_that_does_not_exist_is_noticed(command: str) -> None:
    with pytest.raises(AssertionError):
        prove(command)


def commands(block: Block) -> list[str]:
    lines = block.text.replace("\\\n", " ").splitlines()
    return [command for line in lines for command in line.split(" && ") if shlex.split(command, comments=True)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_run_by_a_test_or_says_why_not(block: Block) -> None:
    assert block.language, "what is it? sh: commands; text: what is printed"
    assert block.language == "sh" or block.not_run is None, "only commands are run"
    if block.language == "sh" and block.not_run is None and block.page not in RUN_BY:
        for command in commands(block):
            prove(command)


def test_blocks_begin_where_they_are_seen() -> None:
    assert BLOCKS
    assert not [page for page in pages() if re.search(r"^[ >]+```", text(page), flags=re.MULTILINE)]


def test_a_page_that_a_test_runs_is_read_by_it() -> None:
    for page, test in RUN_BY.items():
        if page in tracked():
            assert page in (ROOT / test).read_text(), test


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.append(f"{anchor}-{found.count(anchor)}" if anchor in found else anchor)
    return set(found)


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        place = str((ROOT / page).parent.joinpath(path).resolve().relative_to(ROOT)) if path else page
        assert place in tracked(), target
        assert not anchor or anchor in anchors(place), target


def missing(page: str) -> Iterator[str]:
    """Paths in backticks that look like the repository's and are not there."""
    folders = [Path(page).parent, Path()]
    for span in spans(page):
        first = span.partition("/")[0]
        ours = (
            first and any(str(folder / first) in tracked() for folder in folders) and re.fullmatch(r"[\w.*/@-]+", span)
        )
        file = re.fullmatch(r"[\w.-]+", span) and span.endswith(SUFFIXES)
        if not (ours or file):
            continue
        wanted = [str(folder / span.rstrip("/")) for folder in folders] + ([f"*/{span}"] if file else [])
        if not any(fnmatch(name, pattern) for name in tracked() for pattern in wanted):
            yield span


@pytest.mark.parametrize("page", WRITTEN)
def test_files_that_are_named_exist(page: str) -> None:
    assert not list(missing(page))


@pytest.mark.parametrize("page", WRITTEN)
def test_commands_that_are_named_exist(page: str) -> None:
    for span in spans(page):
        if re.match(r"(make|python -m|pulumi) [a-z]", span):
            prove(re.sub(r"(STACK=|--stack )…|<\w+>", "", span))


def settings() -> dict[str, set[str]]:
    """Every setting: the sections of a stack's file, secrets among them, and the keys in any of them."""
    described = schema()
    sections = {key.removeprefix("a4co:") for key in described["properties"]["config"]["properties"]}
    keys = {key for model in described["$defs"].values() for key in model.get("properties", {})}
    secrets = {REGISTRY_PASSWORD, TLS_KEY, *read("prod").platform.secret_keys}
    return {"sections": sections | secrets, "keys": keys | sections | secrets}


@pytest.mark.parametrize("page", WRITTEN)
def test_settings_that_are_named_exist(page: str) -> None:
    known = settings()
    for span in spans(page):
        if named := re.match(r"a4co:(\w+)((?:\.\w+|: \w+(?=:|$))*)", span):
            assert named[1] in known["sections"], span
            assert set(re.findall(r"\w+", named[2])) <= known["keys"], span
        elif written := re.match(r"([a-z]+[A-Z]\w*|[a-z]+): \S", span):
            assert written[1] in known["keys"], span


def test_messages_that_are_quoted_are_said() -> None:
    """In a table of symptoms, what is in backticks is a message of this program."""
    said = "".join(
        (ROOT / name).read_text() for name in tracked() if re.match(r"(components|config|ops)/.*\.(py|sh)", name)
    )
    rows = re.findall(
        r"^\| `(.+?)` \|", text("docs/PRODUCTION_DEPLOY.md").partition("| what you see |")[2], re.MULTILINE
    )
    assert rows
    assert not [message for message in rows if message not in said]

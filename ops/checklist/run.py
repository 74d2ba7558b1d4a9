"""The list of one stack, filled in: on the terminal, and as a file to sign."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ops.checklist.ask import MISSING, Answer, ask, facts
from ops.checklist.item import Item, Section, sections
from ops.releases import known
from ops.stack import OperationError, Stack
from ops.table import table

OK, FAILED, BY_HAND, UNPROVED = "ok", "FAILED", "by hand", "can't be proved here"
_SHOWN = 120  # characters of an answer


@dataclass(frozen=True)
class Result:
    """How an item stands; `said` is what was found, what to do, or who has to look and how."""

    item: Item
    state: str
    said: str


def checklist(stack: Stack, write: Path | None) -> int:
    """Print the stack's list, and write it down if asked to; 1 when an item failed."""
    filled = fill(stack)
    for section, results in filled:
        print(
            table([section.title, "", "", ""], [[one.item.id, one.state, one.item.what, one.said] for one in results])
        )
    print(counts(filled))
    if write:
        write.write_text(markdown(stack, filled))
    return 1 if any(one.state == FAILED for _, results in filled for one in results) else 0


def fill(stack: Stack) -> list[tuple[Section, list[Result]]]:
    """Every item of every section with its result."""
    environment = stack.platform.environment
    spared = {environment} | {f"no {name}" for name, value in facts(stack.platform).items() if not value}
    listed = list(sections())
    due = [item for section in listed for item in section.items if not spared & item.unless.keys()]
    answers = ask(stack, due)
    return [(section, [_result(item, spared, environment, answers) for item in section.items]) for section in listed]


def _result(item: Item, spared: set[str], environment: str, answers: Mapping[str, Answer]) -> Result:
    for who, why in item.unless.items():
        if who in spared:
            return Result(item, f"not for {environment}", why)
    if item.command is None:
        return Result(item, BY_HAND, f"{item.by}: {item.how}")
    return judge(item, answers.get(item.command))


def judge(item: Item, answer: Answer | None) -> Result:
    """What an answer proves. None, or one of a command that failed, proves nothing."""
    if answer and answer.status == MISSING:
        return Result(item, UNPROVED, _short(answer.text) or "a tool is missing or too new")
    wrong = "no answer" if answer is None else item.wrong(answer.text)
    if answer and answer.status:
        wrong = f"{answer.text or 'nothing said'} (exit status {answer.status})"
    if wrong:
        return Result(item, FAILED, f"found: {_short(wrong)}; do: {item.otherwise}")
    return Result(item, OK, _short(answer.text if answer else ""))


def _short(text: str) -> str:
    """The first line, and how many follow."""
    first, *more = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    shown = first if len(first) <= _SHOWN else f"{first[:_SHOWN]}…"
    return f"{shown} (and {len(more)} more)" if more else shown


def counts(filled: list[tuple[Section, list[Result]]]) -> str:
    """How many items stand how."""
    states = Counter(one.state for _, results in filled for one in results)
    order = [OK, FAILED, BY_HAND, UNPROVED, *(state for state in states if state.startswith("not for "))]
    return ", ".join(f"{states[state]} {state.lower()}" for state in order if states[state] or state in (OK, FAILED))


def markdown(stack: Stack, filled: list[tuple[Section, list[Result]]]) -> str:
    """The filled list as a file: what was proved is written down, what is to be proved by hand waits for a name."""
    try:
        release = next((str(one) for one in known(stack)), "nothing was released yet")
    except OperationError as error:
        release = f"unknown: {error}"
    lines = [
        f"# Checklist of {stack.name}",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {stack.platform.environment}, {stack.platform.host.address}",
        f"release {release}",
        "",
        counts(filled),
    ]
    for section, results in filled:
        lines += [
            "",
            f"## {section.title}",
            "",
            "| item | what must hold | result | shown by | name, date |",
            "|-|-|-|-|-|",
        ]
        lines += [f"| {one.item.id} | {cell(one.item.what)} | {one.state} | {cell(one.said)} | |" for one in results]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Text that can't leave its place in a table."""
    return text.replace("|", "\\|").replace("\n", "<br>")

"""docs/PRODUCTION_CHECKLIST.md, told from the items."""

from collections.abc import Iterator
from pathlib import Path

from ops.checklist.item import Item, sections
from ops.checklist.run import cell

_INTRODUCTION = """\
# Production checklist

What must hold before people depend on a stack. Of {count} items, `make checklist STACK=prod` proves {proved} against
the stack as it runs; the others name who must, and how. It changes nothing, and takes about a minute. To see that
visitors are limited it makes some requests too many: the machine where it runs is refused for a few seconds afterwards.

| result | |
|-|-|
| ok | proved; what the command printed is beside it |
| FAILED | not as it must be, or no answer: what was found, and what to do; the exit status is 1 |
| by hand | somebody must look: who, and how |
| can't be proved here | a tool is missing where the command runs |
| not for development | spared on a stack of that environment, with the reason |

`make checklist STACK=prod ARGS="--write checklist.md"` writes the filled list, with date and release, and room for the
names of those who proved the rest.

Commands run `here`, where the checklist is asked for, or on the `host`, over SSH, in one go. `$stack`, `$prefix`,
`$folder` and the like are what the stack's file says. They use these few functions:

<!-- not run: tests/lab/test_checklist.py runs them as `make checklist` does -->
```sh
{functions}```

This page is made from `ops/checklist/items/*.yaml` by `python -m ops.checklist`.
"""


def page() -> str:
    """The whole page."""
    listed = list(sections())
    items = [item for section in listed for item in section.items]
    functions = "\n".join(Path(__file__).with_name(f"{place}.sh").read_text() for place in ("here", "host"))
    proved = sum(item.command is not None for item in items)
    lines = [_INTRODUCTION.format(count=len(items), proved=proved, functions=functions)]
    for section in listed:
        lines += [
            f"## {section.title}",
            "",
            "| item | what must hold | proved by | prints, when all is well |",
            "|-|-|-|-|",
        ]
        lines += [f"| {' | '.join(map(cell, _row(item)))} |" for item in section.items] + [""]
    return "\n".join(lines).rstrip() + "\n"


def _row(item: Item) -> Iterator[str]:
    yield item.id
    yield item.what + "".join(f" ({_spared(who)} {why})" for who, why in item.unless.items())
    if item.command:
        yield f"{item.place}: `{item.command}`"
        yield "\n".join(f"`{line}`" for line in (item.sample or "").splitlines()) + _bound(item)
    else:
        yield f"by hand: {item.by}"
        yield item.how or ""


def _spared(who: str) -> str:
    return "spared where" if who.startswith("no ") else f"not for {who}:"


def _bound(item: Item) -> str:
    if item.at_least is not None:
        return f"; {item.at_least:g} or more"
    return "" if item.at_most is None else f"; {item.at_most:,.0f} or less"

"""The items, as data: what must hold, and how it is proved."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, model_validator

from config.types import Model

SECTIONS = (
    "host", "access", "docker", "network", "containers", "secrets", "edge", "postgres", "nats", "redis", "services",
    "delivery", "people",
)  # fmt: skip
_FOLDER = Path(__file__).with_name("items")


class Item(Model):
    """One thing that must hold: proved by a command, which runs `here` or on the `host`, or by hand by somebody.

    Of what the command prints, the whole `is` a text, `each` line matches a pattern, something in it is `like` one, or
    it begins with a number that is `at_least` or `at_most` another. `unless` has who is spared, and why.
    """

    id: str = Field(pattern=r"^[a-z]+-\d\d$")
    what: str
    here: str | None = None
    host: str | None = None
    exactly: str | None = Field(default=None, alias="is")
    each: str | None = None
    like: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    shows: str | None = None
    otherwise: str | None = None
    by: str | None = None
    how: str | None = None
    unless: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_proved(self) -> "Item":
        judges = [self.exactly, self.each, self.like, self.at_least, self.at_most]
        proved = [self.here or self.host, self.otherwise, self.sample]
        if self.by and self.how:
            wrong = any(value is not None for value in (*judges, *proved))
        else:
            wrong = not all(proved) or bool(self.here and self.host) or sum(one is not None for one in judges) != 1
        if wrong:
            raise ValueError("is proved by one command with one judge, what it shows, and the way out; or by hand")
        if self.sample and (found := self.wrong(self.sample)):
            raise ValueError(f"would not accept what it shows: {found}")
        return self

    @property
    def place(self) -> Literal["here", "host"]:
        """Where the command runs."""
        return "here" if self.here else "host"

    @property
    def command(self) -> str | None:
        """What proves it, if a command can."""
        return self.here or self.host

    @property
    def sample(self) -> str | None:
        """What the command prints, when all is well."""
        return self.shows or self.exactly

    def wrong(self, answer: str) -> str:
        """What of an answer is not as it must be; empty if nothing is."""
        if not (lines := answer.splitlines()):
            return "no answer"
        if self.each is not None:
            return "\n".join(line for line in lines if not re.fullmatch(self.each, line))
        if self.exactly is not None:
            good = answer == self.exactly
        elif self.like is not None:
            good = re.search(self.like, answer) is not None
        else:
            number = re.match(r"\s*(\d+(?:\.\d+)?)", answer)
            good = number is not None and self._within(float(number[1]))
        return "" if good else answer

    def _within(self, number: float) -> bool:
        return number >= self.at_least if self.at_least is not None else number <= (self.at_most or 0)


class Section(Model):
    """Items that belong together."""

    title: str
    items: tuple[Item, ...]


def sections() -> Iterator[Section]:
    """All of them, in order."""
    for name in SECTIONS:
        yield Section.model_validate(yaml.safe_load((_FOLDER / f"{name}.yaml").read_text()))

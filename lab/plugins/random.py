"""The random provider: a password and what can be told of it. Every change makes a new one."""

# ruff: noqa: D102  -- the protocol names these methods and says what they do
from __future__ import annotations

import secrets
import string
from typing import ClassVar

from lab.plugins.bridge import Bridged, Field, Fields, planned
from lab.plugins.provider import Checked, Named, Provider, serve_provider
from lab.plugins.wire import Engine, Properties, Secret

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_COUNTS = {
    key: Field("int", replace=True, computed=True) for key in ("minLower", "minNumeric", "minSpecial", "minUpper")
}
_KINDS = {key: Field("bool", replace=True, computed=True) for key in ("lower", "number", "numeric", "special", "upper")}


class Text(Bridged):
    """RandomString; its result is plain."""

    fields: ClassVar[Fields] = {
        "length": Field("int", replace=True, required=True),
        "overrideSpecial": Field(replace=True),
        "keepers": Field("map", replace=True),
        **_COUNTS,
        **_KINDS,
        "result": Field(output=True),
    }

    def check(self, who: Named, olds: Properties, news: Properties) -> Checked:
        checked = super().check(who, olds, news)
        least = sum(news.get(key, 0) for key in _COUNTS if isinstance(news.get(key, 0), int))
        if isinstance(news.get("length"), int) and news["length"] < least:
            checked.failures["length"] = (
                f"Attribute length value must be at least sum of min_upper + min_lower + min_numeric + min_special, "
                f"got: {news['length']}"
            )
        return checked

    def create(self, who: Named, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        state = planned(self.fields, {}, inputs, preview=preview)
        state |= {key: state.get(key, True) for key in _KINDS} | {key: state.get(key, 0) for key in _COUNTS}
        if preview:
            return "", state
        result = generate(state)
        return self.finished(state | {"result": result})

    def finished(self, state: Properties) -> tuple[str, Properties]:
        """Its id and its outputs."""
        return state["result"], state

    def read(self, who: Named, id: str, inputs: Properties, state: Properties) -> tuple[Properties, Properties]:
        return inputs, state

    def delete(self, who: Named, id: str, state: Properties) -> None:
        """There is nothing outside the state."""


class Password(Text):
    """RandomPassword: the result and its bcrypt hash are secret."""

    fields: ClassVar[Fields] = {**Text.fields, "bcryptHash": Field(output=True)}

    def finished(self, state: Properties) -> tuple[str, Properties]:
        """bcrypt reads 72 bytes of a password, as the official provider does."""
        import bcrypt  # noqa: PLC0415  not needed by a preview

        hashed = bcrypt.hashpw(state["result"].encode()[:72], bcrypt.gensalt(10)).decode()
        return "none", state | {"result": Secret(state["result"]), "bcryptHash": Secret(hashed)}


def generate(state: Properties) -> str:
    """So many characters of each kind as asked for at least, the rest of any kind, in random order."""
    kinds = {
        "Lower": string.ascii_lowercase if state["lower"] else "",
        "Upper": string.ascii_uppercase if state["upper"] else "",
        "Numeric": string.digits if state["numeric"] and state["number"] else "",
        "Special": (state.get("overrideSpecial") or SPECIAL) if state["special"] else "",
    }
    chosen = [secrets.choice(letters) for kind, letters in kinds.items() for _ in range(state[f"min{kind}"]) if letters]
    every = "".join(kinds.values())
    chosen += [secrets.choice(every) for _ in range(state["length"] - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)


class RandomProvider(Provider):
    """Needs no settings and no network."""

    version = "4.21.4"

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.resources = {
            "random:index/randomPassword:RandomPassword": Password(),
            "random:index/randomString:RandomString": Text(),
        }


def main() -> None:
    """Run the plug-in."""
    serve_provider(RandomProvider)

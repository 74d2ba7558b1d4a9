"""random: passwords of the asked kind, secret, and new for every change."""

from collections.abc import Callable
from typing import Any

import bcrypt
import pytest

from lab.plugins.wire import UNKNOWN, Secret
from tests.plugins.conftest import Plugin

TYPE = "random:index/randomPassword:RandomPassword"


@pytest.fixture(scope="module")
def random_plugin(plugin: Callable[[str], Plugin]) -> Plugin:
    return plugin("random")


def made(random_plugin: Plugin, **inputs: Any) -> dict[str, Any]:
    return random_plugin.create(TYPE, random_plugin.inputs(TYPE, inputs))[1]


def test_the_password_and_its_hash_are_secret(random_plugin: Plugin) -> None:
    state = made(random_plugin, length=20)
    assert isinstance(state["result"], Secret)
    assert isinstance(state["bcryptHash"], Secret)
    assert bcrypt.checkpw(state["result"].value.encode(), state["bcryptHash"].value.encode())


def test_a_long_password_is_hashed_by_its_first_72_bytes(random_plugin: Plugin) -> None:
    state = made(random_plugin, length=100)
    assert len(state["result"].value) == 100


def test_letters_and_digits_alone(random_plugin: Plugin) -> None:
    assert made(random_plugin, length=40, special=False)["result"].value.isalnum()


def test_at_least_so_many_of_each_kind(random_plugin: Plugin) -> None:
    counts = {"minLower": 2, "minUpper": 3, "minNumeric": 4, "minSpecial": 5}
    password = made(random_plugin, length=14, overrideSpecial="_", **counts)["result"].value
    kinds = (str.islower, str.isupper, str.isdigit, lambda letter: letter == "_")
    assert [sum(map(kind, password)) for kind in kinds] == [2, 3, 4, 5]


def test_too_short_for_its_kinds_is_refused(random_plugin: Plugin) -> None:
    failures = random_plugin.check(TYPE, {"length": 3, "minLower": 4}).failures
    assert [failure.property for failure in failures] == ["length"]


@pytest.mark.parametrize(
    "change", [{"length": 21}, {"special": False}, {"keepers": {"a": "1"}}, {"minLower": 1}, {"overrideSpecial": "_"}]
)
def test_every_change_replaces(random_plugin: Plugin, change: dict[str, Any]) -> None:
    state = made(random_plugin, length=20)
    response = random_plugin.diff(TYPE, state, random_plugin.inputs(TYPE, {"length": 20, **change}))
    assert list(response.replaces) == list(change)
    assert not response.deleteBeforeReplace


def test_the_same_inputs_keep_it(random_plugin: Plugin) -> None:
    inputs = random_plugin.inputs(TYPE, {"length": 20, "special": False})
    assert not random_plugin.diff(TYPE, random_plugin.create(TYPE, inputs)[1], inputs).diffs


def test_a_preview_does_not_know_it(random_plugin: Plugin) -> None:
    assert random_plugin.create(TYPE, random_plugin.inputs(TYPE, {"length": 20}), preview=True)[1]["result"] == UNKNOWN

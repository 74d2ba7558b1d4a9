"""Who holds the lease on a stack. What the host answers, the lab tests show."""

import os
import re
import subprocess
import sys

import pytest

from components import preflight


def test_a_run_of_this_machine_that_ended_is_dead() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    machine = preflight._machine()
    assert preflight._is_dead(f"{machine}:{ended.pid}")
    assert not preflight._is_dead(f"{machine}:{os.getpid()}")
    assert not preflight._is_dead(f"another-machine:{ended.pid}"), "nobody here can know"


def test_the_owner_is_one_harmless_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", 'octo cat";rm -rf /')
    assert preflight._owner() == "octo_cat__rm_-rf__"
    monkeypatch.delenv("GITHUB_ACTOR")
    assert re.fullmatch(r"[\w.@-]+", preflight._owner())


def test_the_commit_is_that_of_the_program() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?|unknown", preflight._commit())

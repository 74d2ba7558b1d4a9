import sys
import threading
import time
from pathlib import Path

import pytest

from lab.deploy import diagnosis
from lab.steps import StepError, Steps, cause


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path, {"LAB_RUN": "here"})


def test_a_step_that_passes_says_what_it_took(steps: Steps, capsys: pytest.CaptureFixture[str]) -> None:
    with steps.step("Docker engine") as step:
        printed = step.run("echo", "hello", way_out="none")
        step.note = "found"
    assert printed == "hello\n"
    assert capsys.readouterr().out == "✓ Docker engine: found (0 s)\n"
    assert (steps.log_dir / "docker-engine.log").read_text() == "hello\n"


def test_a_failing_command_gives_cause_way_out_and_log(steps: Steps, capsys: pytest.CaptureFixture[str]) -> None:
    script = "echo fetching; echo 'E: Unable to locate package x' >&2; echo done; exit 100"
    with pytest.raises(StepError) as raised, steps.step("base") as step:
        step.run("sh", "-c", script, way_out="try again")
    assert str(raised.value) == "base: E: Unable to locate package x"
    assert raised.value.way_out == "try again"
    assert raised.value.log == steps.log_dir / "base.log"
    assert capsys.readouterr().out == "✗ base (0 s)\n"


def test_a_missing_program_is_named(steps: Steps) -> None:
    with pytest.raises(StepError, match="no-such-program is not installed"), steps.step("x") as step:
        step.run("no-such-program", way_out="install it")


def test_a_command_that_hangs_is_ended(steps: Steps) -> None:
    with pytest.raises(StepError, match="no answer within 0 s"), steps.step("x") as step:
        step.run("sleep", "60", way_out="wait", timeout_s=0.2)


def test_commands_carry_the_mark(steps: Steps) -> None:
    with steps.step("x") as step:
        assert step.run("sh", "-c", "echo $LAB_RUN", way_out="none") == "here\n"


def test_a_failure_ends_what_runs_beside_it(steps: Steps) -> None:
    ended = threading.Event()

    def long() -> None:
        with steps.step("long") as step:
            try:
                step.run("sleep", "60", way_out="none")
            finally:
                ended.set()

    def failing() -> None:
        with steps.step("failing") as step:
            time.sleep(0.3)
            step.run("false", way_out="none")

    started = time.monotonic()
    with pytest.raises(StepError, match="failing: false ended with status 1"):
        steps.parallel(long, failing)
    assert ended.is_set()
    assert time.monotonic() - started < 20


def test_progress_without_a_terminal_is_a_line_now_and_then(
    steps: Steps, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.steps.INTERVAL_S", 0.2)
    with steps.shown(), steps.step("engine") as step:
        step.run(sys.executable, "-c", "import time; print('half way', flush=True); time.sleep(1)", way_out="none")
    assert "… engine (0 s) half way\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("", ""),
        ("one\ntwo\n", "two"),
        ("\x1b[31merror: red\x1b[0m\nbye", "error: red"),
        ("#5 E: no such package\n#5 ERROR: failed to solve: exit code: 100", "#5 E: no such package"),
        ("10%\r50%\rfailed to fetch\r", "failed to fetch"),
    ],
)
def test_cause(printed: str, expected: str) -> None:
    assert cause(printed) == expected


def test_diagnosis_names_the_resource() -> None:
    printed = """
Diagnostics:
  pulumi:pulumi:Stack (a4co-lab):
    error: update failed
  docker:index:Container (order):
    error: container exited
"""
    assert diagnosis(printed) == "docker:index:Container (order): container exited"


def test_diagnosis_of_a_command_is_all_that_it_printed() -> None:
    printed = """
 ~  command:remote:Command release **updating failed** [diff: ~stdin]; error: Process exited with status 1: running "x":
Diagnostics:
  command:remote:Command (release):
    error: Process exited with status 1: running "bash release.sh ...":
    nginx: unknown "x" variable
    release 1 was not routed: nginx refuses the routes

  pulumi:pulumi:Stack (a4co-lab):
    error: update failed
"""
    assert diagnosis(printed) == (
        "command:remote:Command (release): Process exited with status 1: "
        'nginx: unknown "x" variable; release 1 was not routed: nginx refuses the routes'
    )

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import leftovers
from lab.checkout import Checkout

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")


def test_what_a_killed_run_left_is_ended_and_nothing_else(tmp_path: Path) -> None:
    checkout, other = Checkout(tmp_path / "one"), Checkout(tmp_path / "other")
    sleep = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    left, foreign = (
        subprocess.Popen(sleep, env={**os.environ, **leftovers.mark(owner)}, stdout=subprocess.PIPE)
        for owner in (checkout, other)
    )
    try:
        for process in (left, foreign):
            assert process.stdout
            process.stdout.readline()
        leftovers.end(checkout)
        assert left.wait(10) == -9
        assert foreign.poll() is None
    finally:
        foreign.kill()
        foreign.wait()
        for process in (left, foreign):
            assert process.stdout
            process.stdout.close()


def test_a_pulumi_that_works_is_told_to_finish_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkout, saved = Checkout(tmp_path), tmp_path / "saved"
    script = (
        "import pathlib, signal, time, ctypes\n"
        "ctypes.CDLL(None).prctl(15, b'pulumi')\n"  # the name that /proc shows
        f"signal.signal(signal.SIGINT, lambda *_: (pathlib.Path({str(saved)!r}).touch(), exit(0)))\n"
        "print(flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, **leftovers.mark(checkout)}, stdout=subprocess.PIPE
    )
    assert process.stdout
    process.stdout.readline()
    leftovers.end(checkout)
    assert process.wait(10) == 0
    process.stdout.close()
    assert saved.exists()
    assert f"process {process.pid}" in capsys.readouterr().out

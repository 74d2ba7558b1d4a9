"""The checkout's own Python environment, `.venv`, as requirements-dev.txt pins it. Runs on any Python, to say so."""

import fcntl
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements-dev.txt"
VENV = ROOT / ".venv"
STAMP = VENV / "requirements-dev.txt"  # what was installed, written last: an interrupted install is done again
LOG = ROOT / ".lab" / "log" / "python-packages.log"


def main() -> None:
    """Install where something changed; two runs at once take turns."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before the right Python is known
        sys.exit(
            f"Python 3.11 or newer is needed, not {sys.version.split()[0]}: name it, as in `make up PYTHON=python3.12`"
        )
    if _installed():
        return
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with (ROOT / ".lab" / "venv.lock").open("w") as lock, LOG.open("w") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _installed():
            return
        started = time.monotonic()
        print("… Python packages", flush=True)
        STAMP.unlink(missing_ok=True)
        venv = [sys.executable, "-m", "venv", "--clear", str(VENV)]
        _run(venv, log, "install Python's venv module (Debian: apt-get install python3-venv)")
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "-r", str(REQUIREMENTS)]
        _run(pip, log, "check that the Python package index answers, then run it again")
        shutil.copy(REQUIREMENTS, STAMP.with_suffix(".new"))
        STAMP.with_suffix(".new").replace(STAMP)
        print(f"✓ Python packages ({time.monotonic() - started:.0f} s)", flush=True)


def _installed() -> bool:
    return STAMP.is_file() and STAMP.read_bytes() == REQUIREMENTS.read_bytes()


def _run(command: list, log, way_out: str) -> None:
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    while True:
        try:
            status = process.wait(15)
            break
        except subprocess.TimeoutExpired:
            print(f"… Python packages ({time.monotonic() - started:.0f} s)", flush=True)
    if status:
        said = [line for line in LOG.read_text(errors="replace").splitlines() if "error" in line.lower()]
        sys.exit(f"✗ Python packages: {said[-1] if said else 'pip failed'}\n  {way_out}; log: {LOG}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

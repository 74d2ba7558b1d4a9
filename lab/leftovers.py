"""Programs that a killed run left behind. Every command of a run carries a mark, and so do all that it starts."""

import os
import signal
import time
from pathlib import Path

from lab.checkout import Checkout

VARIABLE = "LAB_RUN"
_PATIENCE_S = 60


def mark(checkout: Checkout) -> dict[str, str]:
    """The variable that says: started by a run on this checkout, under its lock."""
    return {VARIABLE: str(checkout.root)}


def end(checkout: Checkout) -> None:
    """End what still runs of earlier runs. Only for a run that holds the checkout's lock."""
    found = _marked(checkout)
    working = [pid for pid in found if _name(pid) == "pulumi"]
    if working:
        print(f"… a killed run's pulumi is still at work (process {working[0]}): it is told to finish", flush=True)
    # An engine that is interrupted waits for what is in flight and saves its state.
    _signal(working, signal.SIGINT)
    _gone(checkout, working)
    rest = _marked(checkout)
    _signal(rest, signal.SIGKILL)
    _gone(checkout, rest)


def _marked(checkout: Checkout) -> list[int]:
    """Processes with the mark; none where the system has no /proc to ask."""
    entry = f"{VARIABLE}={checkout.root}".encode()
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if entry in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _gone(checkout: Checkout, pids: list[int]) -> None:
    end_at = time.monotonic() + _PATIENCE_S
    while set(pids) & set(_marked(checkout)) and time.monotonic() < end_at:
        time.sleep(0.2)

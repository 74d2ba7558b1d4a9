"""Long steps: what is happening, for how long, and a failure in two lines."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

INTERVAL_S = 15
_CAUSE = re.compile(r"\b(error|failed|fatal|denied|cannot|can't|no such|not found|E:)", re.IGNORECASE)
_HOLLOW = re.compile(r"failed to solve|did not complete|returned a non-zero")  # says only that something failed
_NOISE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class StepError(Exception):
    """A step failed: why, and what to do."""

    def __init__(self, cause: str, way_out: str, log: Path | None = None) -> None:
        super().__init__(cause)
        self.cause, self.way_out, self.log = cause, way_out, log


class Step:
    """One step that runs: its commands write to its log."""

    def __init__(self, title: str, log: Path, steps: "Steps") -> None:
        self.title, self.log, self.steps = title, log, steps
        self.started = time.monotonic()
        self.note = ""
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started

    def last_line(self) -> str:
        """The newest line of the log."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 2000))
            return (_lines(file.read().decode(errors="replace")) or [""])[-1]

    def run(
        self,
        *command: str | Path,
        way_out: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: Path | None = None,
        timeout_s: float | None = None,
        explain: Callable[[str], str] | None = None,
    ) -> str:
        """Run a command and return what it printed; raise a StepError that names the cause when it fails.

        `explain` finds the cause in what it printed, where it knows better than `cause`.
        """
        self.steps.check()
        start = self.log.stat().st_size
        # Straight into the file: a command that outlives this process must not die of a broken pipe.
        with self.log.open("ab") as output, open(stdin or "/dev/null", "rb") as source:
            try:
                process = subprocess.Popen(
                    [str(part) for part in command],
                    stdin=source, stdout=output, stderr=subprocess.STDOUT, cwd=cwd,
                    env={**(env or os.environ), **self.steps.mark},
                )  # fmt: skip
            except FileNotFoundError:
                raise StepError(f"{command[0]} is not installed", way_out, self.log) from None
        with self.steps.watched(process):
            try:
                status = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise StepError(f"no answer within {timeout_s:.0f} s", way_out, self.log) from None
        with self.log.open("rb") as file:
            file.seek(start)
            printed = file.read().decode(errors="replace")
        self.steps.check()
        if status:
            why = (explain and explain(printed)) or cause(printed) or f"{command[0]} ended with status {status}"
            raise StepError(why, way_out, self.log)
        return printed


class Steps:
    """The steps of one run. On a terminal they show live, elsewhere as a line now and then."""

    def __init__(self, log_dir: Path, mark: Mapping[str, str]) -> None:
        self.log_dir = log_dir
        self.mark = mark  # variables that every command gets
        self.console = Console(highlight=False, soft_wrap=True)
        self.running: list[Step] = []
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._stopped = threading.Event()
        self._said = time.monotonic()
        self._live = Live(console=self.console, get_renderable=self._table, refresh_per_second=4, transient=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """One step, timed and shown. What it took goes into `step.note`."""
        self.check()
        log = self.log_dir / (re.sub(r"\W+", "-", title.lower()).strip("-") + ".log")
        step = Step(title, log, self)
        self.running.append(step)
        try:
            yield step
        except StepError as error:
            if not self._stopped.is_set():
                error.args = (f"{title}: {error.cause}",)
                self.say(f"[red]✗[/] {title} ({step.seconds:.0f} s)")
            raise
        finally:
            self.running.remove(step)
        note = f": {step.note}" if step.note else ""
        self.say(f"[green]✓[/] {title}{note} ({step.seconds:.0f} s)")

    def say(self, line: str) -> None:
        """A line that stays, above the live display."""
        self.console.print(line)
        sys.stdout.flush()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show running steps for as long as the block runs; end their commands when it is interrupted."""
        done = threading.Event()
        teller = threading.Thread(target=self._tell, args=(done,), daemon=True)
        signal.signal(signal.SIGTERM, self._terminated)
        try:
            if self.console.is_terminal:
                with self._live:
                    yield
            else:
                teller.start()
                yield
        except KeyboardInterrupt:
            self._stop()
            raise
        finally:
            done.set()

    def hand_over(self, *command: str, env: Mapping[str, str], cwd: Path) -> int:
        """Give the terminal to a command, to its end; its exit status."""
        self._live.stop()
        process = subprocess.Popen(command, env={**env, **self.mark}, cwd=cwd)
        with self.watched(process):
            return process.wait()

    def parallel(self, *jobs: Callable[[], None]) -> None:
        """Run jobs side by side; the first failure ends the others' commands."""
        with ThreadPoolExecutor(len(jobs)) as pool:
            futures = [pool.submit(job) for job in jobs]
            try:
                finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            except KeyboardInterrupt:
                self._stop()
                raise
            failed = [error for future in finished if (error := future.exception())]
            if failed:
                self._stop()
                raise failed[0]

    def check(self) -> None:
        """Raise when the run was told to stop."""
        if self._stopped.is_set():
            raise StepError("stopped", "run it again: it carries on from here")

    @contextmanager
    def watched(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Know of a process while it runs, to end it with the run."""
        self._processes.add(process)
        try:
            yield
        except KeyboardInterrupt:
            # The terminal told the command as well: let it end in order (the engine saves its state).
            self.say("stopping; what runs is brought to an end")
            process.wait()
            raise
        finally:
            self._processes.discard(process)

    def _terminated(self, *_: object) -> None:
        """As Ctrl-C on a terminal does: tell the commands as well."""
        for process in list(self._processes):
            process.send_signal(signal.SIGINT)
        raise KeyboardInterrupt

    def _stop(self) -> None:
        self._stopped.set()
        for process in list(self._processes):
            process.terminate()

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for _ in range(4):
            table.add_column(no_wrap=True)
        for step in list(self.running):
            table.add_row("[yellow]…[/]", step.title, f"{step.seconds:.0f} s", f"[dim]{_short(step.last_line())}[/]")
        return table

    def _tell(self, done: threading.Event) -> None:
        while not done.wait(INTERVAL_S):
            for step in list(self.running):
                self.say(f"… {step.title} ({step.seconds:.0f} s) {_short(step.last_line())}")


def cause(printed: str) -> str:
    """The line of a command's output that says why it failed: the last that speaks of an error, else the last."""
    lines = _lines(printed)
    telling = [line for line in lines if _CAUSE.search(line)]
    best = [line for line in telling if not _HOLLOW.search(line)]
    return next(reversed(best or telling or lines), "")[:300]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in re.split(r"[\r\n]+", _NOISE.sub("", text)) if line.strip()]


def _short(line: str) -> str:
    return line[:80].replace("[", "\\[")

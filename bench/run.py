"""Commands that are timed, and the lab host on which they act."""

import json
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import host
from lab.checkout import Checkout

# Everything that either side makes on the host: its labels, the beginning of its names, its folders.
_CLEAR = """\
set -eu
for kind in container network volume; do
    case $kind in container) all=-a remove='rm -f -v' ;; *) all='' remove=rm ;; esac
    for mine in label=a4co.stack=bench label=com.docker.compose.project=bench name=^/?a4co-bench-; do
        docker $kind ls $all -q --filter "$mine" | xargs -r docker $kind $remove >/dev/null
    done
done
rm -rf ~/a4co/bench ~/bench
"""


class BenchError(Exception):
    """A measurement that would mean nothing; the message says why."""


@dataclass(frozen=True)
class Done:
    """A command that ended: how long it took, whether it succeeded, what it printed."""

    seconds: float
    ok: bool
    printed: str

    def must(self, *, fail: bool = False) -> "Done":
        """This one, if it ended as it had to."""
        if self.ok is fail:
            raise BenchError(f"{'succeeded' if fail else 'failed'}, which was not to be:\n{self.printed[-4000:]}")
        return self


def timed(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: str = ""
) -> Done:
    """Run a command to its end; an interruption lets it finish first."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, env=env, cwd=cwd, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        printed, _ = process.communicate(stdin)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.communicate()
        raise
    return Done(time.monotonic() - began, process.returncode == 0, printed)


class Host:
    """The lab host over SSH, as the measurements prepare it and look at it."""

    def __init__(self, checkout: Checkout) -> None:
        self._ssh = host.on(checkout).ssh

    def sh(self, script: str) -> str:
        """Run a script on the host; what it printed."""
        return timed([*self._ssh, "bash -s"], stdin=script).must().printed

    def clear(self) -> None:
        """Remove all that this bench has ever made on the host, but its images."""
        self.sh(_CLEAR)

    def containers(self) -> dict[str, dict[str, Any]]:
        """`docker inspect` of every running container of the bench, by its part of the platform."""
        found = json.loads(self.sh("docker ps -q | xargs -r docker inspect || true") or "[]")
        labels = ((container["Config"]["Labels"], container) for container in found)
        return {
            one.get("a4co.component") or one["com.docker.compose.service"]: container
            for one, container in labels
            if one.get("a4co.stack") == "bench" or one.get("com.docker.compose.project") == "bench"
        }

    def build(self, tag: str, dockerfile: str) -> None:
        """Have an image on the host."""
        self.sh(f"docker build --quiet --tag {tag} - <<'END'\n{dockerfile}END\n")

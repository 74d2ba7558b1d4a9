"""What belongs to this checkout: its folder, its names, ports and addresses, and the lock on them."""

import fcntl
import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Network
from pathlib import Path

SLOTS = 1000


@dataclass(frozen=True)
class Checkout:
    """One working copy of the repository. Two of them share no name, no port and no subnet."""

    root: Path

    @property
    def dir(self) -> Path:
        """Everything that the lab keeps: ignored by git, removed by `make clean`."""
        return self.root / ".lab"

    @property
    def digest(self) -> str:
        """Eight characters that stand for the checkout's path."""
        return hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:8]

    @property
    def name(self) -> str:
        """Name of the lab's container, network, volumes and image."""
        return f"a4co-lab-{self.digest}"

    @property
    def registry(self) -> str:
        """Name of the lab's registry: container, volume and image."""
        return f"{self.name}-registry"

    @property
    def acme(self) -> str:
        """Name of the lab's ACME authority: container and image."""
        return f"{self.name}-acme"

    @property
    def slot(self) -> int:
        """The number that gives ports and subnet: the one taken earlier, else the one that the path suggests."""
        try:
            return int((self.dir / "slot").read_text())
        except (FileNotFoundError, ValueError):
            return int(self.digest, 16) % SLOTS

    @property
    def ports(self) -> dict[str, int]:
        """This machine's ports that lead to the lab's. Below the range that outgoing connections use."""
        first = 20000 + 10 * self.slot
        return {"ssh": first, "http": first + 1, "https": first + 2, "registry": first + 3, "acme": first + 4}

    @property
    def subnet(self) -> str:
        """The lab's network, outside the ranges that Docker and the platform use."""
        return f"10.{90 + self.slot // 256}.{self.slot % 256}.0/24"

    @property
    def subnet6(self) -> IPv6Network:
        """The same for IPv6; the lab host has its sixteenth address."""
        return IPv6Network(f"fd00:a4c0:1ab:{self.slot:x}::/64")

    def take_slot(self) -> None:
        """Settle on the first slot, from the suggested one on, whose ports are free; it stays this checkout's."""
        if (self.dir / "slot").exists():
            return
        first = self.slot
        for number in (*range(first, SLOTS), *range(first)):
            if all(_is_free(20000 + 10 * number + offset) for offset in range(5)):
                write(self.dir / "slot", str(number))
                return
        raise OSError("no free ports between 20000 and 30000")

    @contextmanager
    def lock(self, command: str, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold the checkout for one command; a second one waits, after `waiting` was told who holds it."""
        path = self.dir / "lock"
        while True:
            self.dir.mkdir(exist_ok=True)
            with path.open("a+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    file.seek(0)
                    waiting(file.read().strip())
                    fcntl.flock(file, fcntl.LOCK_EX)
                # `make clean` removes the file: a lock on a removed file protects nothing.
                if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    continue
                file.truncate(0)
                file.write(f"make {command}, process {os.getpid()}")
                file.flush()
                yield
                return


def write(path: Path, content: str, mode: int = 0o644) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.touch(mode=mode)
    new.write_text(content)
    new.chmod(mode)
    new.replace(path)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

"""A build context: what .dockerignore leaves of it, its hash, and its archive."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

DOCKERFILE = "Dockerfile"


class Ignore:
    """The patterns of a .dockerignore. The last one that matches decides; `!` takes a file back in."""

    def __init__(self, lines: list[str]) -> None:
        self._rules: list[tuple[bool, re.Pattern[str]]] = []
        for line in lines:
            pattern = line.strip()
            if not pattern or line.startswith("#"):
                continue
            back = pattern.startswith("!")
            cleaned = os.path.normpath(pattern.removeprefix("!").strip()).strip("/")
            if cleaned != ".":
                self._rules.append((back, _regex(cleaned)))

    @classmethod
    def of(cls, context: Path, dockerfile: Path) -> Ignore:
        """The Dockerfile's own ignore file wins over the context's."""
        for candidate in (Path(f"{dockerfile}.dockerignore"), context / ".dockerignore"):
            if candidate.is_file():
                return cls(candidate.read_text().splitlines())
        return cls([])

    @property
    def takes_back(self) -> bool:
        """Whether a folder that is ignored may still hold files that are not."""
        return any(back for back, _ in self._rules)

    def matches(self, path: str) -> bool:
        """Whether the path, or a folder above it, is ignored."""
        ignored = False
        for back, pattern in self._rules:
            if ignored == back and pattern.match(path):
                ignored = not back
        return ignored


def _regex(pattern: str) -> re.Pattern[str]:
    """Go's path patterns, `**` for any number of folders; a folder stands for all below it."""
    out, i = "", 0
    while i < len(pattern):
        if pattern.startswith("**", i):
            i += 2
            if pattern.startswith("/", i):
                i += 1
                out += "(?:.*/)?"
            else:
                out += ".*"
        elif pattern[i] == "[" and "]" in pattern[i:]:
            end = pattern.index("]", i)
            out += pattern[i : end + 1]
            i = end + 1
        else:
            if pattern[i] == "\\" and i + 1 < len(pattern):
                i += 1
                out += re.escape(pattern[i])
            else:
                out += {"*": "[^/]*", "?": "[^/]"}.get(pattern[i], re.escape(pattern[i]))
            i += 1
    return re.compile(f"{out}(?:/.*)?$", re.DOTALL)


def files(context: Path, ignore: Ignore) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Every file of the context that is not ignored, in a fixed order, with its path inside the context."""

    def walk(folder: Path, prefix: str) -> Iterator[tuple[str, Path, os.stat_result]]:
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            path = f"{prefix}{entry.name}"
            info = entry.lstat()
            if stat.S_ISDIR(info.st_mode):
                if not ignore.matches(path) or ignore.takes_back:
                    yield from walk(entry, f"{path}/")
            elif not ignore.matches(path):
                yield path, entry, info

    yield from walk(context, "")


def digest(context: Path, dockerfile: Path) -> str:
    """A hash over path, mode and content of every file, and over the Dockerfile, wherever it is."""
    total = hashlib.sha256()

    def add(name: str, mode: str, content: bytes) -> None:
        total.update(name.encode() + mode.encode() + content + b"\0")

    add(DOCKERFILE, "----------", _content_hash(dockerfile, dockerfile.stat()))
    for path, file, info in files(context, Ignore.of(context, dockerfile)):
        add(path, stat.filemode(info.st_mode), _content_hash(file, info))
    return total.hexdigest()


def _content_hash(file: Path, info: os.stat_result) -> bytes:
    if stat.S_ISLNK(info.st_mode):
        # Where the link leads, not what is there.
        return hashlib.sha256(os.path.realpath(file).encode()).digest()
    if not stat.S_ISREG(info.st_mode):
        return hashlib.sha256().digest()
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").digest()


def write_archive(context: Path, dockerfile: Path, out: BinaryIO) -> str:
    """Write the context as a tar stream; returns the Dockerfile's path inside it."""
    inside = os.path.relpath(dockerfile, context)
    if inside.startswith("../"):
        inside = ".dockerfile.outside"
    # A plain header first: the builder knows an archive by its first kilobyte, and a PAX header would fill that.
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        # The builder needs the Dockerfile even where it is ignored or lies elsewhere.
        _add(tar, inside, dockerfile)
        for path, file, info in files(context, Ignore.of(context, dockerfile)):
            if path != inside and (stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)):
                _add(tar, path, file)
    return inside


def _add(tar: tarfile.TarFile, path: str, file: Path) -> None:
    entry = tar.gettarinfo(str(file), arcname=path)
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    if entry.isreg():
        with file.open("rb") as data:
            tar.addfile(entry, data)
    else:
        tar.addfile(entry)

"""SFTP for CopyToRemote: where a source lands, as the official provider decides it."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

import asyncssh

from lab.plugins.command.ssh import connected
from lab.plugins.provider import ProviderError
from lab.plugins.wire import ARCHIVE, SIGNATURE, Properties


async def copy(inputs: Properties) -> None:
    """Copy the asset or archive `source` to `remotePath`; folders above it are made."""
    async with connected(inputs["connection"], lambda _: None) as client, client.start_sftp_client() as sftp:
        try:
            await _copy(sftp, inputs["source"], inputs["remotePath"])
        except asyncssh.SFTPError as error:
            raise ProviderError(f"failed to copy to remote path {inputs['remotePath']}: {error.reason}") from error


async def _copy(sftp: asyncssh.SFTPClient, source: Properties, target: str) -> None:
    if "uri" in source:
        raise ProviderError("the stand-in does not serve assets from a URI")
    if "path" in source:
        await _copy_path(sftp, source["path"], target)
    elif source.get(SIGNATURE) == ARCHIVE:
        await _copy_entries(sftp, source.get("assets", {}), target)
    else:
        if await sftp.isdir(target):
            raise ProviderError(
                f"remote path {target} is a directory; when using a text asset, remotePath must be a file path"
            )
        await _write(sftp, source.get("text", "").encode(), target)


async def _copy_path(sftp: asyncssh.SFTPClient, source: str, target: str) -> None:
    path = Path(source)
    if not path.exists():
        raise ProviderError(f"open {source}: no such file or directory")
    if not path.is_dir():
        target = posixpath.join(target, path.name) if await sftp.isdir(target) else target
        await _write(sftp, path.read_bytes(), target)
        return
    # `folder` is copied into the target, `folder/` only what is in it.
    target = target if source.endswith("/") else posixpath.join(target, path.name)
    await _make(sftp, target)
    for entry in sorted(path.rglob("*")):
        inside = posixpath.join(target, entry.relative_to(path).as_posix())
        await (_make(sftp, inside) if entry.is_dir() else _write(sftp, entry.read_bytes(), inside))


async def _copy_entries(sftp: asyncssh.SFTPClient, entries: dict[str, Any], target: str) -> None:
    await _make(sftp, target)
    for name, entry in entries.items():
        await _copy(sftp, entry, posixpath.join(target, name))


async def _make(sftp: asyncssh.SFTPClient, folder: str) -> None:
    if await sftp.exists(folder) and not await sftp.isdir(folder):
        raise ProviderError(f"remote path {folder} exists but is not a directory")
    await sftp.makedirs(folder, exist_ok=True)


async def _write(sftp: asyncssh.SFTPClient, data: bytes, target: str) -> None:
    await sftp.makedirs(posixpath.dirname(target) or ".", exist_ok=True)
    async with sftp.open(target, "wb") as remote:
        await remote.write(data)

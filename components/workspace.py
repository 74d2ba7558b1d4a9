"""The part of a pnpm workspace that one service is built from.

A build context of the whole workspace would change, and rebuild every service, with each change of any one.
"""

import json
import shutil
from pathlib import Path

import yaml
from pathspec import GitIgnoreSpec

_ROOT_FILES = ("package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc", ".dockerignore", "tsconfig*.json")
_CACHE = Path(".cache/contexts")


class WorkspaceError(Exception):
    """The folder is not a package of the pnpm workspace."""


def slice_workspace(workspace: str, folder: str) -> str:
    """Copy the service, the packages of the workspace that it needs, and the root's manifests; return the copy's path.

    The copy is the same for the same sources, whatever happens in the rest of the workspace.
    """
    root = Path(workspace)
    packages = _packages(root)
    if folder not in packages:
        raise WorkspaceError(f"{workspace}: {folder} is not a package of this pnpm workspace")
    target = _CACHE / workspace.replace("/", "_") / folder.replace("/", "_")
    ignored = _ignored(root)
    wanted = {path.relative_to(root) for pattern in _ROOT_FILES for path in root.glob(pattern)}
    for needed in _closure(folder, packages):
        files = (path.relative_to(root) for path in _files(root / needed))
        wanted |= {path for path in files if not ignored.match_file(str(path))}
    _mirror(root, target, wanted)
    return str(target)


def _packages(root: Path) -> dict[str, dict[str, object]]:
    """Manifest of every package, by its folder."""
    listing = root / "pnpm-workspace.yaml"
    if not listing.is_file():
        raise WorkspaceError(f"{root} has no pnpm-workspace.yaml")
    patterns: list[str] = yaml.safe_load(listing.read_text()).get("packages") or []
    found: dict[str, dict[str, object]] = {}
    for pattern in patterns:
        if pattern.startswith("!"):
            continue
        for manifest in root.glob(f"{pattern}/package.json"):
            if "node_modules" not in manifest.parts:
                found[str(manifest.parent.relative_to(root))] = json.loads(manifest.read_text())
    return found


def _closure(folder: str, packages: dict[str, dict[str, object]]) -> set[str]:
    """The folder and those of all packages of the workspace that it depends on."""
    folders = {manifest.get("name"): path for path, manifest in packages.items()}
    needed, todo = {folder}, [folder]
    while todo:
        manifest = packages[todo.pop()]
        for group in ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies"):
            names = manifest.get(group) or {}
            assert isinstance(names, dict)  # noqa: S101
            for name in names:
                path = folders.get(name)
                if path is not None and path not in needed:
                    needed.add(path)
                    todo.append(path)
    return needed


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "node_modules" not in path.parts]


def _ignored(root: Path) -> GitIgnoreSpec:
    path = root / ".dockerignore"
    return GitIgnoreSpec.from_lines(path.read_text().splitlines() if path.is_file() else [])


def _mirror(root: Path, target: Path, wanted: set[Path]) -> None:
    """Make `target` hold exactly the wanted files."""
    target.mkdir(parents=True, exist_ok=True)
    present = {path.relative_to(target) for path in target.rglob("*") if path.is_file()}
    for path in present - wanted:
        (target / path).unlink()
    for path in sorted(wanted):
        copy = target / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.is_file() or copy.read_bytes() != (root / path).read_bytes():
            shutil.copyfile(root / path, copy)
        copy.chmod((root / path).stat().st_mode & 0o755 | 0o644)

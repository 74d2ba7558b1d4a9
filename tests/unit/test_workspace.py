"""A service is built from its own part of the workspace: what else changes there does not rebuild it."""

import json
from pathlib import Path

import pytest

from components.workspace import WorkspaceError, slice_workspace


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of somebody else's: two services, a shared package, and one that nobody needs."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "shop"
    for folder, name, needs in [
        ("services/a", "a", ["shared"]),
        ("services/b", "b", []),
        ("libs/shared", "shared", ["deep"]),
        ("libs/deep", "deep", []),
        ("libs/other", "other", []),
    ]:
        package = root / folder
        package.mkdir(parents=True)
        manifest = {"name": name, "dependencies": dict.fromkeys(needs, "workspace:*")}
        (package / "package.json").write_text(json.dumps(manifest))
        (package / "index.ts").write_text(f"export const name = '{name}'\n")
    (root / "pnpm-workspace.yaml").write_text("packages: ['services/*', 'libs/*']\n")
    (root / "package.json").write_text("{}")
    (root / "pnpm-lock.yaml").write_text("lockfileVersion: '9.0'\n")
    (root / ".dockerignore").write_text("node_modules\ndist\n")
    (root / "services/a/dist").mkdir()
    (root / "services/a/dist/main.js").write_text("built on somebody's machine")
    return root


def files(folder: str) -> set[str]:
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


def test_the_service_and_what_it_needs_and_nothing_else() -> None:
    assert files(slice_workspace("shop", "services/a")) == {
        "package.json",
        "pnpm-lock.yaml",
        "pnpm-workspace.yaml",
        ".dockerignore",
        *(
            f"{folder}/{name}"
            for folder in ("services/a", "libs/shared", "libs/deep")
            for name in ("package.json", "index.ts")
        ),
    }


def test_a_change_elsewhere_changes_nothing(workspace: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(slice_workspace("shop", "services/b")).rglob("*")}
    (workspace / "services/a/index.ts").write_text("changed\n")
    assert {path: path.stat().st_mtime_ns for path in Path(slice_workspace("shop", "services/b")).rglob("*")} == before


def test_a_removed_file_goes(workspace: Path) -> None:
    folder = slice_workspace("shop", "services/a")
    (workspace / "services/a/index.ts").unlink()
    slice_workspace("shop", "services/a")
    assert "services/a/index.ts" not in files(folder)


def test_a_folder_that_is_no_package_is_an_error() -> None:
    with pytest.raises(WorkspaceError, match="services/c is not a package"):
        slice_workspace("shop", "services/c")

"""docker.Image: what its hash sees, what builds anew, and that a preview neither builds nor connects."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from lab.plugins.docker import context
from lab.plugins.wire import UNKNOWN, Secret, decode
from tests.plugins.conftest import Plugin

TYPE = "docker:index/image:Image"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    app = tmp_path / "app"
    (app / "src").mkdir(parents=True)
    (app / "Dockerfile").write_text("FROM scratch\n")
    (app / "src/main.js").write_text("1\n")
    (app / ".dockerignore").write_text("node_modules\n*.log\n!keep.log\n**/*.tmp\n")
    return app


def digest(folder: Path) -> str:
    return context.digest(folder, folder / "Dockerfile")


def change_content(folder: Path) -> None:
    (folder / "src/main.js").write_text("2\n")


def change_mode(folder: Path) -> None:
    (folder / "src/main.js").chmod(0o755)


def change_name(folder: Path) -> None:
    (folder / "src/main.js").rename(folder / "src/index.js")


def change_dockerfile(folder: Path) -> None:
    (folder / "Dockerfile").write_text("FROM other\n")


def add_kept(folder: Path) -> None:
    (folder / "keep.log").write_text("x")


def add_deep_ignored_name(folder: Path) -> None:
    """A pattern without a folder means the context's top only."""
    (folder / "src/x.log").write_text("x")


@pytest.mark.parametrize(
    "change", [change_content, change_mode, change_name, change_dockerfile, add_kept, add_deep_ignored_name]
)
def test_the_hash_sees(folder: Path, change: Callable[[Path], None]) -> None:
    before = digest(folder)
    change(folder)
    assert digest(folder) != before


@pytest.mark.parametrize("path", ["node_modules/a/b.js", "x.log", "x.tmp", "src/deep/x.tmp"])
def test_the_hash_does_not_see_what_is_ignored(folder: Path, path: str) -> None:
    before = digest(folder)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("x")
    assert digest(folder) == before


def test_the_hash_does_not_see_times(folder: Path) -> None:
    before = digest(folder)
    (folder / "src/main.js").write_text("1\n")
    assert digest(folder) == before


def test_a_links_target_counts_and_not_what_is_there(folder: Path) -> None:
    (folder / "link").symlink_to("src/main.js")
    before = digest(folder)
    (folder / "link").unlink()
    (folder / "link").symlink_to("Dockerfile")
    assert digest(folder) != before


def test_the_dockerfiles_own_ignore_file_wins(folder: Path) -> None:
    before = digest(folder)
    (folder / "Dockerfile.dockerignore").write_text("src\nDockerfile.dockerignore\n")
    alone = digest(folder)
    change_content(folder)
    assert alone == digest(folder) != before


def test_the_archive_holds_what_is_hashed_and_the_dockerfile_first(folder: Path) -> None:
    (folder / "node_modules").mkdir()
    (folder / "node_modules/x").write_text("x")
    data = io.BytesIO()
    assert context.write_archive(folder, folder / "Dockerfile", data) == "Dockerfile"
    data.seek(0)
    with tarfile.open(fileobj=data) as tar:
        assert tar.getnames() == ["Dockerfile", ".dockerignore", "src/main.js"]
        assert {(entry.uid, entry.gid) for entry in tar} == {(0, 0)}


def test_a_dockerfile_outside_travels_under_a_name_of_its_own(folder: Path) -> None:
    outside = folder.parent / "Dockerfile.other"
    outside.write_text("FROM scratch\n")
    data = io.BytesIO()
    assert context.write_archive(folder, outside, data) == ".dockerfile.outside"


def inputs(offline: Plugin, **more: Any) -> dict[str, Any]:
    build = {"context": "app", "dockerfile": "app/Dockerfile", **more.pop("build", {})}
    return offline.inputs(TYPE, {"imageName": "i:1", "skipPush": True, "build": build, **more})


@pytest.mark.usefixtures("folder")
class TestInputs:
    """From here on the provider itself, in a folder with `app/`."""

    def diffs(self, offline: Plugin, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
        response = offline.diff(TYPE, {"__inputs": old}, new)
        assert not response.replaces
        return list(response.diffs)

    def test_a_changed_file_builds_anew(self, offline: Plugin) -> None:
        before = inputs(offline)
        change_content(Path("app"))
        assert self.diffs(offline, before, inputs(offline)) == ["build"]

    def test_nothing_changed_is_no_change(self, offline: Plugin) -> None:
        assert self.diffs(offline, inputs(offline), inputs(offline)) == []

    @pytest.mark.parametrize("build", [{"args": {"A": "1"}}, {"target": "t"}, {"platform": "linux/arm64"}])
    def test_changed_build_options_build_anew(self, offline: Plugin, build: dict[str, Any]) -> None:
        assert self.diffs(offline, inputs(offline), inputs(offline, build=build)) == ["build"]

    def test_a_rotated_registry_password_builds_nothing(self, offline: Plugin) -> None:
        old = inputs(offline, registry={"server": "r", "username": "u", "password": "1"})
        new = inputs(offline, registry={"server": "r", "username": "u", "password": "2"})
        assert self.diffs(offline, old, new) == []
        assert self.diffs(offline, old, inputs(offline, registry={"server": "s"})) == ["registry"]

    def test_a_preview_echoes_the_inputs_and_contacts_nobody(self, offline: Plugin) -> None:
        checked = inputs(offline)
        _, state = offline.create(TYPE, checked, preview=True)
        assert state == checked
        assert "repoDigest" not in state

    def test_build_on_preview_waits_for_known_inputs(self, offline: Plugin) -> None:
        checked = inputs(offline, buildOnPreview=True, build={"args": {"A": UNKNOWN}})
        assert offline.create(TYPE, checked, preview=True)[1] == checked

    def test_build_on_preview_builds(self, offline: Plugin) -> None:
        with pytest.raises(grpc.RpcError, match="Connection refused"):
            offline.create(TYPE, inputs(offline, buildOnPreview=True), preview=True)

    def test_a_refresh_echoes_the_state(self, offline: Plugin) -> None:
        response = offline.read(TYPE, "i:1", {"imageName": "i:1"}, {"repoDigest": "sha256:1"})
        assert decode(response.properties) == {"repoDigest": "sha256:1"}

    def test_delete_contacts_nobody(self, offline: Plugin) -> None:
        offline.delete(TYPE, "i:1", {"imageName": "i:1"})

    def test_old_inputs_may_be_a_secret(self, offline: Plugin) -> None:
        checked = inputs(offline)
        assert self.diffs(offline, Secret(checked), checked) == []  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("build", "message"),
        [
            ({"dockerfile": "Dockerfile"}, 'Try setting `dockerfile` to "app/Dockerfile"'),
            ({"dockerfile": "nowhere"}, 'could not open dockerfile at relative path "nowhere"'),
            ({"builderVersion": "BuilderV9"}, "invalid Docker Builder version"),
        ],
    )
    def test_a_mistake_is_told_with_the_way_out(self, offline: Plugin, build: dict[str, Any], message: str) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            inputs(offline, build=build)
        assert message in caught.value.details()  # type: ignore[attr-defined]

    def test_an_image_to_push_needs_its_registrys_name(self, offline: Plugin) -> None:
        with pytest.raises(grpc.RpcError, match="repository name must be canonical"):
            inputs(offline, skipPush=False)
        assert inputs(offline, skipPush=False, imageName="r.example/i:1")

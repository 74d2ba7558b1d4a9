import json
import re
from importlib.metadata import version
from pathlib import Path

from lab import debian, images, toolchain

ROOT = Path(__file__).parents[2]


def test_debian_13_is_named_where_the_machine_names_its_own_release() -> None:
    suites = {
        "bookworm": "http://mirror.example/debian",
        "bookworm-security": "http://mirror.example/security",
        "nodistro": "http://other.example/",
    }
    written = debian.sources(suites, "bookworm")
    assert re.findall(r"^(?:URIs|Suites): (.*)$", written, re.MULTILINE) == [
        "http://mirror.example/debian", "trixie", "http://mirror.example/security", "trixie-security",
    ]  # fmt: skip


def test_hash_tells_parts_apart() -> None:
    assert debian.hash_of(b"ab", b"c") != debian.hash_of(b"a", b"bc")


def test_every_stand_in_has_a_recipe_and_states_its_version() -> None:
    for name, tag in images.STAND_INS.items():
        assert (images.RECIPES / name / "Dockerfile").is_file()
        assert re.fullmatch(rf"lab/{name}:[\d.]+", tag)


def test_npm_packages_are_pinned_with_hashes_and_name_no_registry() -> None:
    lock = json.loads((images.RECIPES / "npm" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name and not entry.get("inBundle")}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in packages.values())


def test_the_built_engine_is_the_version_of_the_sdk() -> None:
    module = (ROOT / "lab" / "toolchain" / "engine" / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{version('pulumi')}" in module
    assert set(toolchain.PLUGINS) == {"docker", "command", "random"}

"""What linters and the type checker say."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DOCKERFILES = sorted(str(p.relative_to(ROOT)) for d in ("images", "lab/images") for p in (ROOT / d).rglob("Dockerfile"))

WORKFLOWS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / ".github/workflows").iterdir())
ACTIONS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / ".github/actions").rglob("action.yaml"))


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["basedpyright"],
        ["yamllint", "--strict", "-d", "{extends: default, rules: {line-length: {max: 160}, document-start: disable, "
         "braces: {max-spaces-inside: 0}, comments: {min-spaces-from-content: 1}, truthy: {check-keys: false}}}",
         *sorted(path.name for path in ROOT.glob("Pulumi*.yaml")), "config/catalogue.yaml",
         "ops/checklist/items", ".github"],
        ["hadolint", *DOCKERFILES],
        ["zizmor", "--offline", "--quiet", ".github"],
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS],
        ["check-jsonschema", "--builtin-schema", "vendor.github-actions", *ACTIONS],
        ["check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yaml"],
    ],
    ids=lambda command: " ".join(command[:3]),
)  # fmt: skip
def test_nothing_to_complain_about(command: list[str]) -> None:
    done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""What a reviewer sees: without the host, its key, or any real secret."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.lab.conftest import ROOT


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    """The repository as somebody else's machine has it: no state, no key, no agent."""
    ignored = shutil.ignore_patterns(".git", ".lab", ".venv", ".cache", "node_modules", "tests", "__pycache__")
    shutil.copytree(ROOT, tmp_path / "fork", ignore=ignored)
    (tmp_path / "fork" / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path / "fork"


def pulumi(fork: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "SSH_AUTH_SOCK"}
    state = fork.parent / "state"
    state.mkdir(exist_ok=True)
    environment |= {"PULUMI_BACKEND_URL": f"file://{state}", "PULUMI_CONFIG_PASSPHRASE": "of the fork"}
    return subprocess.run(
        ["pulumi", *arguments, "--non-interactive", "--color", "never"],
        cwd=fork, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_fork_previews_production_and_can_not_deploy_it(fork: Path) -> None:
    assert pulumi(fork, "stack", "init", "prod").returncode == 0
    preview = pulumi(fork, "preview", "--stack", "prod")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    assert "stripeSecretKey is not set, needed by payment-service" in preview.stdout
    assert "pulumi config set --secret --stack prod stripeSecretKey" in preview.stdout
    up = pulumi(fork, "up", "--yes", "--skip-preview", "--stack", "prod")
    assert up.returncode != 0
    assert "nothing was changed" in up.stdout + up.stderr
    assert "a4co:index" not in up.stdout, "not even a component was registered"


def test_a_mistake_in_a_stack_file_stops_the_preview(fork: Path) -> None:
    path = fork / "Pulumi.staging.yaml"
    stack = yaml.safe_load(path.read_text())
    stack["config"]["a4co:edge"] = {"httpPort": 443, "drian": "5s"}
    path.write_text(yaml.safe_dump(stack))
    assert pulumi(fork, "stack", "init", "staging").returncode == 0
    preview = pulumi(fork, "preview", "--stack", "staging")
    assert preview.returncode != 0
    assert "edge.drian: is not a known key; did you mean drain?" in preview.stdout
    assert "Traceback" not in preview.stdout + preview.stderr

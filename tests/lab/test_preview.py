"""What a reviewer sees: without the host, its key, or any real secret."""

import os
import shutil
import subprocess
import sys
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


@pytest.fixture
def contribution(fork: Path) -> Path:
    """The same with git: what is changed in it has a base to be compared with."""
    author = ["-c", "user.name=contributor", "-c", "user.email=contributor@example.org"]
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        [*author, "commit", "--quiet", "-m", "base"],
    ):
        subprocess.run(["git", *command], cwd=fork, check=True)
    return fork


def pulumi(fork: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(fork, "pulumi", *arguments, "--non-interactive", "--color", "never")


def ops(fork: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(fork, sys.executable, "-m", "ops", *arguments)


def _run(fork: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "SSH_AUTH_SOCK"}
    state = fork.parent / "state"
    state.mkdir(exist_ok=True)
    environment |= {"PULUMI_BACKEND_URL": f"file://{state}", "PULUMI_CONFIG_PASSPHRASE": "of the fork"}
    return subprocess.run(
        command, cwd=fork, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_a_fork_previews_production_and_can_not_deploy_it(contribution: Path) -> None:
    preview = ops(contribution, "compare", "prod", "HEAD")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    assert "stripeSecretKey is not set, needed by payment-service" in preview.stdout
    assert "pulumi config set --secret --stack prod stripeSecretKey" in preview.stdout
    assert pulumi(contribution, "stack", "init", "prod").returncode == 0
    up = pulumi(contribution, "up", "--yes", "--skip-preview", "--stack", "prod")
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


def test_a_pull_request_shows_exactly_its_change(contribution: Path) -> None:
    stack = contribution / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text() + "  a4co:postgres: {maxConnections: 220}\n")
    source = contribution / "examples/shop/services/order/src/main.ts"
    source.write_text(source.read_text() + "// changed\n")
    done = ops(contribution, "compare", "dev", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[:9] == [
        "### dev",
        "",
        "| part | what visitors notice | changes |",
        "|---|---|---|",
        "| postgres | brief interruption | `postgresql.conf: -max_connections = 200`<br>"
        "`postgresql.conf: +max_connections = 220` |",
        "| order-service | rolling | `rebuilt` |",
        "| images, release | no effect | follows from the above |",
        "",
        "15 of 15 rules of the policy are kept.",
    ]


def test_what_follows_from_names_and_passwords_is_compared_too(contribution: Path) -> None:
    path = contribution / "Pulumi.prod.yaml"
    stack = yaml.safe_load(path.read_text())
    stack["config"]["a4co:stripeSecretKey"] = {"secure": "v1:of:somebody-else"}
    stack["config"]["a4co:services"] = {
        "frontend": {"routes": [{"path": "/shop/"}]},
        "order-service": {"nats": {"consumes": ["PAYMENTS"]}},
    }
    path.write_text(yaml.safe_dump(stack))
    done = ops(contribution, "compare", "prod", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "servers.conf: +    location /shop/ {" in done.stdout, "though the containers' names are not known yet"
    assert "| nats | no effect | `-…" in done.stdout, "though the file holds passwords"
    assert "| payment-service | rolling |" in done.stdout, "it gets the secret"
    assert "stripeSecretKey is not set" not in done.stdout


def test_a_pull_request_that_breaks_something_says_what(contribution: Path) -> None:
    container = contribution / "components/container.py"
    container.write_text(
        container.read_text().replace("read_only=True,\n        tmpfs", "read_only=False,\n        tmpfs")
    )
    path = contribution / "Pulumi.staging.yaml"
    path.write_text(path.read_text() + "  a4co:edge: {drian: 5s}\n")
    mistaken = ops(contribution, "compare", "staging", "HEAD")
    assert mistaken.returncode == 1
    assert (
        "1 mistake(s), nothing was changed\n  - edge.drian: is not a known key; did you mean drain?" in mistaken.stdout
    )
    forbidden = ops(contribution, "policy", "prod")
    assert forbidden.returncode == 1
    assert "error: read-only root: a4co-prod-postgres (what breaks in can't stay)" in forbidden.stdout


@pytest.mark.parametrize("stack", ["lab", "dev", "staging", "prod"])
def test_every_stack_keeps_the_policy(stack: str) -> None:
    done = ops(ROOT, "policy", stack)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error:" not in done.stdout

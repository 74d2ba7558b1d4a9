"""The workflows as data: what they may do, when they run, and that they repeat nothing that is said elsewhere."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pathspec import GitIgnoreSpec

from ops.images import matrix, pin
from ops.stack import OperationError, Stack

ROOT = Path(__file__).parents[2]
WORKFLOWS = {path.stem: path.read_text() for path in (ROOT / ".github/workflows").iterdir()}
# YAML takes the key `on` for a truth value.
PARSED: dict[str, Any] = {name: yaml.safe_load(text.replace("\non:", "\n'on':")) for name, text in WORKFLOWS.items()}
ACTIONS = {path.parent.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/actions").rglob("*.yaml")}
CATALOGUE: dict[str, Any] = yaml.safe_load((ROOT / "config/catalogue.yaml").read_text())
ENVIRONMENTS = {
    path.stem.partition(".")[2]: yaml.safe_load(path.read_text())["config"].get("a4co:environment", "production")
    for path in ROOT.glob("Pulumi.*.yaml")
}
HOSTS = {stack for stack, environment in ENVIRONMENTS.items() if environment != "development"}
STAGING = Stack("staging").platform

# Every permission to write, and nothing else may.
WRITES = {
    ("comment", "comment"): {"pull-requests"},
    ("images", "image"): {"packages", "id-token"},
    ("deploy", "images"): {"packages", "id-token"},
    ("deploy", "staging"): {"contents", "issues"},
    ("promote", "propose"): {"contents", "pull-requests"},
    ("promote", "production"): {"issues"},
    ("rollback", "rollback"): {"issues"},
    ("drift", "drift"): {"issues"},
}


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, workflow in PARSED.items():
        for job, content in workflow["jobs"].items():
            yield name, job, content


def steps() -> Iterator[dict[str, Any]]:
    for _, _, job in jobs():
        yield from job.get("steps", [])
    for action in ACTIONS.values():
        yield from action["runs"]["steps"]


def test_nobody_may_write_who_need_not() -> None:
    assert all(workflow["permissions"] in ({}, {"contents": "read"}) for workflow in PARSED.values())
    granted = {(name, job): {key for key, value in content.get("permissions", {}).items() if value == "write"}
               for name, job, content in jobs()}  # fmt: skip
    assert {place: rights for place, rights in granted.items() if rights} == WRITES


@pytest.mark.parametrize("name", [name for name, workflow in PARSED.items() if "pull_request" in workflow["on"]])
def test_a_fork_gets_no_credential(name: str) -> None:
    assert "secrets." not in WORKFLOWS[name]
    assert ": write" not in WORKFLOWS[name]


def test_a_fork_runs_nowhere_else() -> None:
    assert not any("pull_request_target" in text for text in WORKFLOWS.values())
    assert "actions/checkout" not in WORKFLOWS["comment"], "it has a right to write"


def test_what_people_type_reaches_no_shell_as_code() -> None:
    scripts = [step["run"] for step in steps() if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]


def test_actions_are_pinned_by_commit() -> None:
    used = [line.strip() for path in (ROOT / ".github").rglob("*.yaml") for line in path.read_text().splitlines()]
    used = [line.removeprefix("- ") for line in used if line.removeprefix("- ").startswith("uses:")]
    assert used
    for line in used:
        local = re.fullmatch(r"uses: \./(\.github/\S+)", line)
        assert local or re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
        assert not local or (ROOT / local[1]).exists(), line


def test_credentials_go_to_one_action_of_a_guarded_job() -> None:
    for name, job, content in jobs():
        holders = [step for step in content.get("steps", []) if "secrets." in json.dumps(step)]
        assert all(step["uses"] == "./.github/actions/operate" for step in holders), (name, job)
        assert not holders or "environment" in content, (name, job)
        assert "secrets." not in json.dumps({key: value for key, value in content.items() if key != "steps"})


def test_a_stack_is_changed_by_one_run_at_a_time() -> None:
    groups = {(name, job): content.get("concurrency") for name, job, content in jobs()}
    for place, stack in {
        ("deploy", "staging"): "staging",
        ("promote", "production"): "prod",
        ("rollback", "rollback"): "${{ inputs.stack }}",
    }.items():
        assert groups[place] == {"group": f"stack-{stack}", "cancel-in-progress": False}


def test_every_job_ends() -> None:
    own = [(name, job, content) for name, job, content in jobs() if "uses" not in content]
    assert not [(name, job) for name, job, content in own if "timeout-minutes" not in content]


def test_workflows_can_be_started_by_hand_or_follow_another() -> None:
    by_hand = {name for name, workflow in PARSED.items() if "workflow_dispatch" in workflow["on"]}
    assert set(PARSED) - by_hand == {"preview", "comment"}
    assert PARSED["comment"]["on"]["workflow_run"]["workflows"] == [PARSED["preview"]["name"]]


def test_commands_that_are_called_exist() -> None:
    found = re.findall(r"(?:-m ops|command:) ([a-z]+) ", "\n".join(WORKFLOWS.values()))
    assert {"compare", "matrix", "pin", "up", "promote", "rollback", "preview"} == set(found)
    asked = subprocess.run(
        [sys.executable, "-m", "ops", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(found) <= set(re.findall(r"^    (\w+)", asked.stdout, flags=re.MULTILINE))


def test_stacks_are_those_that_have_a_file() -> None:
    previewed = PARSED["preview"]["jobs"]["preview"]["strategy"]["matrix"]["stack"]
    assert set(previewed) == set(ENVIRONMENTS) - {"lab"}
    assert set(PARSED["drift"]["jobs"]["drift"]["strategy"]["matrix"]["stack"]) == HOSTS
    assert set(PARSED["rollback"]["on"]["workflow_dispatch"]["inputs"]["stack"]["options"]) == HOSTS


def test_services_are_named_in_the_catalogue_alone() -> None:
    assert [job["service"] for job in json.loads(matrix(STAGING))["include"]] == list(CATALOGUE)
    assert not [(name, service) for name, text in WORKFLOWS.items() for service in CATALOGUE if service in text]


def test_the_matrix_says_how_each_image_is_built() -> None:
    found = {job["service"]: job for job in json.loads(matrix(STAGING))["include"]}
    for service, entry in CATALOGUE.items():
        job, build = found[service], entry["build"]
        assert (ROOT / job["context"] / build["folder"]).is_dir()
        assert (ROOT / job["dockerfile"]).is_file()
        assert f"SERVICE={build['folder']}" in job["arguments"].splitlines()
    assert len({job["content"] for job in found.values()}) == len(found)
    assert matrix(STAGING) == matrix(STAGING)


def test_whatever_is_deployed_starts_a_deployment_when_it_changes() -> None:
    filters = GitIgnoreSpec.from_lines(PARSED["deploy"]["on"]["push"]["paths"])
    builds = [entry["build"] for entry in CATALOGUE.values()]
    deployed = [
        *("__main__.py", "Pulumi.yaml", "Pulumi.staging.yaml", "requirements.txt", "config/catalogue.yaml"),
        *(
            str(path.relative_to(ROOT))
            for package in ("components", "config")
            for path in (ROOT / package).rglob("*.py")
        ),
        *(f"{build['workspace']}/{build['folder']}/src/main.ts" for build in builds),
        *(build.get("dockerfile", "images/service/Dockerfile") for build in builds),
    ]
    assert not [path for path in deployed if not filters.match_file(path)]
    assert not [path for path in ("README.md", "docs/ARCHITECTURE.md", "Pulumi.prod.yaml") if filters.match_file(path)]


def test_production_moves_with_its_own_file_alone() -> None:
    assert PARSED["promote"]["on"]["push"] == {"branches": ["main"], "paths": ["Pulumi.prod.yaml"]}
    assert PARSED["promote"]["jobs"]["production"]["environment"] == "production"


def test_a_digest_is_written_where_the_old_one_was(tmp_path: Path) -> None:
    stack = tmp_path / "Pulumi.staging.yaml"
    stack.write_text((ROOT / "Pulumi.staging.yaml").read_text())
    before = yaml.safe_load(stack.read_text())
    reference = "ghcr.io/somebody/shop/frontend@sha256:" + "1" * 64
    pin(stack, [reference])
    before["config"]["a4co:services"]["frontend"]["image"] = reference
    assert yaml.safe_load(stack.read_text()) == before
    assert "# The digest of each image, as the build pushed it." in stack.read_text()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("ghcr.io/x/frontend:latest", "is no image of a registry by digest"),
        ("ghcr.io/x/nobody@sha256:" + "1" * 64, "names an image of nobody 0 times: once, under `services`"),
    ],
)
def test_what_can_not_be_written_is_said(tmp_path: Path, reference: str, message: str) -> None:
    stack = tmp_path / "Pulumi.staging.yaml"
    stack.write_text((ROOT / "Pulumi.staging.yaml").read_text())
    with pytest.raises(OperationError, match=message):
        pin(stack, [reference])

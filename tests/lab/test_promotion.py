"""From one stack to the next, on one host: the same bytes, only what passed, and neither touches the other."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.lab.conftest import Lab
from tests.lab.stack import PARROT, ROOT, Stack, ops, pulumi

NEXT = "next"
FILE = ROOT / f"Pulumi.{NEXT}.yaml"


def containers(lab: Lab, stack: str) -> dict[str, dict[str, Any]]:
    ids = lab.run("docker", "ps", "-aq", "--filter", f"label=a4co.stack={stack}").split()
    found = json.loads(lab.run("docker", "inspect", *ids)) if ids else []
    return {container["Config"]["Labels"]["a4co.component"]: container for container in found}


def release_of_next() -> str:
    return yaml.safe_load(FILE.read_text())["config"]["a4co:promotion"]["release"]


@pytest.fixture(scope="module")
def following(deployed: Stack, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A second stack on the same host, with the parrot alone; it has not been deployed yet."""
    catalogue = tmp_path_factory.mktemp("next") / "catalogue.yaml"
    catalogue.write_text(yaml.safe_dump({"parrot": PARROT}))
    subnets = {part: f"172.{23 + index}.0.0/24" for index, part in enumerate(("frontend", "backend", "data"))}
    config = {
        "environment": "development",
        "host": {"file": ".lab/host.yaml"},
        "catalogue": str(catalogue),
        "protectData": False,
        "networks": {part: {"subnet": subnet, "internal": part != "frontend"} for part, subnet in subnets.items()},
        "edge": {"httpsOnly": False, "httpPort": 8088, "httpsPort": 8444},
        "promotion": {"from": "lab", "release": "0123456789ab"},
    }
    FILE.write_text(yaml.safe_dump({"config": {f"a4co:{key}": value for key, value in config.items()}}))
    try:
        pulumi("stack", "init", stack=NEXT)
        yield NEXT
    finally:
        pulumi("destroy", "--yes", "--skip-preview", stack=NEXT, check=False)
        pulumi("stack", "rm", "--yes", "--force", stack=NEXT, check=False)
        FILE.unlink(missing_ok=True)  # `stack rm` removes it
        volumes = lab.run("docker", "volume", "ls", "-q", "--filter", "name=a4co-next-").split()
        lab.run("docker", "volume", "rm", *volumes, check=False)


@pytest.mark.timeout(900)
def test_what_the_first_stack_proved_is_what_the_second_runs(deployed: Stack, lab: Lab, following: str) -> None:
    # A release that fails its last gate has an id, and no way on.
    failed = deployed.parrot(variables={"LISTEN": "127.0.0.1"}).up(check=False)
    found = re.search(r"release ([0-9a-f]{12}) was not routed", failed.stdout + failed.stderr)
    assert failed.returncode != 0
    assert found
    pulumi("config", "set", "--path", "a4co:promotion.release", found[1], stack=following)
    up = pulumi("up", "--yes", "--skip-preview", stack=following, check=False)
    assert up.returncode != 0
    assert f"not {found[1]}, which it has not passed or has left: nothing was changed" in up.stdout + up.stderr
    assert containers(lab, following) == {}

    deployed.parrot(variables={"LISTEN": ""}).up()
    proved = deployed.release()
    before = {name: container["Id"] for name, container in containers(lab, "lab").items()}
    assert f"→ {proved}" in ops("promote", following).stdout
    assert release_of_next() == proved
    pulumi("up", "--yes", "--skip-preview", stack=following)
    first, second = containers(lab, "lab")["parrot"], containers(lab, following)["parrot"]
    assert first["Image"] == second["Image"]
    digests = [
        json.loads(pulumi("stack", "output", "images", "--json", stack=stack).stdout)["parrot"]
        for stack in ("lab", following)
    ]
    assert digests[0] == digests[1]
    assert re.search(r"@sha256:[0-9a-f]{64}$", digests[0])
    settings = lab.run(
        "docker", "exec", "a4co-next-nginx", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/parrot/settings"
    )
    assert json.loads(settings)["GREETING"] == "hello"

    # A second promotion of the same changes nothing, and so does the end of the second stack for the first.
    pulumi("up", "--yes", "--skip-preview", "--expect-no-changes", stack=following)
    deployed.parrot(variables={"GREETING": "only here"}).up()
    pulumi("preview", "--expect-no-changes", stack=following)
    pulumi("destroy", "--yes", "--skip-preview", stack=following)
    assert containers(lab, following) == {}
    after = {name: container["Id"] for name, container in containers(lab, "lab").items()}
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"parrot"}
    assert all(container["State"]["Health"]["Status"] == "healthy" for container in containers(lab, "lab").values())


@pytest.mark.timeout(300)
def test_two_stacks_do_not_share_a_port(deployed: Stack, lab: Lab, following: str) -> None:
    original = FILE.read_text()
    FILE.write_text(original.replace("httpPort: 8088", "httpPort: 80"))
    try:
        refused = pulumi("up", "--yes", "--skip-preview", stack=following, check=False)
    finally:
        FILE.write_text(original)
    assert refused.returncode != 0
    assert (
        "port 80 belongs to the container a4co-lab-nginx: choose another under `edge`"
        in refused.stdout + refused.stderr
    )
    assert containers(lab, following) == {}

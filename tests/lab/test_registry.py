"""What runs is what the registry has, byte for byte, and only who knows the password gets it."""

import base64
import hashlib
import json
import shlex
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config.platform import REGISTRY_PASSWORD, Platform
from lab import registry
from lab.checkout import Checkout
from tests.lab.conftest import ROOT, Lab
from tests.lab.stack import pulumi

IMAGE = "docker:index/image:Image"
MANIFESTS = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"


def password() -> str:
    return pulumi("config", "get", REGISTRY_PASSWORD).stdout.strip()


@pytest.fixture
def asked(platform: Platform) -> Iterator[httpx.Client]:
    """The registry, asked by somebody who may."""
    assert platform.registry
    assert platform.registry.user
    checkout = Checkout(ROOT)
    with httpx.Client(
        base_url=f"https://127.0.0.1:{checkout.ports['registry']}/v2",
        auth=(platform.registry.user, password()),
        verify=ssl.create_default_context(cafile=registry.authority(checkout)),
    ) as client:
        yield client


def references() -> dict[str, str]:
    """Each built service's image, as the stack's state has it."""
    state = json.loads(pulumi("stack", "export").stdout)
    images = [resource for resource in state["deployment"]["resources"] if resource["type"] == IMAGE]
    return {image["outputs"]["imageName"].rpartition("/")[2]: image["outputs"]["repoDigest"] for image in images}


def test_the_state_names_what_the_registry_has(asked: httpx.Client, lab: Lab, platform: Platform) -> None:
    found = references()
    assert sorted(found) == sorted(name for name, service in platform.services.items() if service.image is None)
    containers = lab.inspect()
    for name, reference in found.items():
        repository, _, digest = reference.removeprefix(f"{registry.ADDRESS}/").partition("@")
        answer = asked.get(f"/{repository}/manifests/{digest}", headers={"accept": MANIFESTS}).raise_for_status()
        assert (
            f"sha256:{hashlib.sha256(answer.content).hexdigest()}" == answer.headers["docker-content-digest"] == digest
        )
        assert answer.json()["config"]["digest"] == containers[name]["Image"], "the image's id is its configuration's"


def test_the_registry_gives_nothing_to_strangers(asked: httpx.Client, lab: Lab, platform: Platform) -> None:
    assert asked.get("/_catalog", auth=("lab", "not the password")).status_code == 401
    assert asked.get("/_catalog", auth=httpx.Auth()).status_code == 401
    # By its tag: what a digest stands for, the host may know from before, and then does not ask.
    repository = next(iter(references().values())).partition("@")[0]
    refused = lab.run("sh", "-c", f"docker pull {shlex.quote(repository)} 2>&1 || true")
    assert "no basic auth credentials" in refused
    assert platform.registry
    login = f"docker login -u {platform.registry.user} --password-stdin {registry.ADDRESS} 2>&1 || true"
    assert "401 Unauthorized" in lab.run("sh", "-c", login, stdin="not the password")


def test_a_new_password_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.lab.yaml"
    shutil.copy(ROOT / "Pulumi.lab.yaml", file)
    pulumi("config", "set", "--secret", "--config-file", str(file), REGISTRY_PASSWORD, "another password")
    preview = json.loads(pulumi("preview", "--json", "--config-file", str(file)).stdout)
    changes = [(step["op"], step["urn"].split("::")[2].rpartition("$")[2]) for step in preview["steps"]]
    assert [change for change in changes if change[0] != "same"] == [("update", "pulumi:providers:docker")]


def test_the_password_is_readable_nowhere(lab: Lab) -> None:
    secret = password()
    encoded = base64.b64encode(f"lab:{secret}".encode()).decode()
    places = {
        "docker inspect": lab.run("docker", "inspect", *lab.containers()),
        "the process list": lab.as_root("ps", "-eo", "args"),
        "the host's files": lab.as_root("grep", "-rIs", "", "/home/deploy/a4co", "/etc/docker"),
        "an image's history": lab.run("docker", "history", "--no-trunc", next(iter(references().values()))),
        "a preview": pulumi("preview", "--diff", "--show-sames").stdout,
        "the state file": "".join(path.read_text() for path in ROOT.glob(".lab/state/**/*.json")),
        "git's files": "".join(path.read_text() for path in [ROOT / "Pulumi.lab.yaml", *ROOT.glob("lab/**/htpasswd")]),
        "the steps' logs": "".join(path.read_text(errors="replace") for path in ROOT.glob(".lab/log/*.log")),
    }
    for place, text in places.items():
        assert len(text) > 2, place
        assert secret not in text, place
        assert encoded not in text, place

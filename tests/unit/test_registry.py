"""What is built is pushed and named by digest; who may push and pull is a secret, and a preview does without."""

from typing import Any

import pulumi
import pytest

from config.load import build
from config.record import fingerprints, recorded
from tests.unit.program import HOST, Recorder, run

REGISTRY = {"address": "registry.example.org:5000/shop", "user": "builder"}
PASSWORD = "Zk3v9QpX7LmT2wRy"
REPOSITORY = "registry.example.org:5000/shop/order-service"


@pytest.fixture(scope="module")
def pushed() -> Recorder:
    return run(registry=REGISTRY, registryPassword=PASSWORD, secret=["registryPassword"])


def order_image(recorder: Recorder) -> dict[str, Any]:
    return recorder.of_type("docker:index/image:Image")["order-service-image"]


def provider(recorder: Recorder) -> dict[str, Any]:
    return recorder.of_type("pulumi:providers:docker")["host"]


def test_a_built_service_is_pushed_with_its_cache(pushed: Recorder) -> None:
    image = order_image(pushed)
    assert image["imageName"] == REPOSITORY
    assert image["skipPush"] is False
    assert image["build"]["cacheFrom"] == {"images": [REPOSITORY]}
    assert image["build"]["args"]["BUILDKIT_INLINE_CACHE"] == "1"


def test_the_host_finds_what_was_pushed_under_its_digest(pushed: Recorder) -> None:
    found = pushed.of_type("docker:index/remoteImage:RemoteImage")["order-service-image"]
    assert found["name"] == f"{REPOSITORY}@sha256:" + "2" * 64
    assert found["keepLocally"] is True


def test_the_log_in_is_a_secret_wherever_it_is_told(pushed: Recorder) -> None:
    for inputs in (order_image(pushed)["registry"], provider(pushed)["registryAuth"]):
        assert inputs["4dabf18193072939515e22adb298388d"] == "1b47061264138c4ac30d75fd1eb44270"
        assert PASSWORD in str(inputs["value"])
    for resource in pushed.resources:
        if resource.typ not in ("docker:index/image:Image", "pulumi:providers:docker"):
            assert PASSWORD not in repr(resource.inputs), resource.name


def test_without_a_registry_images_stay_on_the_host(recorded: Recorder) -> None:
    image = order_image(recorded)
    assert image["imageName"] == "a4co-test/order-service"
    assert image["skipPush"] is True
    assert "registry" not in image
    assert "cacheFrom" not in image["build"]
    assert "registryAuth" not in provider(recorded)
    found = recorded.of_type("docker:index/remoteImage:RemoteImage")["order-service-image"]
    assert found["name"] == "sha256:" + "2" * 64


def test_an_image_that_the_host_has_is_used_by_its_id() -> None:
    id = "sha256:" + "7" * 64
    recorder = run(services={"order-service": {"image": id}})
    assert "order-service-image" not in recorder.of_type("docker:index/image:Image")
    assert recorder.of_type("docker:index/remoteImage:RemoteImage")["order-service-image"]["name"] == id


def test_a_preview_needs_no_password_and_a_deployment_does() -> None:
    assert "registryAuth" not in provider(run(registry=REGISTRY, gates=False))
    with pytest.raises(
        pulumi.RunError, match=r"registryPassword is not set, needed by the registry registry.example.org"
    ):
        run(registry=REGISTRY)


def test_a_registry_without_a_user_needs_no_password() -> None:
    image = order_image(run(registry={"address": REGISTRY["address"]}))
    assert image["registry"] == {"server": "registry.example.org:5000"}


def test_two_stacks_with_one_release_may_have_two_registries() -> None:
    def platform(**sections: Any) -> Any:
        return build("test", {"host": HOST, "environment": "development", **sections}).platform

    assert fingerprints(platform(registry=REGISTRY)) == fingerprints(platform())
    assert "registry" not in recorded(platform(registry=REGISTRY))

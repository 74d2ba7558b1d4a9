"""What is kept of a release, and the way back to it."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components.promotion import _proved
from config.load import build
from config.platform import Platform
from config.record import fingerprints, recorded, restored
from ops.releases import _contracted
from tests.unit.program import HOST

SECTIONS = {"host": HOST, "environment": "development"}
DIGEST = "registry.example.com/shop/{}@sha256:" + "3" * 64


def platform(**sections: Any) -> Platform:
    return build("test", {**SECTIONS, **sections}).platform


def test_a_recorded_release_is_the_same_platform_again(tmp_path: Path) -> None:
    then = platform(
        logLevel="debug",
        edge={"drain": "1500ms", "maxBody": "1GB"},
        services={"order-service": {"variables": {"COLOUR": "red"}, "grace": "90s", "limits": {"memory": "300MB"}}},
    )
    sections = recorded(then)
    services = sections.pop("services")
    (tmp_path / "catalogue.yaml").write_text(yaml.safe_dump(services))
    current = {f"a4co:{key}": value for key, value in SECTIONS.items()} | {
        "a4co:logLevel": "info",
        "a4co:edge": {"drain": "9s"},
    }
    config = restored(current, sections) | {"a4co:catalogue": str(tmp_path / "catalogue.yaml")}
    again = build("test", {key.removeprefix("a4co:"): value for key, value in config.items()}).platform
    assert again.model_copy(update={"catalogue": then.catalogue}) == then


def test_going_back_keeps_the_host_the_secrets_and_the_numbers_of_passwords() -> None:
    current = {
        "a4co:host": HOST,
        "a4co:rotations": {"jwt": 3},
        "a4co:stripeSecretKey": {"secure": "v1:…"},
        "a4co:promotion": {"from": "staging", "release": "0" * 12},
        "docker:host": "x",
    }
    config = restored(current, {"logLevel": "warn", "rotations": None})
    assert config == {key: value for key, value in current.items() if key != "a4co:promotion"} | {
        "a4co:logLevel": "warn"
    }


@pytest.mark.parametrize(
    ("sections", "part"),
    [
        ({"logLevel": "debug"}, "logLevel"),
        ({"postgres": {"workMem": "5MB"}}, "postgres"),
        ({"services": {"order-service": {"replicas": 2}}}, "order-service"),
        ({"services": {"order-service": {"image": DIGEST.format("order-service")}}}, None),
        ({"rotations": {"jwt": 2}}, None),
        ({"protectData": False}, None),
    ],
)
def test_each_setting_shows_in_the_hash_of_its_part_alone(sections: dict[str, Any], part: str | None) -> None:
    before, after = fingerprints(platform()), fingerprints(platform(**sections))
    assert {name for name in after if after[name] != before[name]} == ({part} if part else set())


@pytest.mark.parametrize(
    ("then", "now", "says"),
    [
        ("public.tally.note text", "public.tally.note text", []),
        ("public.tally.note text required", "public.tally.note text", []),
        ("", "public.tally.note text", []),
        ("public.tally.note text", "", ["has lost public.tally.note (text)"]),
        ("public.tally.note text", "public.tally.note int4", ["has lost public.tally.note (text)"]),
        ("", "public.tally.note text required", ["requires public.tally.note"]),
        ("public.tally.note text", "public.tally.note text required", ["requires public.tally.note"]),
    ],
)
def test_what_code_can_not_live_without(then: str, now: str, says: list[str]) -> None:
    facts = [f"then shop {then}"] * bool(then) + [f"now shop {now}"] * bool(now)
    problems = list(_contracted(facts))
    assert len(problems) == len(says)
    assert all(expected in problem for expected, problem in zip(says, problems, strict=True))


LIVE, LEFT = "b" * 12, "a" * 12
STAGING = {"release": {"id": LIVE}, "images": {"order-service": DIGEST.format("order")}}
OWN = {"promoted": {"release": LEFT, "images": {"order-service": DIGEST.format("old-order")}}}


@pytest.mark.parametrize(
    ("staging", "own", "release", "image"),
    [
        (STAGING, {}, LIVE, "order"),
        (STAGING, OWN, LIVE, "order"),
        (STAGING, OWN, LEFT, "old-order"),
        ({}, OWN, LEFT, "old-order"),
    ],
)
def test_a_promotion_has_the_same_bytes(staging: Any, own: Any, release: str, image: str) -> None:
    promoted = _proved(staging, own, "staging", release, ["order-service"])
    assert promoted == {"order-service": DIGEST.format(image)}


@pytest.mark.parametrize(
    ("staging", "own", "release", "wanted", "says"),
    [
        (STAGING, OWN, "c" * 12, ["order-service"], f"staging runs {LIVE}, not cccccccccccc, which it has not passed"),
        (STAGING, {}, LEFT, ["order-service"], f"staging runs {LIVE}, not {LEFT}"),
        ({}, {}, LIVE, ["order-service"], "staging runs nothing, not"),
        (STAGING, {}, LIVE, ["order-service", "new-service"], "has no image by digest of new-service"),
    ],
)
def test_only_what_the_other_stack_runs_is_promoted(
    staging: Any, own: Any, release: str, wanted: list[str], says: str
) -> None:
    with pytest.raises(pulumi.RunError, match=says):
        _proved(staging, own, "staging", release, wanted)

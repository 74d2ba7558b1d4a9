"""What operators do besides deploying, under load: the way back, more containers, what is kept and what goes."""

import time
from collections.abc import Callable

import httpx
import pytest

from tests.lab.conftest import Lab
from tests.lab.load import Load
from tests.lab.stack import Stack, exactly_once, ops

Note = Callable[[str, str], None]


def settings(base: str) -> dict[str, str]:
    """What the parrot says of itself."""
    return httpx.get(f"{base}/parrot/settings").raise_for_status().json()


def variant(lab: Lab, name: str) -> str:
    """Another image of the parrot, the same but for a label; its id."""
    lab.run("docker", "tag", lab.inspect()["parrot"]["Image"], "variant/parrot")
    text = f"FROM variant/parrot\nLABEL variant={name}\n"
    return lab.run("docker", "build", "--quiet", "-", stdin=text).strip()


@pytest.mark.timeout(900)
def test_nobody_notices_a_rollback_and_it_takes_images_and_settings_back(
    deployed: Stack, lab: Lab, base: str, record_property: Note
) -> None:
    deployed.parrot(variables={"GREETING": "good"}).up()
    good = deployed.release()
    id = lab.inspect()["parrot"]["Image"]
    deployed.parrot(image=variant(lab, "other"), variables={"GREETING": "bad"}).up()
    bad = deployed.release()
    assert settings(base)["GREETING"] == "bad"
    with Load(base) as load, load.during():
        began = time.monotonic()
        said = ops("rollback", "lab").stdout
    record_property("load", load.report(f"rollback ({time.monotonic() - began:.0f} s)"))
    assert load.failures == []
    exactly_once(load)
    assert f"{good} is live again after" in said
    assert settings(base)["GREETING"] == "good"
    assert lab.inspect()["parrot"]["Image"] == id
    assert deployed.release() == good
    listed = ops("releases", "lab").stdout.splitlines()
    assert listed[1].split()[:2] == [good, "live"]
    assert [bad, "withdrawn"] in [line.split()[:2] for line in listed]
    # The way forward again, by name; and a second rollback does not return to what was withdrawn.
    assert f"{bad} is live again after" in ops("rollback", "lab", "--to", bad).stdout
    assert ops("rollback", "lab").returncode == 0
    assert deployed.release() == good
    deployed.parrot(image=None, variables={"GREETING": "hello"}).up()


@pytest.mark.timeout(600)
def test_code_does_not_return_to_a_database_that_lost_its_columns(deployed: Stack, lab: Lab) -> None:
    deployed.parrot(variables={"GREETING": "before the migration"}).up()
    before = deployed.release()
    deployed.parrot(variables={"GREETING": "after the migration", "CONTRACTS": "1"}).up()
    after = deployed.release()
    refused = ops("rollback", "lab", "--to", before, check=False)
    assert refused.returncode == 1
    assert f"{before} can't go live again, nothing was changed" in refused.stderr
    assert "the database parrot has lost public.tally.note (text), which its code uses" in refused.stderr
    assert deployed.release() == after
    deployed.parrot(variables={"CONTRACTS": ""}).up()


@pytest.mark.timeout(600)
def test_a_release_that_is_not_kept(deployed: Stack) -> None:
    refused = ops("rollback", "lab", "--to", "0123456789ab", check=False)
    assert refused.returncode == 1
    assert f"{deployed.release()} is live and 0123456789ab is not kept; kept besides:" in refused.stderr


@pytest.mark.timeout(600)
def test_nobody_notices_more_containers_or_fewer(deployed: Stack, base: str, record_property: Note) -> None:
    with Load(base) as load:
        with load.during():
            deployed.parrot(replicas=3).up()
        answering = {settings(base)["HOSTNAME"] for _ in range(30)}
        with load.during():
            deployed.parrot(replicas=1).up()
    record_property("load", load.report("scale out to three and back"))
    assert load.failures == []
    exactly_once(load)
    assert len(answering) == 3
    assert len({settings(base)["HOSTNAME"] for _ in range(10)}) == 1


@pytest.mark.timeout(600)
def test_only_what_kept_releases_need_stays_on_the_host(deployed: Stack, lab: Lab) -> None:
    foreign, failing, *images = (variant(lab, name) for name in ("foreign", "failing", "1", "2", "3"))
    deployed.change(keptReleases=2)
    try:
        assert deployed.parrot(image=failing, variables={"MIGRATION_FAILS": "1"}).up(check=False).returncode != 0
        for image in images:
            deployed.parrot(image=image, variables={"MIGRATION_FAILS": ""}).up()
        there = lab.run("docker", "image", "ls", "--all", "--quiet", "--no-trunc").split()
        assert images[0] not in there
        assert failing not in there
        assert {images[1], images[2], foreign} <= set(there)
        states = [line.split()[1] for line in ops("releases", "lab").stdout.splitlines()[1:]]
        assert states[:2] == ["live", "kept"]
        assert set(states[2:]) <= {"gone"}
    finally:
        deployed.change(keptReleases=5).parrot(image=None).up()
        lab.run("docker", "image", "rm", foreign)


def test_a_second_deployment_at_the_same_time_is_refused(deployed: Stack, lab: Lab) -> None:
    lease = f"another-machine:1 somebody@elsewhere {int(time.time())} 0123456789ab\n"
    path = "/home/deploy/a4co/lab/lease"
    lab.run("sh", "-c", f"cat >{path}", stdin=lease)
    try:
        refused = deployed.up(check=False)
        assert refused.returncode != 0
        assert "somebody@elsewhere has been deploying lab for" in refused.stdout + refused.stderr
        assert "nothing was changed" in refused.stdout + refused.stderr
        lab.run("touch", "-d", "6 minutes ago", path)
        deployed.up()
        assert lab.run("sh", "-c", f"cat {path} 2>&1", check=False).endswith("No such file or directory\n")
    finally:
        lab.run("rm", "-f", path)


def test_status_and_releases(deployed: Stack) -> None:
    status = ops("status", "lab").stdout
    assert f"live: {deployed.release()} (" in status
    line = next(line.split() for line in status.splitlines() if line.startswith("a4co-lab-postgres "))
    assert line[1] == "healthy"
    assert line[2].isdigit()
    assert line[5] == "200%"
    assert line[7] == "2048MiB"

"""Whatever ends a release halfway: one whole release serves, and the next deployment repairs the rest by itself."""

import random
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import nullcontext

import pytest

from lab.checkout import Checkout
from tests.lab.conftest import Lab, until
from tests.lab.load import Load
from tests.lab.stack import ROOT, Stack

Note = Callable[[str, str], None]
EDGE = "/home/deploy/a4co/lab/edge"


def kill_pulumi(lab: Lab, process: subprocess.Popen[str]) -> None:
    """The engine, its plug-ins and the program are gone at once, as when a machine loses power."""
    subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=True)


def cut_connections(lab: Lab, process: subprocess.Popen[str]) -> None:
    """Every connection to the host breaks."""
    lab.as_root("sh", "-c", "pkill -KILL -u deploy sshd || true")


def restart_docker(lab: Lab, process: subprocess.Popen[str]) -> None:
    """The host's engine dies and is started again by the host."""
    lab.as_root("pkill", "-KILL", "-x", "dockerd")


def reboot(lab: Lab, process: subprocess.Popen[str]) -> None:
    """The host restarts, and with it every container."""
    subprocess.run(["docker", "restart", "--time", "30", Checkout(ROOT).name], check=True, capture_output=True)


INTERRUPTIONS = [kill_pulumi, cut_connections, restart_docker, reboot]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As many rounds as asked for, of each kind in turn."""
    if "interrupt" in metafunc.fixturenames:
        rounds = int(str(metafunc.config.getoption("--interruptions")))
        chosen = [INTERRUPTIONS[number % len(INTERRUPTIONS)] for number in range(rounds)]
        metafunc.parametrize("interrupt", chosen, ids=[f"{number}-{one.__name__}" for number, one in enumerate(chosen)])


def leads_to(lab: Lab) -> tuple[str, set[str]]:
    """The routes that nginx serves, and the containers that they use."""
    question = ("docker", "exec", "a4co-lab-nginx", "wget", "-q", "-O", "-", "http://127.0.0.1:8081/revision")
    revision = lab.run(*question, check=False).strip()
    servers = lab.run("cat", f"{EDGE}/current/servers.conf")
    upstreams = sorted(set(re.findall(r"proxy_pass http://([a-z0-9-]+);", servers)))
    described = lab.run("cat", *(f"{EDGE}/current/upstreams/{upstream}.conf" for upstream in upstreams))
    return revision, set(re.findall(r"server ([a-z0-9-]+):", described))


def all_healthy(lab: Lab, names: set[str]) -> bool:
    states = lab.run("docker", "inspect", "-f", "{{.State.Health.Status}}", *names, check=False).split()
    return states == ["healthy"] * len(names)


@pytest.mark.timeout(900)
def test_one_whole_release_serves_and_the_next_deployment_repairs(
    deployed: Stack,
    lab: Lab,
    base: str,
    interrupt: Callable[[Lab, subprocess.Popen[str]], None],
    record_property: Note,
) -> None:
    before, after = ("info", "warn") if deployed.setting("logLevel") != "info" else ("warn", "info")
    began = time.monotonic()
    deployed.change(logLevel=before).up()
    lasts = time.monotonic() - began
    _, old = leads_to(lab)
    at = random.uniform(0, lasts)  # noqa: S311 - any moment
    load = Load(base)
    with nullcontext() if interrupt is reboot else load, deployed.change(logLevel=after).starting() as process:
        time.sleep(at)  # the moment itself is what is tested
        interrupt(lab, process)
        process.wait()
    until(lambda: lab.run("docker", "version", check=False), within_s=90, what="the host's engine answers")
    until(lambda: leads_to(lab)[0], within_s=60, what="nginx answers")
    _, now = leads_to(lab)
    assert now == old or not now & old, "a mixture of two releases"
    until(lambda: all_healthy(lab, now), within_s=120, what=f"{now} are healthy")
    side = "old" if now == old else "new"
    deployed.repair()
    revision, repaired = leads_to(lab)
    assert not revision.endswith("-staged")
    assert not repaired & old
    containers = lab.run("docker", "ps", "-a", "--filter", "label=a4co.revision", "--format", "{{.Names}}").split()
    assert set(containers) == repaired, "nothing is left over"
    record_property("load", f"{interrupt.__name__} after {at:.1f} s of {lasts:.1f} s: the {side} release served")
    if interrupt is not reboot:
        record_property("load", load.report("  meanwhile"))
    # While Docker itself is down, nobody resolves a name: a new connection from service to service waits or fails.
    if interrupt in (kill_pulumi, cut_connections):
        assert load.failures == []


def test_a_host_with_a_full_disk_is_left_alone(deployed: Stack, lab: Lab) -> None:
    folder = "/home/deploy/a4co/lab"
    before = sorted(lab.containers())
    lab.as_root("mount", "-t", "tmpfs", "-o", "size=10m,uid=1000,mode=0700", "full", folder)
    try:
        refused = deployed.change(logLevel="error").up(check=False)
    finally:
        lab.as_root("umount", folder)
        deployed.change(logLevel="info")
    assert refused.returncode != 0
    assert f"MB of disk are free for {folder}: 2048 at least" in refused.stdout + refused.stderr
    assert sorted(lab.containers()) == before

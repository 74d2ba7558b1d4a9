"""The real engine with the stand-ins, as a person types it: `pulumi up`, and what follows."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.plugins.docker.engine import Engine as DockerClient
from tests.plugins.conftest import Host, Project

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

PLATFORM = """
    password = random.RandomPassword("password", length=24, special=False)
    net = docker.Network("net", internal=True, opts=host)
    volume = docker.Volume("volume", opts=host)
    web = docker.Container(
        "web", image=docker.RemoteImage("image", name=image, keep_locally=True, opts=host).image_id,
        command=["sleep", "300"], init=True, envs=[password.result.apply(lambda it: f"PASSWORD={it}")],
        healthcheck=dict(tests=["CMD", "true"], interval="500ms", retries=2), wait=True, destroy_grace_seconds=1,
        memory=64, memory_swap=64, cpus="0.5", networks_advanced=[dict(name=net.name, aliases=["web"])],
        mounts=[dict(type="volume", source=volume.name, target="/data")],
        opts=pulumi.ResourceOptions.merge(host, pulumi.ResourceOptions(delete_before_replace=False)))
    ready = command.remote.Command("ready", connection=connection, create="cat >/dev/null; echo ready",
                                   stdin=password.result, triggers=[web.id])
    pulumi.export("password", password.result)
"""

SERVICE = """
    docker.Container("web", image=image, command={command!r}, init=True, wait=True, wait_timeout=3,
        healthcheck=dict(tests={tests!r}, interval="500ms", retries=1),
        opts=pulumi.ResourceOptions.merge(host, pulumi.ResourceOptions(
            delete_before_replace=False, replace_on_changes=["#initerror", "healthcheck"])))
"""
HEALTHY, SICK = ["CMD", "true"], ["CMD", "false"]


def containers(docker_host: DockerClient, ids: list[str]) -> list[bool]:
    known = {entry["Id"] for entry in docker_host.call("GET", "/containers/json", all=1)}
    return [id in known for id in ids]


def plugins_of(project: Project) -> list[int]:
    """The processes that this project's engine started, by the address of its home in their environment."""
    mark = f"PULUMI_HOME={project.environment['PULUMI_HOME']}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def until(condition: Callable[[], Any], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_up_preview_refresh_and_destroy(project: Project, docker_host: DockerClient) -> None:
    project.program(PLATFORM)
    project.up()
    resources = project.resources()
    web = resources["web"]["id"]
    assert resources["ready"]["outputs"]["stdout"] == "ready"
    project.no_change()

    password = json.loads(project.pulumi("stack", "output", "--json", "--show-secrets"))["password"]
    environment = docker_host.call("GET", f"/containers/{web}/json")["Config"]["Env"]
    assert f"PASSWORD={password}" in environment
    assert password not in project.state_file()

    project.pulumi("refresh", "--yes", "--skip-preview", "--run-program")
    project.no_change()
    project.pulumi("destroy", "--yes", "--skip-preview")
    assert containers(docker_host, [web]) == [False]
    assert plugins_of(project) == []


def test_a_replacement_stands_beside_the_old_one_and_a_sick_one_leaves_the_old_alone(
    project: Project, docker_host: DockerClient
) -> None:
    project.program(SERVICE.format(command=["sleep", "300"], tests=HEALTHY))
    project.up()
    first = project.resources()["web"]["id"]

    project.program(SERVICE.format(command=["sleep", "301"], tests=SICK))
    said = project.up(check=False)
    assert "container failed to be in healthy state" in said
    sick = project.resources()["web"]
    assert "container failed to be in healthy state" in sick["initErrors"][0]
    assert containers(docker_host, [first, sick["id"]]) == [True, True]

    project.program(SERVICE.format(command=["sleep", "302"], tests=HEALTHY))
    project.up()
    good = project.resources()["web"]
    assert not good.get("initErrors")
    assert containers(docker_host, [first, sick["id"], good["id"]]) == [False, False, True]
    project.no_change()


def test_a_sick_container_with_an_explicit_entrypoint_is_replaced_because_of_its_init_error(
    project: Project, docker_host: DockerClient
) -> None:
    explicit = SERVICE.replace("image=image", 'image=image, entrypoints=["sleep"]')
    project.program(explicit.format(command=["300"], tests=SICK))
    project.up(check=False)
    sick = project.resources()["web"]
    assert sick["initErrors"]
    # The same inputs again: nothing but the error asks for a new one.
    assert "1 to replace" in project.pulumi("preview")
    project.program(explicit.format(command=["300"], tests=HEALTHY))
    project.up()
    assert containers(docker_host, [sick["id"], project.resources()["web"]["id"]]) == [False, True]


def test_two_stacks_at_once_do_not_meet(
    project: Project, tmp_path_factory: pytest.TempPathFactory, lab_host: Host
) -> None:
    other = Project(tmp_path_factory.mktemp("other"), lab_host)
    for each in (project, other):
        each.program(SERVICE.format(command=["sleep", "300"], tests=HEALTHY))
    try:
        running = [
            subprocess.Popen(
                each.command("up", "--yes", "--skip-preview"), env=each.environment, stdout=subprocess.PIPE
            )
            for each in (project, other)
        ]
        said = [process.communicate()[0] for process in running]
        assert [process.returncode for process in running] == [0, 0], said
        assert project.resources()["web"]["id"] != other.resources()["web"]["id"]
    finally:
        other.pulumi("destroy", "--yes", "--skip-preview")


def test_an_interrupt_leaves_no_plugin_behind(project: Project, docker_host: DockerClient) -> None:
    name = "plugins-test-interrupted"
    waiting = SERVICE.replace("wait_timeout=3", f"wait_timeout=60, name={name!r}")
    project.program(waiting.format(command=["sleep", "300"], tests=SICK))
    command = project.command("up", "--yes", "--skip-preview")
    process = subprocess.Popen(
        command, env=project.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    until(lambda: any("docker" in _command_line(pid) for pid in plugins_of(project)))
    until(lambda: _named(docker_host, name))
    for _ in range(2):  # the first asks it to end in order, the second at once
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(1)
    assert process.wait(timeout=60) != 0
    until(lambda: plugins_of(project) == [])
    # The engine was not told of the container: it knows only that an operation was under way.
    docker_host.call("DELETE", f"/containers/{name}", force=1)


def _named(docker_host: DockerClient, name: str) -> bool:
    return any(f"/{name}" in entry["Names"] for entry in docker_host.call("GET", "/containers/json", all=1))


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_a_program_that_fails_is_told_once(project: Project) -> None:
    project.program('raise ValueError("no such thing")')
    said = project.pulumi("preview", check=False)
    assert said.count("ValueError: no such thing") == 1
    assert "Program failed with an unhandled exception" in said
    assert "python_exec" not in said


def test_a_run_error_is_told_without_a_traceback(project: Project) -> None:
    project.program('raise pulumi.RunError("set the host")')
    said = project.pulumi("preview", check=False)
    assert "set the host" in said
    assert "Traceback" not in said


def test_what_a_program_prints_is_shown(project: Project) -> None:
    project.program('print("said by the program")')
    assert "said by the program" in project.pulumi("preview")


def test_an_environment_that_is_not_there_is_told(project: Project, tmp_path: Path) -> None:
    project.program("")
    (tmp_path / "Pulumi.yaml").write_text("name: plugins\nruntime: {name: python, options: {virtualenv: nowhere}}\n")
    assert "'virtualenv' option in Pulumi.yaml is set to \"nowhere\"" in project.pulumi("preview", check=False)


def test_about_names_the_environments_python(project: Project) -> None:
    project.program("")
    assert "python" in project.pulumi("about", "--json", stack=False, check=False)


def test_a_previewed_stack_needs_no_host(project: Project) -> None:
    project.program(PLATFORM.replace("opts=host", "opts=away").replace(
        "password =", 'away = pulumi.ResourceOptions(provider=docker.Provider("away", host="ssh://nobody@127.0.0.1:1"))\n'
        "    host = away\n    password =", 1
    ))  # fmt: skip
    assert "to create" in project.pulumi("preview")

"""The lab's commands. Each gets the steps, the checkout and the rest of the command line; it gives the exit status."""

import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lab import debian, deploy, engine, host, images, toolchain
from lab.checkout import Checkout
from lab.steps import Steps


def up(steps: Steps, checkout: Checkout, arguments: list[str]) -> int:
    """Set everything up and deploy the platform."""
    started = time.monotonic()
    _set_up(steps, checkout)
    with steps.step("platform") as step:
        deploy.prepare(step, checkout, host.on(checkout))
        deploy.up(step, checkout, *arguments)
    ports = checkout.ports
    steps.say(f"\nshop       http://127.0.0.1:{ports['http']}/")
    steps.say(f"dashboard  http://127.0.0.1:{ports['http']}/dashboard/")
    steps.say(f"https      https://127.0.0.1:{ports['https']}/")
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    steps.say(f"took       {minutes} min {seconds} s")
    return 0


def test(steps: Steps, checkout: Checkout, arguments: list[str]) -> int:
    """Have the platform up, then run pytest."""
    up(steps, checkout, [])
    with steps.step("browser") as step:
        engine.ensure_browser(step)
    pytest = (sys.executable, "-m", "pytest", *arguments)
    return steps.hand_over(*pytest, env=deploy.environment(checkout), cwd=checkout.root)


def preview(steps: Steps, checkout: Checkout, arguments: list[str]) -> int:
    """Show what `up` would change. The host is not asked, but has to be known."""
    if (checkout.dir / "host.yaml").exists():
        _toolchain(steps, checkout)
    else:
        _set_up(steps, checkout)
    with steps.step("stack") as step:
        deploy.select(step, checkout)
    command = (sys.executable, "-m", "ops", "preview", deploy.STACK, *arguments)
    return steps.hand_over(*command, env=deploy.environment(checkout), cwd=checkout.root)


def status(steps: Steps, checkout: Checkout, _: list[str]) -> int:
    """Show every container on the lab host."""
    rows = host.containers(checkout)
    width = max((len(row[0]) for row in rows), default=0)
    for name, state, restarts in rows:
        steps.say(f"{name:{width}}  {state}, restarted {restarts} times")
    if not rows:
        steps.say("the lab host stands; nothing is deployed: `make up`")
    return 0


def down(steps: Steps, checkout: Checkout, arguments: list[str]) -> int:
    """Remove the platform; say what stays."""
    if not deploy.deployed(checkout):
        steps.say("nothing is deployed")
        return 0
    _set_up(steps, checkout)
    docker = host.on(checkout)
    with steps.step("remove the platform") as step:
        deploy.prepare(step, checkout, docker)
        deploy.destroy(step, checkout, *arguments)
    _, volumes = docker.ask("volume", "ls", "--quiet")
    if volumes:
        steps.say(f"volumes that stay: {', '.join(volumes.split())} (`make clean` removes the lab with them)")
    return 0


def clean(steps: Steps, checkout: Checkout, _: list[str]) -> int:
    """Remove this checkout's lab: container, volumes, network, images and files."""
    if engine.running() or (checkout.dir / "slot").exists():
        with steps.step("remove the lab") as step:
            engine.ensure(step)
            host.remove(step, checkout)
    debian.unmount(checkout)
    shutil.rmtree(checkout.dir)
    return 0


COMMANDS: dict[str, Callable[[Steps, Checkout, list[str]], int]] = {
    "up": up, "test": test, "preview": preview, "status": status, "down": down, "clean": clean,
}  # fmt: skip


def _set_up(steps: Steps, checkout: Checkout) -> None:
    # The engine's build keeps the processors busy, the images' the network.
    steps.parallel(partial(_toolchain, steps, checkout), partial(_lab, steps, checkout))


def _toolchain(steps: Steps, checkout: Checkout) -> None:
    with steps.step("Pulumi") as step:
        toolchain.ensure(step, checkout)


def _lab(steps: Steps, checkout: Checkout) -> None:
    """A standing host with every image that the program needs."""
    with steps.step("Docker engine") as step:
        engine.ensure(step)
    if images.registry_answers():
        _host(steps, checkout, None)
        host.describe(checkout, stand_ins=False)
        return
    with steps.step("Debian 13") as step:
        base = debian.make(step, checkout)
    steps.parallel(partial(_host, steps, checkout, base), partial(_npm, steps, checkout))
    images.make_all(steps, checkout, base, host.on(checkout))
    host.describe(checkout, stand_ins=True)


def _host(steps: Steps, checkout: Checkout, base: Path | None) -> None:
    with steps.step("lab host image") as step:
        image = host.image(step, checkout, base)
    with steps.step("lab host") as step:
        host.start(step, checkout, image)


def _npm(steps: Steps, checkout: Checkout) -> None:
    with steps.step("npm packages") as step:
        images.fetch_npm(step, checkout)

"""The lab's commands. Each gets the steps, the checkout and the rest of the command line; it gives the exit status."""

import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lab import acme, debian, deploy, engine, host, images, registry, toolchain
from lab.checkout import Checkout
from lab.steps import StepError, Steps


def up(steps: Steps, checkout: Checkout, arguments: list[str]) -> int:
    """Set everything up and deploy the platform."""
    started = time.monotonic()
    _set_up(steps, checkout)
    with steps.step("platform") as step:
        deploy.prepare(step, checkout)
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


def bench(steps: Steps, checkout: Checkout, arguments: list[str]) -> int:
    """Measure the program beside Docker Compose. The platform is down meanwhile: only what is measured runs."""
    command = (sys.executable, "-m", "bench")
    env = deploy.environment(checkout)
    _set_up(steps, checkout)
    with steps.step("what a killed bench left") as step:
        step.run(*command, "--clear", env=env, cwd=checkout.root, way_out="`make clean`, then run it again")
    up(steps, checkout, [])
    down(steps, checkout, [])
    status = steps.hand_over(*command, *arguments, env=env, cwd=checkout.root)
    return up(steps, checkout, []) or status


def operate(name: str, steps: Steps, checkout: Checkout, arguments: list[str]) -> int:
    """An operator's command on the lab's stack."""
    if not (checkout.dir / "host.yaml").exists():
        raise StepError("there is no lab yet", "`make up` makes it")
    _toolchain(steps, checkout)
    with steps.step("stack") as step:
        deploy.prepare(step, checkout)
    return steps.hand_over(*deploy.operation(name, *arguments), env=deploy.environment(checkout), cwd=checkout.root)


def down(steps: Steps, checkout: Checkout, arguments: list[str]) -> int:
    """Remove the platform; say what stays."""
    if not deploy.deployed(checkout):
        steps.say("nothing is deployed")
        return 0
    _set_up(steps, checkout)
    docker = host.on(checkout)
    with steps.step("remove the platform") as step:
        deploy.prepare(step, checkout)
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


OPERATIONS = ("preview", "status", "releases", "rollback", "promote", "checklist")
COMMANDS: dict[str, Callable[[Steps, Checkout, list[str]], int]] = {
    "up": up, "test": test, "bench": bench, "down": down, "clean": clean,
    **{name: partial(operate, name) for name in OPERATIONS},
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
        steps.parallel(partial(_registry, steps, checkout, None), partial(_acme, steps, checkout, None))
        host.describe(checkout, stand_ins=False)
        return
    with steps.step("Debian 13") as step:
        base = debian.make(step, checkout)
    steps.parallel(partial(_host, steps, checkout, base), partial(_npm, steps, checkout))
    make_images = partial(images.make_all, steps, checkout, base, host.on(checkout))
    steps.parallel(partial(_registry, steps, checkout, base), partial(_acme, steps, checkout, base), make_images)
    host.describe(checkout, stand_ins=True)


def _host(steps: Steps, checkout: Checkout, base: Path | None) -> None:
    with steps.step("lab host image") as step:
        image = host.build(step, checkout, "host", checkout.name, base)
    with steps.step("lab host") as step:
        checkout.take_slot()
        host.start(step, checkout, image, trust=registry.trust(step, checkout))


def _registry(steps: Steps, checkout: Checkout, base: Path | None) -> None:
    with steps.step("registry") as step:
        registry.start(step, checkout, registry.image(step, checkout, base))


def _acme(steps: Steps, checkout: Checkout, base: Path | None) -> None:
    with steps.step("ACME authority") as step:
        acme.start(step, checkout, base)


def _npm(steps: Steps, checkout: Checkout) -> None:
    with steps.step("npm packages") as step:
        images.fetch_npm(step, checkout)

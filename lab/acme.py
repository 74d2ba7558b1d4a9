"""The lab's ACME authority: Pebble beside the lab host. It forgets all that it issued when it starts anew."""

import shutil
import ssl
import time
import urllib.request
from pathlib import Path

from lab import host
from lab.certificate import certify
from lab.checkout import Checkout
from lab.steps import Step, StepError

NAME = "acme.lab"  # on the lab's network
DIRECTORY = f"https://{NAME}:14000/dir"
_AGAIN = "run it again; if it stays so, `make clean` removes the lab and the next `make up` makes a new one"


def start(step: Step, checkout: Checkout, base: Path | None) -> None:
    """See to it that the authority stands and answers, as the host does."""
    folder = checkout.dir / "acme"
    if not folder.exists():
        new = checkout.dir / "acme.new"
        shutil.rmtree(new, ignore_errors=True)
        (new / "server").mkdir(parents=True, mode=0o700)
        server = new / "server" / "acme.key"
        certify(step, NAME, authority=new / "ca.crt", key=server, certificate=server.with_suffix(".crt"))
        new.rename(folder)
    arguments = (
        "--network-alias", NAME, "--log-driver=local", "--cap-drop=ALL", "--security-opt=no-new-privileges",
        "--memory=128m", "--memory-swap=128m", "--pids-limit=100",
        f"--publish=127.0.0.1:{checkout.ports['acme']}:15000",
        host.build(step, checkout, "acme", checkout.acme, base),
    )  # fmt: skip
    host.stand(step, checkout, checkout.acme, arguments, {"/etc/pebble": folder / "server"})
    end = time.monotonic() + 30
    while True:
        try:
            root(checkout)
            return
        except OSError:
            if time.monotonic() > end:
                step.run(*host.HERE("logs", checkout.acme), way_out=_AGAIN)
                raise StepError("the ACME authority does not answer", _AGAIN, step.log) from None
            time.sleep(0.2)


def authority(checkout: Checkout) -> str:
    """The certificate that a client of the authority trusts."""
    return (checkout.dir / "acme" / "ca.crt").read_text()


def root(checkout: Checkout) -> str:
    """The certificate that a visitor would trust: what the authority issues goes back to it, until it starts anew."""
    trusted = ssl.create_default_context(cadata=authority(checkout))
    address = f"https://127.0.0.1:{checkout.ports['acme']}/roots/0"
    with urllib.request.urlopen(address, timeout=5, context=trusted) as answer:
        return answer.read().decode()

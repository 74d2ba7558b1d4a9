"""The lab's image registry: a container beside the lab host, with a certificate of the lab's own and one user."""

import shutil
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

from lab import host
from lab.certificate import certify
from lab.checkout import Checkout
from lab.images import RECIPES
from lab.steps import Step, StepError

NAME = "registry.lab"  # on the lab's network
ADDRESS = f"{NAME}:5000"
_OFFICIAL = "registry:2"
_FILES = "/etc/lab-registry"
# The password is in Pulumi.lab.yaml, encrypted with the lab's passphrase; the registry knows its hash.
_HTPASSWD = RECIPES / "registry" / "htpasswd"
_AGAIN = "run it again; if it stays so, `make clean` removes the lab and the next `make up` makes a new one"


def trust(step: Step, checkout: Checkout) -> Path:
    """The folder that makes an engine trust the registry when it lies in /etc/docker. Made once."""
    folder = checkout.dir / "registry"
    if not folder.exists():
        new = checkout.dir / "registry.new"
        shutil.rmtree(new, ignore_errors=True)
        trusted = new / "trust" / "certs.d" / ADDRESS
        trusted.mkdir(parents=True)
        (new / "server").mkdir(mode=0o700)
        server = new / "server" / "registry.key"
        certify(step, NAME, authority=trusted / "ca.crt", key=server, certificate=server.with_suffix(".crt"))
        new.rename(folder)
    shutil.copy(_HTPASSWD, folder / "server" / "htpasswd")
    return folder / "trust"


def image(step: Step, checkout: Checkout, base: Path | None) -> str:
    """The registry's image, on the Debian of `base` or else the official one; gives its id."""
    if base:
        return host.build(step, checkout, "registry", checkout.registry, base)
    engine = host.HERE
    if not engine.ask("image", "inspect", _OFFICIAL)[0]:
        step.run(*engine("pull", "--quiet", _OFFICIAL), way_out="check that the image registry answers")
    return engine.ask("image", "inspect", "--format", "{{.Id}}", _OFFICIAL)[1]


def start(step: Step, checkout: Checkout, image_id: str) -> None:
    """See to it that the registry stands and answers, as the host does. What was pushed stays."""
    arguments = (
        "--network-alias", NAME, "--log-driver=local", "--cap-drop=ALL", "--security-opt=no-new-privileges",
        "--memory=512m", "--memory-swap=512m", "--pids-limit=200",
        f"--volume={checkout.registry}:/var/lib/registry", f"--publish=127.0.0.1:{checkout.ports['registry']}:5000",
        "--env=REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/var/lib/registry",
        f"--env=REGISTRY_HTTP_TLS_CERTIFICATE={_FILES}/registry.crt",
        f"--env=REGISTRY_HTTP_TLS_KEY={_FILES}/registry.key",
        "--env=REGISTRY_AUTH=htpasswd", "--env=REGISTRY_AUTH_HTPASSWD_REALM=lab",
        f"--env=REGISTRY_AUTH_HTPASSWD_PATH={_FILES}/htpasswd",
        image_id,
    )  # fmt: skip
    host.stand(step, checkout, checkout.registry, arguments, {_FILES: checkout.dir / "registry" / "server"})
    if not _answers(checkout):
        step.run(*host.HERE("logs", checkout.registry), way_out=_AGAIN)
        raise StepError("the registry does not answer", _AGAIN, step.log)


def _answers(checkout: Checkout) -> bool:
    """Whether the registry asks who is there, within half a minute."""
    trusted = ssl.create_default_context(cafile=authority(checkout))
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"https://127.0.0.1:{checkout.ports['registry']}/v2/", timeout=5, context=trusted)
        except urllib.error.HTTPError as error:
            if error.code == 401:
                return True
        except OSError:
            pass
        time.sleep(0.2)
    return False


def authority(checkout: Checkout) -> Path:
    """The certificate that a client of the registry trusts."""
    return checkout.dir / "registry" / "trust" / "certs.d" / ADDRESS / "ca.crt"

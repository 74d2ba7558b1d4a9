"""The Pulumi CLI and its plug-ins: official where they can be had, else the engine built here and stand-ins."""

import os
import re
import shutil
import subprocess
import urllib.request
from importlib.metadata import version
from pathlib import Path

from lab.checkout import Checkout, write
from lab.debian import hash_of
from lab.steps import Step, StepError

OLDEST = (3, 220, 0)
PLUGINS = ("docker", "command", "random")
LANGUAGE_HOST = "pulumi-language-python"
INSTALLER = "https://get.pulumi.com/install.sh"
_STAND_INS = Path(__file__).parent / "plugins" / "bin"
_MODULE = Path(__file__).parent / "toolchain" / "engine"
_VERSION_FLAG = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


def bin_dir(checkout: Checkout) -> Path:
    """The folder of the chosen programs, to be first on PATH."""
    return checkout.dir / "toolchain" / "bin"


def ensure(step: Step, checkout: Checkout) -> None:
    """Choose each program once, and say which; the choice stays until `make clean`, as the stack's state does."""
    choice = checkout.dir / "toolchain" / "chosen"
    links = bin_dir(checkout)
    pins = hash_of(repr(_pins()).encode(), (_MODULE / "go.sum").read_bytes())
    if choice.exists() and all(link.exists() for link in links.iterdir()):
        found_pins, _, note = choice.read_text().partition("\n")
        if found_pins == pins:
            step.note = note
            return
    choice.unlink(missing_ok=True)
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir(parents=True)
    path = _others_path(checkout)
    official = _official_answers()
    cli, whence = _cli(step, checkout, path, official=official)
    (links / "pulumi").symlink_to(cli)
    notes = [f"pulumi {whence}"]
    stand_ins: list[str] = []
    # The official CLI has its language host beside it.
    beside = cli.resolve().parent
    built_here = beside.is_relative_to(checkout.dir / "toolchain")
    if built_here or not ((beside / LANGUAGE_HOST).exists() or shutil.which(LANGUAGE_HOST, path=path)):
        _link((beside if built_here else links) / LANGUAGE_HOST, _STAND_INS / LANGUAGE_HOST)
        stand_ins.append("python")
    for name in PLUGINS:
        program = f"pulumi-resource-{name}"
        if shutil.which(program, path=path):
            notes.append(f"{name} from PATH")
        elif official and _download(step, checkout, cli, name):
            notes.append(f"{name} downloaded")
        else:
            home = checkout.dir / "pulumi-home" / "plugins" / f"resource-{name}-v{version(f'pulumi-{name}')}"
            _link(home / program, _STAND_INS / program)
            stand_ins.append(name)
    if stand_ins:
        notes.append(f"stand-ins for {', '.join(stand_ins)}")
    step.note = "; ".join(notes)
    write(choice, f"{pins}\n{step.note}")


def chosen(checkout: Checkout) -> str:
    """What `ensure` said that it took."""
    return (checkout.dir / "toolchain" / "chosen").read_text().partition("\n")[2]


def new_enough(printed: str) -> bool:
    """Whether this is the version of a CLI that knows all that the program uses."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", printed)
    return found is not None and tuple(int(part) for part in found.groups()) >= OLDEST


def _cli(step: Step, checkout: Checkout, path: str, *, official: bool) -> tuple[Path, str]:
    """A Pulumi CLI, and where it comes from."""
    found = shutil.which("pulumi", path=path)
    if found:
        printed = subprocess.run([found, "version"], capture_output=True, text=True, check=False).stdout.strip()
        if new_enough(printed):
            return Path(found), f"{printed} from PATH"
    wanted = version("pulumi")
    if official:
        root = checkout.dir / "pulumi"
        script = checkout.dir / "install-pulumi.sh"
        with urllib.request.urlopen(INSTALLER, timeout=10) as answer:
            write(script, answer.read().decode())
        step.run(
            "sh", script, "--version", wanted, "--install-root", root, "--no-edit-path",
            way_out=f"install Pulumi {wanted} by hand, or run it again",
        )  # fmt: skip
        return root / "bin" / "pulumi", f"{wanted} from its installer"
    return _build(step, checkout, wanted), f"{wanted} built from its Go module (its installer can't be reached)"


def _build(step: Step, checkout: Checkout, wanted: str) -> Path:
    """The engine from the Go module proxy; about five minutes on two cores, once."""
    key = hash_of(*(path.read_bytes() for path in sorted(_MODULE.iterdir())))
    binary = checkout.dir / "toolchain" / f"engine-{key}" / "pulumi"
    if not binary.exists():
        if f"pulumi/pkg/v3 v{wanted}" not in (_MODULE / "go.mod").read_text():
            raise StepError(f"lab/toolchain/engine pins another version than pulumi {wanted}", "pin the same", step.log)
        new = binary.with_name("pulumi.new")
        new.parent.mkdir(parents=True, exist_ok=True)
        step.run(
            "go", "build", "-v", "-mod=readonly", "-buildvcs=false",
            "-ldflags", f"-s -w -X {_VERSION_FLAG}=v{wanted}", "-o", new, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            cwd=_MODULE, env=os.environ | {"GOTOOLCHAIN": "local"},
            way_out=f"install Pulumi {wanted} by hand, or Go 1.25 or newer with a module proxy that answers",
        )  # fmt: skip
        new.replace(binary)
    return binary


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _download(step: Step, checkout: Checkout, cli: Path, name: str) -> bool:
    env = os.environ | {"PULUMI_HOME": str(checkout.dir / "pulumi-home"), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    command = (cli, "plugin", "install", "resource", name, version(f"pulumi-{name}"))
    try:
        step.run(*command, env=env, timeout_s=300, way_out="run it again")
    except StepError:
        step.steps.check()
        return False
    return True


def _official_answers() -> bool:
    """Whether Pulumi's download site answers, asked for a few seconds."""
    try:
        with urllib.request.urlopen(INSTALLER, timeout=4):
            return True
    except OSError:
        return False


def _others_path(checkout: Checkout) -> str:
    """PATH without what an earlier run or `make shell` put there."""
    own = (str(checkout.dir), str(_STAND_INS))
    return os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if not part.startswith(own))


def _pins() -> list[str]:
    return [version(package) for package in ("pulumi", *(f"pulumi-{name}" for name in PLUGINS))]

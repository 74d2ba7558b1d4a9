"""The lab host: a container that is a machine, reached only by SSH."""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from lab import debian
from lab.checkout import Checkout, write
from lab.engine import Docker
from lab.images import RECIPES, STAND_INS
from lab.steps import Step, StepError

CPUS, MEMORY_GB = 4, 8  # the machine that the platform is meant for; a smaller one here sets no limit
# What a Docker engine needs inside a container. Less than `--privileged`, which some machines can't give.
CAPABILITIES = [
    "AUDIT_CONTROL", "AUDIT_WRITE", "BLOCK_SUSPEND", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",
    "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MKNOD", "NET_ADMIN",
    "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN",
    "SYS_CHROOT", "SYS_NICE", "SYS_PTRACE", "SYS_TTY_CONFIG", "SYSLOG",
]  # fmt: skip
NAMES = ("shop.lab", "www.shop.lab")  # what others on the lab's network call it
_SPEC = "lab.spec"  # label: the hash of everything that the container was made of
_OWNER = "lab.checkout"  # label: whose image it is
HERE = Docker()
_AGAIN = "run it again; if it stays so, `make clean` removes the lab and the next `make up` makes a new one"


def on(checkout: Checkout) -> Docker:
    """The lab host's own engine."""
    return Docker(("ssh", "-F", str(checkout.dir / "ssh" / "config"), "lab"))


def build(step: Step, checkout: Checkout, recipe: str, tag: str, base: Path | None) -> str:
    """An image for this machine's engine, on the Debian of `base` or else on the official one; gives its id."""
    parent = f"{checkout.name}-debian" if base else "debian:13"
    if base:
        debian.load(step, base, parent, HERE)
    options = ("--network=host", "--label", f"{_OWNER}={checkout.name}", "--build-arg", f"BASE={parent}")
    step.run(
        *HERE("build", *options, "--tag", tag, RECIPES / recipe),
        way_out="check that the Debian mirror answers, then run it again",
    )
    HERE.ask("image", "prune", "--force", "--filter", f"label={_OWNER}={checkout.name}")
    _, found = HERE.ask("image", "inspect", "--format", "{{.Id}}", tag)
    return found


def start(step: Step, checkout: Checkout, image_id: str, *, trust: Path) -> None:
    """See to it that the host stands and answers. `trust` has the authorities of registries that its engine trusts."""
    arguments = (*_arguments(checkout), *machine(), image_id)
    stand(step, checkout, checkout.name, arguments, {"/etc/ssh": _keys(step, checkout), "/etc/docker": trust})
    if not _answers(checkout):
        step.note = "restarted, since it did not answer"
        step.run(*HERE("restart", checkout.name), way_out=_AGAIN)
        if not _answers(checkout):
            step.run(*HERE("logs", checkout.name), way_out=_AGAIN)
            raise StepError("the lab host does not answer over SSH", _AGAIN, step.log)


def stand(step: Step, checkout: Checkout, name: str, arguments: tuple[str, ...], files: Mapping[str, Path]) -> None:
    """See to it that a container runs: keep it, start it, or make it anew, its volumes kept.

    `files` are folders whose content it gets, by the place where it gets it.
    """
    arguments = ("--name", name, "--network", checkout.name, "--restart", "unless-stopped", *arguments)
    contents = [path.read_bytes() for one in files.values() for path in sorted(one.rglob("*")) if path.is_file()]
    spec = debian.hash_of(repr((arguments, sorted(files))).encode(), *contents)
    state, made_of = _state(name)
    if state and made_of != spec:
        step.run(*HERE("rm", "--force", name), way_out=_AGAIN)
        state = ""
    if not state:
        _network(step, checkout)
        step.run(*HERE("create", "--label", f"{_SPEC}={spec}", *arguments), way_out=_AGAIN)
    if state != "running":
        for place, folder in files.items():
            step.run(*HERE("cp", f"{folder}/.", f"{name}:{place}"), way_out=_AGAIN)
        step.run(*HERE("start", name), way_out=_AGAIN)
    step.note = {"running": "stands already", "": "made"}.get(state, "started again")


def describe(checkout: Checkout, *, stand_ins: bool) -> None:
    """Write what the program reads of the host."""
    public = (checkout.dir / "ssh" / "machine" / "ssh_host_ed25519_key.pub").read_text().split()
    facts = {
        "address": "127.0.0.1",
        "port": checkout.ports["ssh"],
        "user": "deploy",
        "hostKey": " ".join(public[:2]),
        "httpPort": checkout.ports["http"],
        "httpsPort": checkout.ports["https"],
    }
    if stand_ins:
        facts["images"] = STAND_INS
    write(checkout.dir / "host.yaml", yaml.safe_dump(facts, sort_keys=False))


def remove(step: Step, checkout: Checkout) -> None:
    """Remove the host and what stands beside it, their volumes, network and images: this checkout's, nobody else's."""
    containers = (checkout.name, checkout.registry, checkout.acme)
    # What a killed test left on the network goes as well.
    _, others = HERE.ask("ps", "--all", "--quiet", "--filter", f"network={checkout.name}")
    HERE.ask("rm", "--force", "--volumes", *containers, *others.split())
    for name in (*_volumes(checkout), checkout.registry):
        HERE.ask("volume", "rm", "--force", name)
    HERE.ask("network", "rm", checkout.name)
    HERE.ask("image", "rm", "--force", *containers, f"{checkout.name}-debian")
    HERE.ask("image", "prune", "--force", "--filter", f"label={_OWNER}={checkout.name}")
    step.note = ""
    for name in containers:
        if _state(name)[0]:
            raise StepError(f"the container {name} can't be removed", "restart the Docker engine", step.log)


def machine() -> tuple[str, ...]:
    """What makes a container a machine with an engine of its own, of the size that the platform is meant for."""
    _, answer = HERE.ask("info", "--format", "{{.NCPU}} {{.MemTotal}}")
    cpus, memory = (int(number) for number in answer.split())
    return (
        *(f"--cap-add={capability}" for capability in CAPABILITIES),
        *(f"--security-opt={part}=unconfined" for part in ("seccomp", "apparmor", "systempaths")),
        "--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw", "--tmpfs=/run", "--stop-timeout=30",
        *([f"--cpus={CPUS}"] if cpus >= CPUS else []),
        *([f"--memory={MEMORY_GB}g"] if memory >= MEMORY_GB << 30 else []),
    )  # fmt: skip


def _arguments(checkout: Checkout) -> tuple[str, ...]:
    data, home = _volumes(checkout)
    ports = checkout.ports
    return (
        "--hostname", "lab", f"--ip6={checkout.subnet6[16]}", *(f"--network-alias={name}" for name in NAMES),
        f"--volume={data}:/var/lib/docker", f"--volume={home}:/home/deploy",
        f"--publish=127.0.0.1:{ports['ssh']}:22",
        f"--publish=127.0.0.1:{ports['http']}:80",
        f"--publish=127.0.0.1:{ports['https']}:443",
    )  # fmt: skip


def _volumes(checkout: Checkout) -> tuple[str, str]:
    return f"{checkout.name}-docker", f"{checkout.name}-home"


def _state(name: str) -> tuple[str, str]:
    """A container's state and what it was made of; empty where there is none."""
    found, answer = HERE.ask("container", "inspect", name)
    if not found:
        return "", ""
    container = json.loads(answer)[0]
    return container["State"]["Status"], container["Config"]["Labels"].get(_SPEC, "")


def _network(step: Step, checkout: Checkout) -> None:
    """Have the lab's network. What is on one with another subnet has to go before that one can."""
    subnets = (checkout.subnet, str(checkout.subnet6))
    _, found = HERE.ask("network", "inspect", "--format", "{{range .IPAM.Config}}{{.Subnet}} {{end}}", checkout.name)
    if found.split() == [*subnets]:
        return
    HERE.ask("rm", "--force", checkout.name, checkout.registry, checkout.acme)
    HERE.ask("network", "rm", checkout.name)
    step.run(
        *HERE("network", "create", "--ipv6", *(f"--subnet={subnet}" for subnet in subnets), checkout.name),
        way_out=f"where {' or '.join(subnets)} is taken: write another number below 1000 to {checkout.dir}/slot",
    )


def _keys(step: Step, checkout: Checkout) -> Path:
    """The deploy user's key and the host's, made once; the files that the host gets."""
    folder = checkout.dir / "ssh"
    identity = folder / "machine"
    if not folder.exists():
        new = checkout.dir / "ssh.new"
        shutil.rmtree(new, ignore_errors=True)
        (new / "machine").mkdir(parents=True)
        new.chmod(0o700)
        for path, comment in ((new / "id_ed25519", "deploy"), (new / "machine" / "ssh_host_ed25519_key", "lab")):
            step.run(
                "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path,
                way_out="install the OpenSSH client",
            )  # fmt: skip
        shutil.copy(new / "id_ed25519.pub", new / "machine" / "authorized_keys")
        new.rename(folder)
    port = checkout.ports["ssh"]
    host_key = (identity / "ssh_host_ed25519_key.pub").read_text()
    write(folder / "known_hosts", f"[127.0.0.1]:{port} {host_key}")
    # One log-in serves many commands; a socket's path has little room.
    control = folder / "control"
    share = f"  ControlMaster auto\n  ControlPath {control}\n  ControlPersist 60\n" if len(str(control)) < 85 else ""
    write(
        folder / "config",
        f"Host lab\n  HostName 127.0.0.1\n  Port {port}\n  User deploy\n"
        f'  IdentityFile "{folder}/id_ed25519"\n  IdentitiesOnly yes\n'
        f'  UserKnownHostsFile "{folder}/known_hosts"\n  StrictHostKeyChecking yes\n  BatchMode yes\n{share}',
    )
    return identity


def _answers(checkout: Checkout) -> bool:
    """Whether the host's engine answers over SSH, within a minute and a half."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if on(checkout).ask("version", "--format", "{{.Server.Version}}")[0]:
            return True
        time.sleep(1)
    return False

"""The Docker host: one way in for containers, one for commands, both pinned to its key."""

from collections.abc import Sequence
from pathlib import Path

import pulumi
import pulumi_docker as docker
from pulumi import Input, ResourceOptions
from pulumi_command import remote

from components.archive import pack
from config import platform as settings

_SCRIPTS = Path(__file__).with_name("scripts")

# Nothing is touched on a host that can't have the platform.
_PREPARE = """\
fail() {{ echo "this host can't have the platform: $*" >&2; exit 1; }}
version=$(docker version -f '{{{{.Server.Version}}}}' 2>&1) ||
    fail "Docker does not answer $(id -un): install Docker, and add the user to the group docker ($version)"
test "${{version%%.*}}" -ge 25 || fail "Docker $version is too old: 25 or newer"
command -v openssl >/dev/null || fail "openssl is not installed"
umask 077
mkdir -p {directory}/scripts
base64 -d | tar -x --no-same-owner -C {directory}/scripts
free=$(df -Pm {directory} | awk 'NR == 2 {{ print $4 }}')
test "$free" -ge 2048 || fail "$free MB of disk are free: 2048 at least"
"""


class Host(pulumi.ComponentResource):
    """A machine with Docker, reached over SSH with the key that the ssh-agent holds.

    `run` makes a command on it; `provider` makes containers on it; `directory` is this stack's folder there.
    """

    provider: docker.Provider
    directory: str
    scripts: str

    def __init__(self, name: str, host: settings.Host, *, directory: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("a4co:index:Host", name, {}, opts)
        self.directory, self.scripts = directory, f"{directory}/scripts"
        if not pulumi.runtime.is_dry_run():
            # ssh keeps the shared connection's socket there, and fails where the folder is missing.
            Path("~/.ssh").expanduser().mkdir(mode=0o700, exist_ok=True)
        self._connection = remote.ConnectionArgs(
            host=host.address, port=float(host.port), user=host.user, host_key=host.host_key
        )
        # The folder is made first and removed last, with everything that was ever put into it.
        self._ready = self._command(
            f"{name}-ready",
            _PREPARE.format(directory=directory),
            stdin=pack({path.name: path.read_text() for path in _SCRIPTS.glob("*.sh")}),
            delete=f"rm -rf {directory}",
            opts=ResourceOptions(parent=self),
        )
        self.provider = docker.Provider(
            name,
            host=f"ssh://{host.user}@{host.address}:{host.port}",
            ssh_opts=_ssh_options(host.host_key),
            opts=ResourceOptions(parent=self, depends_on=[self._ready]),
        )
        self.register_outputs({})

    def run(
        self, name: str, script: Input[str], *, opts: ResourceOptions, stdin: Input[str] | None = None
    ) -> remote.Command:
        """Run `script` on the host, again whenever it or `stdin` changes. It must be safe to repeat.

        Secrets go through `stdin`: a command line is visible to every user of the host.
        """
        after = ResourceOptions(depends_on=[self._ready])
        return self._command(name, script, stdin=stdin, opts=ResourceOptions.merge(opts, after))

    def _command(
        self,
        name: str,
        script: Input[str],
        *,
        opts: ResourceOptions,
        stdin: Input[str] | None = None,
        delete: Input[str] | None = None,
    ) -> remote.Command:
        return remote.Command(
            name,
            connection=self._connection,
            create=script,
            delete=delete,
            stdin=stdin,
            add_previous_output_in_env=False,
            logging=remote.Logging.NONE,  # a line over 64 KiB hangs the plug-in otherwise
            opts=opts,
        )


def _ssh_options(host_key: str) -> Sequence[str]:
    """Options for the ssh client behind the Docker provider.

    The key is pinned without a file; one shared connection spares a log-in for each request.
    """
    options = {
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": "/dev/null",
        "GlobalKnownHostsFile": "/dev/null",
        "KnownHostsCommand": f"/bin/echo %H {host_key}",
        "HostKeyAlgorithms": _algorithms(host_key),
        "ControlMaster": "auto",
        "ControlPath": "~/.ssh/a4co-%C",
        "ControlPersist": "60",
        "BatchMode": "yes",
    }
    return [part for key, value in options.items() for part in ("-o", f"{key}={value}")]


def _algorithms(host_key: str) -> str:
    kind = host_key.split(maxsplit=1)[0]
    return "rsa-sha2-512,rsa-sha2-256" if kind == "ssh-rsa" else kind

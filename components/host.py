"""The Docker host: one way in for containers, one for commands, both pinned to its key."""

import copy
from collections.abc import Sequence
from pathlib import Path

import pulumi
import pulumi_docker as docker
from pulumi import Input, Resource, ResourceOptions
from pulumi_command import remote

from components import ssh
from components.archive import pack
from config import platform as settings

_SCRIPTS = Path(__file__).with_name("scripts")

_PREPARE = """\
set -eu
umask 077
mkdir -p {directory}/scripts
base64 -d | tar -x --no-same-owner -C {directory}/scripts
"""


class Host(pulumi.ComponentResource):
    """A machine with Docker, reached over SSH with the key that the ssh-agent holds.

    `run` makes a command on it; `provider` makes containers on it; `directory` is this stack's folder there.
    `registry` is what its engine pushes to.
    """

    provider: docker.Provider
    registry: docker.RegistryArgs | None
    directory: str
    scripts: str

    waits_for: Sequence[Resource]

    def __init__(
        self,
        name: str,
        host: settings.Host,
        *,
        directory: str,
        registry: settings.Registry | None = None,
        registry_password: Input[str] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:Host", name, {}, opts)
        self.directory, self.scripts = directory, f"{directory}/scripts"
        self._connection = remote.ConnectionArgs(
            host=host.address, port=float(host.port), user=host.user, host_key=host.host_key
        )
        # The folder is made first and removed last, with everything that was ever put into it.
        self.waits_for = []
        ready = self.run(
            f"{name}-ready",
            _PREPARE.format(directory=directory),
            stdin=pack({path.name: path.read_text() for path in _SCRIPTS.glob("*.sh")}),
            delete=f"rm -rf {directory}",
            opts=ResourceOptions(parent=self, depends_on=opts.depends_on if opts else None),
        )
        self.waits_for = [ready]
        self.registry = None
        logins: list[docker.ProviderRegistryAuthArgs] = []
        if registry:
            # A preview may know no password: it asks no registry.
            user = registry.user if registry_password else None
            self.registry = docker.RegistryArgs(server=registry.server, username=user, password=registry_password)
            if user:
                logins = [
                    docker.ProviderRegistryAuthArgs(address=registry.server, username=user, password=registry_password)
                ]
        self.provider = docker.Provider(
            name,
            host=f"ssh://{host.user}@{host.address}:{host.port}",
            ssh_opts=ssh.options(host.host_key),
            registry_auth=logins or None,
            opts=ResourceOptions(parent=self, depends_on=[ready]),
        )
        self.register_outputs({})

    def after(self, *gates: Resource) -> "Host":
        """The same host for everything that must not begin before these are done."""
        later = copy.copy(self)
        later.waits_for = [*self.waits_for, *gates]
        return later

    def run(
        self,
        name: str,
        script: Input[str],
        *,
        opts: ResourceOptions,
        stdin: Input[str] | None = None,
        delete: Input[str] | None = None,
    ) -> remote.Command:
        """Run `script` on the host, again whenever it or `stdin` changes. It must be safe to repeat.

        `delete` is run when the resource goes.
        Secrets go through `stdin`: a command line is visible to every user of the host.
        """
        return remote.Command(
            name,
            connection=self._connection,
            create=script,
            delete=delete,
            stdin=stdin,
            add_previous_output_in_env=False,
            logging=remote.Logging.NONE,  # a line over 64 KiB hangs the plug-in otherwise
            opts=ResourceOptions.merge(opts, ResourceOptions(depends_on=self.waits_for)),
        )

"""The users of a server: a file that it reads again while it runs, so that a rotation restarts nothing."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import Output, Resource, ResourceOptions

from components.credential import Credential
from components.host import Host

_WRITE = """\
set -eu
umask 022
mkdir -p {folder}
cat >{folder}/.new
mv {folder}/.new {folder}/{file}
test "$(docker inspect -f '{{{{.State.Status}}}}' {container} 2>/dev/null)" = running || exit 0
docker exec {container} sh -c '{reload}'
"""


@dataclass(frozen=True)
class User:
    """One user of a server: the service it stands for, its name there, its password."""

    service: str
    name: str
    password: str

    @property
    def password_sha256(self) -> str:
        """The password's digest, in hexadecimal."""
        return hashlib.sha256(self.password.encode()).hexdigest()


class Accounts(pulumi.ComponentResource):
    """One user for each service, and during a rotation the old and the new one of it.

    `folder` holds the file, on the host, once it is written; `names` has each service's current user.
    """

    folder: Output[str]
    names: dict[str, str]

    def __init__(
        self,
        name: str,
        credentials: Mapping[str, Credential],
        render: Callable[[Sequence[User]], str],
        *,
        file: str,
        container: str,
        reload: str,
        host: Host,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:Accounts", name, {}, opts)
        self._name, self._credentials, self._render, self._host = name, credentials, render, host
        self._folder = f"{host.directory}/{name}"
        self._script = _WRITE.format(folder=self._folder, file=file, container=container, reload=reload)
        self.names = {service: user_name(service, one.number) for service, one in credentials.items()}
        written = host.run(
            name,
            self._script,
            stdin=self._file(accepted=True),
            opts=ResourceOptions(parent=self),
        )
        self.folder = written.id.apply(lambda _: self._folder)
        self.register_outputs({"folder": self.folder})

    def forget_old(self, *, after: Sequence[Resource]) -> None:
        """Once `after` is done, only the current passwords are valid."""
        if any(credential.rotated for credential in self._credentials.values()):
            self._host.run(
                f"{self._name}-forget-old",
                self._script,
                stdin=self._file(accepted=False),
                opts=ResourceOptions(parent=self, depends_on=after),
            )

    def _file(self, *, accepted: bool) -> Output[str]:
        chosen = {
            f"{service}:{number}": password
            for service, credential in self._credentials.items()
            for number, password in credential.accepted.items()
            if accepted or number == credential.number
        }

        def users(clear: Mapping[str, str]) -> str:
            keys = [(key.split(":")[0], int(key.split(":")[1])) for key in chosen]
            return self._render([User(s, user_name(s, number), clear[f"{s}:{number}"]) for s, number in keys])

        return Output.secret(Output.all(**chosen)).apply(users)


def user_name(service: str, number: int) -> str:
    """The user that a service has with its first password, its second, and so on."""
    return service if number == 1 else f"{service}_{number}"

"""Files on the host for one container to read: configuration and secrets."""

import hashlib
from collections.abc import Mapping

import pulumi
from pulumi import Input, Output, ResourceOptions

from components.archive import pack
from components.host import Host

# Made whole under a temporary name, then renamed. The parent is closed to all but the deploy user; the files
# are readable by any user, since the container that sees them through its mount runs as another one.
_WRITE = """\
set -eu
umask 022
mkdir -p {root}
if test -d {path}; then
    cat >/dev/null  # what is sent is read, or the connection may fail
    exit 0
fi
new=$(mktemp -d {root}/.new-XXXXXXXX)
trap 'rm -rf "$new"' EXIT
base64 -d | tar -x --no-same-owner -C "$new"
chmod 0755 "$new"
mv -T "$new" {path} 2>/dev/null || test -d {path}
"""


class Bundle(pulumi.ComponentResource):
    """A read-only directory on the host, named by its content.

    New content is a new directory: a new container sees it, the old container keeps what it started with.
    """

    path: Output[str]

    def __init__(
        self, name: str, files: Mapping[str, Input[str]], *, host: Host, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("a4co:index:Bundle", name, {}, opts)
        archive = Output.all(**files).apply(pack)  # a secret if any of the files is one
        # Not a secret: every bundle with a short secret also has a long random one, so nothing can be guessed from it.
        digest = Output.unsecret(archive.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:16]))
        root = f"{host.directory}/bundles"
        path = Output.format("{0}/{1}-{2}", root, name, digest)
        written = host.run(
            name,
            path.apply(lambda path: _WRITE.format(root=root, path=path)),
            stdin=archive,
            opts=ResourceOptions(parent=self),
        )
        self.path = Output.all(path, written.id).apply(lambda both: both[0])
        self.register_outputs({"path": self.path})

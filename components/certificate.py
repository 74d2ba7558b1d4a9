"""The certificate of the edge: an operator's own, or an authority's, which the host itself renews."""

import shlex

import pulumi
from pulumi import Input, Output, ResourceOptions

from components.archive import pack
from components.host import Host
from components.images import Images
from components.networks import Networks
from config import Platform


class Certificate(pulumi.ComponentResource):
    """What nginx presents instead of the certificate that it signed itself.

    One that is not valid, fits no key or names not all hosts is refused, and the one in use stays. A line in the
    crontab of the host renews what an authority issued; it goes when the authority is no longer in the stack's file.
    """

    def __init__(
        self,
        name: str,
        platform: Platform,
        *,
        key: Input[str] | None,
        nginx: Input[str],
        images: Images,
        networks: Networks,
        host: Host,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("a4co:index:Certificate", name, {}, opts)
        child = ResourceOptions(parent=self)
        tls, script = platform.edge.tls, f"bash {host.scripts}/certificate.sh"
        known = {"nginx": nginx, "network": networks.name("frontend"), "hosts": " ".join(platform.edge.hosts)}
        if tls.chain:
            # A preview may know no key: it asks no host.
            files = {"settings": _settings(known), "fullchain.pem": f"{tls.chain.strip()}\n", "privkey.pem": key or ""}
            host.run(name, f"{script} own", stdin=Output.all(**files).apply(pack), opts=child)
        if tls.acme:
            known |= {
                "image": images.references["lego"],
                "directory": tls.acme.directory,
                "email": tls.acme.email or "",
            }
            files = {"settings": _settings(known), **({"root.pem": tls.acme.root} if tls.acme.root else {})}
            host.run(
                f"{name}-acme",
                f"{script} acme",
                stdin=Output.all(**files).apply(pack),
                delete=f"{script} forget",
                # The other way round, what is deleted would be the new one's line in the crontab.
                opts=ResourceOptions(parent=self, delete_before_replace=True),
            )
        self.register_outputs({})


def _settings(known: dict[str, Input[str]]) -> Output[str]:
    """The settings as the script reads them: variables of the shell."""
    return Output.all(**known).apply(
        lambda values: "".join(f"{key}={shlex.quote(value)}\n" for key, value in values.items())
    )

"""The three networks."""

import pulumi
import pulumi_docker as docker
from pulumi import ResourceOptions

from components.host import Host
from config import platform as settings
from config.service import NetworkName

# Docker does not mind when a subnet hides something that the host has a route to.
_CHECK = """\
check() {
    own=br-$(docker network inspect -f '{{.Id}}' "$1" 2>/dev/null | cut -c1-12)
    taken=$( { ip -4 route show root "$2"; ip -4 route show match "$2"; } |
        grep -v -e ^default -e "dev $own " | head -n 1)
    test -z "$taken" || { echo "$2 of $1 overlaps a route of the host: $taken; choose another subnet" >&2; exit 1; }
}
"""


class Networks(pulumi.ComponentResource):
    """`frontend` leads out; `backend` and `data` are internal: nothing on them reaches, or is reached from, outside."""

    def __init__(
        self, name: str, networks: settings.Networks, *, prefix: str, host: Host, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("a4co:index:Networks", name, {}, opts)
        self._networks: dict[str, docker.Network] = {}
        subnets = {f"{prefix}-{part}-net": getattr(networks, part).subnet for part in ("frontend", "backend", "data")}
        checked = host.run(
            f"{name}-free",
            _CHECK + "".join(f"check {full_name} {subnet}\n" for full_name, subnet in subnets.items()),
            opts=ResourceOptions(parent=self),
        )
        for part in ("frontend", "backend", "data"):
            network: settings.Network = getattr(networks, part)
            full_name = f"{prefix}-{part}-net"
            self._networks[part] = docker.Network(
                full_name,
                name=full_name,
                driver="bridge",
                internal=network.internal,
                ipam_configs=[
                    docker.NetworkIpamConfigArgs(
                        subnet=str(network.subnet), ip_range=str(network.pool), gateway=str(network.gateway)
                    )
                ],
                opts=ResourceOptions(parent=self, depends_on=[checked]),
            )
        self.register_outputs({part: network.name for part, network in self._networks.items()})

    def name(self, part: NetworkName) -> pulumi.Output[str]:
        """The network's name on the host."""
        return self._networks[part].name

    def join(
        self, part: NetworkName, *aliases: str, address: str | None = None
    ) -> docker.ContainerNetworksAdvancedArgs:
        """A container's place on a network, under these names and, if given, at this fixed address."""
        return docker.ContainerNetworksAdvancedArgs(
            name=self._networks[part].name, aliases=list(aliases) or None, ipv4_address=address
        )

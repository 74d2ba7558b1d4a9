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
    family=-4
    case $2 in *:*)
        family=-6
        test -d /proc/sys/net/ipv6 || { echo "this host has no IPv6: set networks.ipv6 to false" >&2; exit 1; }
    esac
    own=br-$(docker network inspect -f '{{.Id}}' "$1" 2>/dev/null | cut -c1-12)
    taken=$( { ip $family route show root "$2"; ip $family route show match "$2"; } |
        grep -v -e ^default -e "dev $own " | head -n 1)
    test -z "$taken" || { echo "$2 of $1 overlaps a route of the host: $taken; choose another subnet" >&2; exit 1; }
}
"""


_PARTS: tuple[NetworkName, ...] = ("frontend", "backend", "data")


class Networks(pulumi.ComponentResource):
    """`frontend` leads out; `backend` and `data` are internal: nothing on them reaches, or is reached from, outside."""

    def __init__(
        self, name: str, networks: settings.Networks, *, prefix: str, host: Host, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("a4co:index:Networks", name, {}, opts)
        self._networks: dict[str, docker.Network] = {}
        subnets = {part: _subnets(networks, part) for part in _PARTS}
        checks = [f"check {prefix}-{part}-net {one.subnet}\n" for part in _PARTS for one in subnets[part]]
        checked = host.run(f"{name}-free", _CHECK + "".join(checks), opts=ResourceOptions(parent=self))
        for part in _PARTS:
            network: settings.Network = getattr(networks, part)
            full_name = f"{prefix}-{part}-net"
            self._networks[part] = docker.Network(
                full_name,
                name=full_name,
                driver="bridge",
                internal=network.internal,
                ipv6=len(subnets[part]) > 1,
                ipam_configs=subnets[part],
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


def _subnets(networks: settings.Networks, part: NetworkName) -> list[docker.NetworkIpamConfigArgs]:
    """An IPv4 subnet; on the frontend network an IPv6 one too, or nginx would see one address for all its visitors."""
    network: settings.Network = getattr(networks, part)
    subnets = [
        docker.NetworkIpamConfigArgs(
            subnet=str(network.subnet), ip_range=str(network.pool), gateway=str(network.gateway)
        )
    ]
    if networks.ipv6 and part == "frontend":
        subnets.append(docker.NetworkIpamConfigArgs(subnet=str(network.subnet6), gateway=str(network.subnet6[1])))
    return subnets

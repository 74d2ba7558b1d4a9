"""What every container has in common: limits, hardening, a health check, a gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pulumi_docker as docker
from pulumi import Input, Output, ResourceOptions

from components.host import Host
from config.service import Health, Limits
from config.types import go_duration

# The provider reports a change of these as an update and changes nothing; `#initerror` is a container
# that did not start, which the next `up` would otherwise accept.
_REPLACED_ON = ["#initerror", "healthcheck", "tmpfs", "init", "cpuPeriod", "cpuQuota", "rm"]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One container, as far as containers differ from each other."""

    component: str
    stack: str
    image: Input[str]
    user: str
    limits: Limits
    check: Sequence[str]
    health: Health
    grace: timedelta
    networks: Sequence[docker.ContainerNetworksAdvancedArgs]
    name: str | None = None
    command: Sequence[str] | None = None
    envs: Mapping[str, Input[str]] = field(default_factory=dict)
    mounts: Sequence[docker.ContainerMountArgs] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    ports: Sequence[docker.ContainerPortArgs] = ()
    shm_mb: int = 64
    stop_signal: str = "SIGTERM"
    revision: Input[str] | None = None


def hardened(name: str, spec: Spec, *, host: Host, opts: ResourceOptions) -> "Running":
    """A container with bounded processes, known to others once it is healthy.

    One with a fixed name (it owns a volume or a port) is replaced old-first; any other is replaced
    new-first, so that the old one serves until the new one is healthy.
    """
    labels: dict[str, Input[str]] = {"a4co.stack": spec.stack, "a4co.component": spec.component}
    if spec.revision is not None:
        labels["a4co.revision"] = spec.revision
    container = docker.Container(
        name,
        name=spec.name,
        image=spec.image,
        command=spec.command,
        user=spec.user,
        envs=[Output.format("{0}={1}", key, value) for key, value in spec.envs.items()],
        labels=[docker.ContainerLabelArgs(label=key, value=value) for key, value in labels.items()],
        networks_advanced=spec.networks,
        ports=list(spec.ports) or None,
        mounts=list(spec.mounts) or None,
        read_only=True,
        tmpfs=dict(spec.tmpfs) or None,
        init=True,
        capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
        security_opts=["no-new-privileges:true"],
        cpus=str(float(spec.limits.cpus)),
        memory=spec.limits.memory,
        memory_swap=spec.limits.memory,
        memory_reservation=spec.limits.reserved_memory,
        shm_size=spec.shm_mb,
        healthcheck=docker.ContainerHealthcheckArgs(
            tests=list(spec.check),
            interval=go_duration(spec.health.interval),
            timeout=go_duration(spec.health.timeout),
            retries=spec.health.retries,
            start_period=go_duration(spec.health.start_period),
            start_interval=go_duration(spec.health.start_interval),
        ),
        restart="unless-stopped",
        stop_signal=spec.stop_signal,
        stop_timeout=int(spec.grace.total_seconds()),
        destroy_grace_seconds=int(spec.grace.total_seconds()),
        log_driver="local",
        log_opts={"max-size": "10m", "max-file": "3"},
        must_run=True,
        opts=ResourceOptions.merge(
            opts,
            ResourceOptions(
                delete_before_replace=spec.name is not None,
                replace_on_changes=_REPLACED_ON,
                depends_on=host.waits_for,
            ),
        ),
    )
    # The provider's own `wait` neither fails fast nor says why, and accepts a sick container the second time.
    ready = host.run(
        f"{name}-ready",
        Output.format(
            "bash {0}/ready.sh {1} {2} {3}",
            host.scripts,
            container.id,
            spec.limits.pids,
            int(spec.health.healthy_within.total_seconds()),
        ),
        opts=ResourceOptions.merge(opts, ResourceOptions(deleted_with=container)),
    )
    id, name_ = (Output.all(value, ready.id).apply(lambda known: known[0]) for value in (container.id, container.name))
    return Running(id, name_)


@dataclass(frozen=True)
class Running:
    """A container that is healthy: what is known of it is known only then."""

    id: Output[str]
    name: Output[str]


def bind(source: Input[str], target: str) -> docker.ContainerMountArgs:
    """A read-only view of a directory of the host."""
    return docker.ContainerMountArgs(type="bind", source=source, target=target, read_only=True)


def data_volume(
    name: str, target: str, user: str, image: Input[str], *, host: Host, protect: bool, opts: ResourceOptions
) -> docker.ContainerMountArgs:
    """A volume that outlives the stack, owned by `user`; its replacement would be the loss of its data."""
    volume = docker.Volume(
        name,
        name=name,
        opts=ResourceOptions.merge(
            opts,
            ResourceOptions(protect=protect, retain_on_delete=True, ignore_changes=["labels", "driver", "driverOpts"]),
        ),
    )
    # Not every image has the directory with the right owner, and only root may give it away.
    owned = host.run(
        f"{name}-owner",
        Output.format(
            "docker run --rm --user 0:0 --network none --read-only --cap-drop ALL --cap-add CHOWN "
            "--security-opt no-new-privileges --memory 64m --pids-limit 20 --entrypoint chown "
            "--mount type=volume,src={0},dst={1} {2} {3} {1}",
            volume.name,
            target,
            image,
            user,
        ),
        opts=ResourceOptions.merge(opts, ResourceOptions(deleted_with=volume)),
    )
    source = Output.all(volume.name, owned.id).apply(lambda both: both[0])
    return docker.ContainerMountArgs(type="volume", source=source, target=target)

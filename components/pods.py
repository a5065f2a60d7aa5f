"""What all our pods have in common: who they run as, how they are told apart, how their settings reach them.

Pods are as locked down as the restricted Pod Security Standard asks
(https://kubernetes.io/docs/concepts/security/pod-security-standards/), and beyond it with a read-only root file system:
what they write goes to a volume that is named here or in the component."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import yaml
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    HTTPGetActionArgs,
    ObjectFieldSelectorArgs,
    PersistentVolumeClaimArgs,
    PersistentVolumeClaimSpecArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    VolumeArgs,
    VolumeMountArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import names

WORKLOADS_UID = 10001
PULL_POLICY = "IfNotPresent"
#: A rollout that takes longer than this will not end by itself; Pulumi's own limit is 10 minutes.
ROLLOUT_TIMEOUTS = pulumi.CustomTimeouts(create="5m", update="5m")


def container(
    name: str,
    image: pulumi.Input[str],
    *,
    mounts: Sequence[VolumeMountArgs] = (),
    writable: bool = False,
    **more: Any,
) -> ContainerArgs:
    """A container that can do no more than it must, with the pod's `scratch_volume` as its /tmp. writable: whether it
    may write to its image's file system. more: what is its own of `ContainerArgs`.
    """
    return ContainerArgs(
        name=name,
        image=image,
        image_pull_policy=PULL_POLICY,
        security_context=container_security(writable=writable),
        volume_mounts=[*mounts, mount("tmp", "/tmp")],  # noqa: S108 - the pod's own
        **more,
    )


def program(name: str, image: pulumi.Input[str], **more: Any) -> ContainerArgs:
    """The container of one of our own programs, `workloads.<name>`; more: as for `container`."""
    return container(name, image, command=["python3", "-m", f"workloads.{name}"], **more)


def pod(
    containers: Sequence[ContainerArgs], *, volumes: Sequence[VolumeArgs] = (), uid: int = WORKLOADS_UID, **more: Any
) -> PodSpecArgs:
    """A pod of such containers. It has a token for the API server only if `more`, what is its own of `PodSpecArgs`,
    says so.
    """
    return PodSpecArgs(
        **{
            "automount_service_account_token": False,
            "enable_service_links": False,
            "security_context": pod_security(uid),
            "containers": list(containers),
            "volumes": [*volumes, scratch_volume()],
            **more,
        }
    )


def pod_security(uid: int, volumes_gid: int | None = None) -> PodSecurityContextArgs:
    """Not root, one user and group, whose group owns the volumes; or the group `volumes_gid`, where they are shared."""
    return PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=uid,
        run_as_group=uid,
        fs_group=uid if volumes_gid is None else volumes_gid,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security(*, writable: bool = False) -> SecurityContextArgs:
    """No capability, no way to get one, nothing to write to but the volumes, unless it is `writable`."""
    return SecurityContextArgs(
        allow_privilege_escalation=False,
        read_only_root_filesystem=not writable,
        capabilities=CapabilitiesArgs(drop=["ALL"]),
    )


def resources(cpu: str, memory: str, memory_limit: str) -> ResourceRequirementsArgs:
    """A request that lets everything fit on two cores; a limit for memory only: throttling a CPU would be measured as
    hand-off.
    """
    return ResourceRequirementsArgs(requests={"cpu": cpu, "memory": memory}, limits={"memory": memory_limit})


def identity() -> list[EnvVarArgs]:
    """The pod's name, namespace and UID, as `POD_NAME`, `POD_NAMESPACE`, `POD_UID`."""
    fields = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "POD_UID": "metadata.uid"}
    return [
        EnvVarArgs(name=name, value_from=EnvVarSourceArgs(field_ref=ObjectFieldSelectorArgs(field_path=path)))
        for name, path in fields.items()
    ]


def application(version: str, image: str) -> dict[str, str]:
    """The annotations by which whoever sees a member's pod knows what it runs. image: empty where nobody here knows."""
    return {names.VERSION_ANNOTATION: version, names.IMAGE_ANNOTATION: image}


def scraping(port: int, every: str = "") -> dict[str, str]:
    """The annotations by which the metrics store, and others that follow the convention, find a pod's metrics. every:
    how often, where that is less often than the store's own interval: a JVM's cost many times what ours do.
    """
    found = {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": "/metrics"}
    return found | ({"prometheus.io/interval": every} if every else {})


def http_probe(path: str, port: int, *, period: int, failures: int, timeout: int = 1) -> ProbeArgs:
    """A probe over HTTP every `period` seconds that acts after `failures` in a row."""
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=path, port=port),
        period_seconds=period,
        failure_threshold=failures,
        timeout_seconds=timeout,
    )


def until_rolled_out(replicas: int) -> dict[str, str]:
    """Annotations that make `pulumi up` wait until all pods of a StatefulSet are the new ones, and ready.

    Pulumi's own wait for a StatefulSet takes the status that it finds just after its write, of the generation before,
    for the new one's, and is done at once when only the template has changed (provider 4.25, `statefulset.go`); these
    conditions look at `status.observedGeneration` first."""
    # At 0 the other counts are left out of the status, not 0.
    counts = ("replicas", "updatedReplicas", "readyReplicas") if replicas else ("replicas",)
    return {"pulumi.com/waitFor": json.dumps([f"jsonpath={{.status.{count}}}={replicas}" for count in counts])}


def liveness_failures(slowest: int, period: int, margin: int = 20) -> int:
    """How many probes in a row may fail, so that liveness acts `margin` seconds after `slowest`, the longest time a
    hang may take to show as a failed switch (design §5.3)."""
    return math.ceil((slowest + margin) / period)


def rendered(settings: Mapping[str, object]) -> str:
    """A workload's settings as the text of its settings file."""
    return yaml.safe_dump(dict(settings), sort_keys=True, default_flow_style=False)


def settings_hash(*texts: str) -> dict[str, str]:
    """An annotation for the pod template: pods roll when, and only when, what they read at their start has changed."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    return {names.SETTINGS_HASH: digest[:16]}


def config_volume(name: str, config_map: str) -> VolumeArgs:
    """A ConfigMap as a volume."""
    return VolumeArgs(name=name, config_map=ConfigMapVolumeSourceArgs(name=config_map))


def scratch_volume(size: str = "64Mi") -> VolumeArgs:
    """A small /tmp: libraries expect one even where the program does not."""
    return VolumeArgs(name="tmp", empty_dir=EmptyDirVolumeSourceArgs(size_limit=size))


def mount(name: str, path: str, *, read_only: bool = False) -> VolumeMountArgs:
    """Where a volume appears in a container."""
    return VolumeMountArgs(name=name, mount_path=path, read_only=True if read_only else None)


def claim(name: str, size: str) -> PersistentVolumeClaimArgs:
    """A volume of the cluster's default storage class for each pod of a StatefulSet."""
    return PersistentVolumeClaimArgs(
        metadata=ObjectMetaArgs(name=name),
        spec=PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"], resources=VolumeResourceRequirementsArgs(requests={"storage": size})
        ),
    )

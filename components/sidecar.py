"""The container of the sidecar's program: in every consumer pod, or alone in the pod of a connector's agent."""

from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import ContainerArgs, ContainerPortArgs, EnvVarArgs

from components import names, pods


def sidecar(
    image: pulumi.Input[str], color: str, *, port_name: str, ready: str = "/healthz", **more: Any
) -> ContainerArgs:
    """Watches the Lease for `color`. ready: the path that says so; its own health, where its subject has a probe of its
    own. more: what is its own of `ContainerArgs`.
    """
    return pods.program(
        names.SIDECAR,
        image,
        env=[
            *pods.identity(),
            EnvVarArgs(name="BG_COLOR", value=color),
            EnvVarArgs(name="BG_LEASE_NAME", value=names.LEASE_NAME),
        ],
        ports=[ContainerPortArgs(name=port_name, container_port=names.SIDECAR_PORT)],
        readiness_probe=pods.http_probe(ready, names.SIDECAR_PORT, period=1, failures=5),
        liveness_probe=pods.http_probe("/healthz", names.SIDECAR_PORT, period=5, failures=6, timeout=3),
        **more,
    )

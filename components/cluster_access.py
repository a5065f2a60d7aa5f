"""How to reach the cluster that Pulumi deploys to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """What Pulumi's Kubernetes provider is told. kubeconfig: a path, or the content; None: as kubectl finds it."""

    kubeconfig: str | None = None
    context: str | None = None

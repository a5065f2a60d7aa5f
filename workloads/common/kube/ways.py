"""The way to the API server from wherever this process runs."""

from workloads.common.kube.credentials import Access, in_pod
from workloads.common.kube.kubeconfig import from_kubeconfig


def access() -> Access:
    """In a pod: its service account. Else what `KUBECONFIG` (or ~/.kube/config) says. Raises AccessError."""
    return in_pod() or from_kubeconfig()

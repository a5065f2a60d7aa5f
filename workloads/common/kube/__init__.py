"""A thin Kubernetes API client: raw JSON objects over keep-alive connections, with deadlines, and watches that outlive
errors.

| module | what is in it |
| --- | --- |
| `credentials` | how to reach the API server, and as whom: the pod's service account |
| `kubeconfig`, `ways` | the same outside of a pod, for tests and hands only; which of the two it is |
| `client` | `Kube`: requests with deadlines, one watch |
| `follower` | `Follower`: a thread that reads and watches for ever |
| `pace` | what a follower does after each turn: a pure rule |
| `errors` | what can go wrong |

| thread | runs | owns |
| --- | --- | --- |
| watch-<what is watched> | `follower.Follower` | its place and its `Kube`; it calls its owner |

A `Kube` may be used by several threads, each with a
connection of its own while they call at the same time.

`resourceVersion`s are compared as integers, which the API guarantees since Kubernetes 1.35 (KEP-5504) and did before.
"""

from workloads.common.kube.client import METADATA_ONLY, STRATEGIC_MERGE, Event, Kube, Object, version_of
from workloads.common.kube.credentials import Access
from workloads.common.kube.errors import AccessError, ApiError, KubeError, SilentError, UnreachableError
from workloads.common.kube.follower import Follower
from workloads.common.kube.kubeconfig import from_kubeconfig
from workloads.common.kube.ways import access

__all__ = [
    "METADATA_ONLY",
    "STRATEGIC_MERGE",
    "Access",
    "AccessError",
    "ApiError",
    "Event",
    "Follower",
    "Kube",
    "KubeError",
    "Object",
    "SilentError",
    "UnreachableError",
    "access",
    "from_kubeconfig",
    "version_of",
]

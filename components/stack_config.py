"""What Pulumi hands to a program, as plain values: all of the project's configuration, known and unknown keys alike."""

from collections.abc import Mapping

import pulumi
from pulumi.runtime import config as runtime_config

from components.cluster.access import ClusterAccess
from components.settings import NAMESPACE


def project_configuration() -> dict[str, str]:
    """Every key of the namespace `kafka-bluegreen:`, without it; `pulumi.Config` can only ask for what it knows."""
    everything: Mapping[str, str] = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{NAMESPACE}:"
    return {key.removeprefix(prefix): value for key, value in everything.items() if key.startswith(prefix)}


def secret_keys() -> frozenset[str]:
    """The keys among these that are a secret, or have one in them: Pulumi does not tell where."""
    return frozenset(key for key in project_configuration() if runtime_config.is_config_secret(f"{NAMESPACE}:{key}"))


def cluster_access() -> ClusterAccess:
    """Where the Kubernetes provider is told to go, so that the check of a switch goes there, too."""
    told = pulumi.Config("kubernetes")
    # Pulumi's Python SDK used to set what was not given to "".
    return ClusterAccess(*(told.get(key) or None for key in ("kubeconfig", "context", "cluster")))

"""How to reach the cluster that Pulumi deploys to: the same one by every way in which it can be given."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.cluster.errors import AccessError
from components.cluster.kubeconfig import KubeContext, find
from components.cluster.plain import Plain, plain

__all__ = ["AccessError", "ClusterAccess", "configuration", "require_named", "require_readable", "without_package"]


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """What Pulumi's Kubernetes provider is told (`kubernetes:kubeconfig`, `:context`, `:cluster`).

    kubeconfig: a path, paths as in `KUBECONFIG`, or the content, which no `repr` shows; None: as kubectl finds it, in a
    pod its service account.
    """

    kubeconfig: str | None = field(default=None, repr=False)
    context: str | None = None
    cluster: str | None = None


def require_readable(access: ClusterAccess, environment: Mapping[str, str] = os.environ) -> None:
    """Raises `AccessError` when `access` names no cluster. Reads files only, and loads nothing that takes time."""
    find(access.kubeconfig, access.context, access.cluster, environment)


def require_named(access: ClusterAccess, platform: str, environment: Mapping[str, str] = os.environ) -> None:
    """Raises `AccessError` when the platform is the sandbox and nothing names a cluster: the one of `~/.kube/config`,
    which would be taken, is another.
    """
    named = access.kubeconfig or access.context or access.cluster or environment.get("KUBECONFIG")
    if platform == "sandbox" and not named:
        raise AccessError(
            "KUBECONFIG is not set, and with platform 'sandbox' no other cluster is meant than the sandbox's; "
            'run: eval "$(python -m tools.sandbox env)"'
        )


def without_package(access: ClusterAccess, environment: Mapping[str, str] = os.environ) -> Plain | None:
    """What `access` comes to where the kubernetes package is not needed for it. Raises `AccessError`."""
    return plain(find(access.kubeconfig, access.context, access.cluster, environment), environment)


def configuration(access: ClusterAccess, environment: Mapping[str, str] = os.environ) -> Any:
    """The `kubernetes.client.Configuration` for `access`; its tokens renew themselves where they can.

    Raises `AccessError`. Loads the kubernetes package, half a second of work. Users of every kind that it knows work
    (certificates, tokens, exec plugins, …); impersonation is not among them.
    """
    found = find(access.kubeconfig, access.context, access.cluster, environment)
    from kubernetes import client, config  # noqa: PLC0415 - see above

    made: Any = client.Configuration()
    load_dictionary: Any = config.load_kube_config_from_dict
    load_in_cluster: Any = config.load_incluster_config
    why = ""
    _silence()
    try:
        if found is None:
            load_in_cluster(client_configuration=made)
        else:
            load_dictionary(found.content(), client_configuration=made)
    except Exception as error:  # noqa: BLE001 - whatever it raises may quote what it read: its kind has to do
        why = type(error).__name__
    source = found.source if found else "the pod's service account"
    if why:
        raise AccessError(f"{source} cannot be used: the kubernetes package refuses it ({why})")
    if found and not _has_credential(found, made):
        raise AccessError(f"{source}: the plugin that its user names (exec) gave no credential; run it by hand")
    return made


def _has_credential(found: KubeContext, made: Any) -> bool:
    """Whether the exec plugin, if it is one that has to, gave something: the package only logs that it did not."""
    return "exec" not in found.user or bool(made.api_key or made.cert_file)


def _silence() -> None:
    """Have the root logger drop what the package says by it: what an exec plugin wrote to its standard error, now and
    when a token is renewed.
    """
    logging.getLogger().addFilter(_is_not_the_packages)


def _is_not_the_packages(record: logging.LogRecord) -> bool:
    return f"{os.sep}kubernetes{os.sep}config{os.sep}" not in record.pathname

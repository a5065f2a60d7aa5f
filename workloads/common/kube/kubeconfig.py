"""For tests, and for a workload that is started by hand: the way to the API server that a kubeconfig says.

No pod uses it. It needs the `kubernetes` package, whose import takes a quarter of a second and 20 MB.
"""

import os

from workloads.common.kube.credentials import SERVICE_ACCOUNT, Access
from workloads.common.kube.errors import AccessError


def from_kubeconfig(file: str | None = None) -> Access:
    """The current context of a kubeconfig file, with whatever way of authentication it has. Raises AccessError."""
    from kubernetes import client, config  # noqa: PLC0415 - expensive, and not needed in a pod

    configuration = client.Configuration()
    named = file or os.environ.get("KUBECONFIG") or None  # as it is now: the package looked when it was imported
    try:
        config.load_kube_config(named, client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        raise AccessError(
            f"no way to the API server: not in a pod with a service account token ({SERVICE_ACCOUNT}), "
            f"and the kubeconfig cannot be used: {error}"
        ) from error

    def authorization() -> str | None:
        if configuration.refresh_api_key_hook:
            configuration.refresh_api_key_hook(configuration)
        value: str | None = configuration.api_key.get("authorization") or configuration.api_key.get("BearerToken")
        return value

    files = (configuration.cert_file, configuration.key_file)
    certificate = (files[0], files[1]) if files[0] and files[1] else None
    return Access(
        configuration.host,
        configuration.ssl_ca_cert,
        authorization=authorization,
        certificate=certificate,
        verify=configuration.verify_ssl,
    )

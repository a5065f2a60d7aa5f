"""A cluster whose user has a certificate, as in kubeadm's kubeconfigs and the sandbox's, or a token, as a service
account has: the kubeconfig has all that is needed. So the kubernetes package need not be loaded for it, half a second
that a switch would wait for.
"""

import base64
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.cluster.kubeconfig import KubeContext

_CLUSTER = frozenset(
    {"server", "certificate-authority", "certificate-authority-data", "disable-compression", "extensions"}
)
_CERTIFICATE = frozenset({"client-certificate", "client-certificate-data", "client-key", "client-key-data"})
#: By these the package finds a proxy.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@dataclass(frozen=True, slots=True)
class Plain:
    """As much of a `kubernetes.client.Configuration` as is asked for. context: takes the cluster's certificate alone,
    and shows the user's. api_key: the token, if that is what the user has.
    """

    host: str
    context: ssl.SSLContext
    proxy: None = None
    api_key: Mapping[str, str] = field(default_factory=dict, repr=False)

    def auth_settings(self) -> dict[str, Any]:
        """The header of a token; a certificate is the connection's."""
        return {key: {"key": key, "value": value} for key, value in self.api_key.items()}


def plain(found: KubeContext | None, environment: Mapping[str, str]) -> Plain | None:
    """None where there is more to it, or the certificates are none: the kubernetes package knows, and says it."""
    if found is None or any(environment.get(name) for name in _PROXIES):
        return None
    user, token = found.user, found.user.get("token")
    known = (user.keys() == {"token"} and token) or user.keys() <= _CERTIFICATE
    if not user or not known or not found.cluster.keys() <= _CLUSTER:
        return None
    try:
        context = ssl.create_default_context(cadata=_pem(found.cluster, "certificate-authority").decode())
        if not token:
            with tempfile.NamedTemporaryFile() as file:  # the ssl module takes a file, which only its owner can read
                file.write(_pem(user, "client-certificate") + b"\n" + _pem(user, "client-key"))
                file.flush()
                context.load_cert_chain(file.name)
    except (KeyError, OSError, ValueError):
        return None
    api_key = {"authorization": f"Bearer {token}"} if token else {}
    return Plain(str(found.cluster["server"]).rstrip("/"), context, api_key=api_key)


def _pem(entry: Mapping[str, Any], key: str) -> bytes:
    """What is in place, or else in the file. Raises KeyError, OSError or ValueError."""
    data = entry.get(f"{key}-data")
    return base64.b64decode(data) if data else Path(entry[key]).read_bytes()

"""A cluster whose user has a certificate, as in kubeadm's kubeconfigs and the sandbox's: the kubeconfig has all that is
needed. So the kubernetes package need not be loaded for it, half a second that a switch would wait for.
"""

import base64
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.cluster.kubeconfig import Found

_CLUSTER = frozenset(
    {"server", "certificate-authority", "certificate-authority-data", "disable-compression", "extensions"}
)
_USER = frozenset({"client-certificate", "client-certificate-data", "client-key", "client-key-data"})
#: By these the package finds a proxy.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@dataclass(frozen=True, slots=True)
class Certified:
    """As much of a `kubernetes.client.Configuration` as is asked for. context: takes the cluster's certificate alone,
    and shows the user's.
    """

    host: str
    context: ssl.SSLContext
    proxy: None = None
    api_key: Mapping[str, str] = field(default_factory=dict)

    def auth_settings(self) -> dict[str, Any]:
        """No header: the certificate is the connection's."""
        return {}


def certified(found: Found | None, environment: Mapping[str, str]) -> Certified | None:
    """None where there is more to it, or the certificates are none: the kubernetes package knows, and says it."""
    if found is None or any(environment.get(name) for name in _PROXIES):
        return None
    if not found.cluster.keys() <= _CLUSTER or not found.user or not found.user.keys() <= _USER:
        return None
    try:
        context = ssl.create_default_context(cadata=_pem(found.cluster, "certificate-authority").decode())
        with tempfile.NamedTemporaryFile() as file:  # the ssl module takes a file, which only its owner can read
            file.write(_pem(found.user, "client-certificate") + b"\n" + _pem(found.user, "client-key"))
            file.flush()
            context.load_cert_chain(file.name)
    except (KeyError, OSError, ValueError):
        return None
    return Certified(str(found.cluster["server"]).rstrip("/"), context)


def _pem(entry: Mapping[str, Any], key: str) -> bytes:
    """What is in place, or else in the file. Raises KeyError, OSError or ValueError."""
    data = entry.get(f"{key}-data")
    return base64.b64decode(data) if data else Path(entry[key]).read_bytes()

"""How a workload reaches the API server, and as whom: by its pod's service account, whose token is read again and again
because it is rotated.
"""

import os
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS = 60.0  # how long a token read from its file is used; the kubelet replaces it at 80 % of its lifetime

_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]


@dataclass
class Access:
    """How to reach and be known to the API server.

    server: its URL. ca_file: the CA that its certificate is checked against; the system's when None.
    token_file: a bearer token, read again every minute. authorization: without one, gives the header's value (None: no
    header). certificate: a client certificate's file and its key's. verify: False takes any server certificate.
    """

    server: str
    ca_file: str | None = None
    token_file: Path | None = None
    authorization: Callable[[], str | None] = lambda: None
    certificate: tuple[str, str] | None = None
    verify: bool = True
    _token: str | None = field(default=None, repr=False)
    _token_until: float = 0.0

    def headers(self) -> dict[str, str]:
        """The headers that say who asks."""
        if self.token_file is None:
            value = self.authorization()
            return {"Authorization": value} if value else {}
        now = time.monotonic()
        if self._token is None or now >= self._token_until:
            self._token = f"Bearer {self.token_file.read_text().strip()}"
            self._token_until = now + TOKEN_SECONDS
        return {"Authorization": self._token}

    def forget_token(self) -> None:
        """Read the token's file anew at the next request."""
        self._token_until = 0.0

    def pool(self, connections: int = 1) -> urllib3.HTTPConnectionPool:
        """A connection pool of its own, that keeps so many connections; they are made when they are used first."""
        url = urlsplit(self.server)
        common: dict[str, Any] = {
            "maxsize": connections,
            "block": False,
            "socket_options": _SOCKET_OPTIONS,
            "retries": False,
        }
        if url.scheme == "http":
            return urllib3.HTTPConnectionPool(url.hostname or "", url.port or 80, **common)
        context = ssl.create_default_context(cafile=self.ca_file)
        if not self.verify:  # only by an explicit `insecure-skip-tls-verify` in somebody's kubeconfig
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        return urllib3.HTTPSConnectionPool(url.hostname or "", url.port or 443, ssl_context=context, **common)


def in_pod() -> Access | None:
    """By this pod's service account; None when this is no pod, or one without a token."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = SERVICE_ACCOUNT / "token"
    if not host or not token.exists():
        return None
    name = f"[{host}]" if ":" in host else host
    return Access(f"https://{name}:{port}", str(SERVICE_ACCOUNT / "ca.crt"), token)

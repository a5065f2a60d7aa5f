"""A first look at the cluster that costs no time: GET requests by what Python itself has.

The Kubernetes client takes half a second to load, which a switch would wait for. It is needed for whoever comes in by a
plugin, through a proxy, or as a pod; for certificates and tokens it is not. As in `client`, no error holds a
credential, nor anything that was read from where credentials are.
"""

import base64
import http.client
import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from components.cluster.access import ClusterAccess
from components.cluster.errors import ApiError
from components.cluster.kubeconfig import Found, find

_SECONDS = 10.0
_ERRORS = 400
_TOLD_CHARACTERS = 500
_CLUSTER_KEYS = {"server", "certificate-authority", "certificate-authority-data", "extensions"}
_USER_KEYS = {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile"}
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


class Glance:
    """One API server, over one connection. Not safe to use from several threads."""

    def __init__(self, found: Found, agent: str) -> None:
        """Raises OSError and ValueError, whose texts may quote what was read: see `glance`."""
        self._address = urlsplit(str(found.cluster["server"]))
        self._headers = {"Accept": "application/json", "User-Agent": agent, **_token(found.user)}
        host, port = self._address.hostname or "", self._address.port
        self._connection = (
            http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=_context(found))
            if self._address.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=_SECONDS)
        )

    def get(self, path: str) -> dict[str, Any]:
        """An object or a list of them. Raises `ApiError`."""
        status, body, why = None, b"", ""
        try:
            self._connection.request("GET", f"{self._address.path.rstrip('/')}{path}", headers=self._headers)
            answer = self._connection.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            said = getattr(error, "strerror", None)
            why = f"{type(error).__name__}: {said}" if said else type(error).__name__
        except ValueError as error:  # of a token that is no header's value, which its text quotes
            why = f"the request cannot be sent ({type(error).__name__})"
        if why:  # raised here, so that it carries no exception with a text of its own
            self._connection.close()
            raise ApiError(f"GET {path}: the API server does not answer: {why}")
        content = _parsed(body)
        if status is None or status >= _ERRORS:
            told = content.get("message") or ""
            raise ApiError(f"GET {path}: {status} {self._struck(str(told))[:_TOLD_CHARACTERS]}".rstrip(), status)
        if not content:
            raise ApiError(f"GET {path}: the answer is no object")
        return content

    def _struck(self, text: str) -> str:
        """`text` without the token, if there is one."""
        token = self._headers.get("Authorization", "").removeprefix("Bearer ")
        return text.replace(token, "[credential]") if token else text


def glance(access: ClusterAccess, agent: str, environment: Mapping[str, str] = os.environ) -> Glance | None:
    """A look at the cluster of `access`; None where it takes the Kubernetes client. agent: the `User-Agent` of every
    request. Raises `AccessError`.
    """
    found = find(access.kubeconfig, access.context, access.cluster, environment)
    if found is None or any(environment.get(name) for name in _PROXIES):
        return None
    given = {key for part in (found.cluster, found.user) for key, value in part.items() if value}
    if not given <= _CLUSTER_KEYS | _USER_KEYS:
        return None
    try:
        return Glance(found, agent)
    except (OSError, ValueError):  # the client says what is wrong with it
        return None


def _token(user: Mapping[str, Any]) -> dict[str, str]:
    token = str(user.get("token") or "")
    if not token and user.get("tokenFile"):
        token = Path(user["tokenFile"]).read_text(encoding="utf-8")
    return {"Authorization": f"Bearer {token.strip()}"} if token else {}


def _context(found: Found) -> ssl.SSLContext:
    """What the kubeconfig says of certificates. They may be in it: Python takes one's own from files alone."""
    cluster, user = found.cluster, found.user
    authority = cluster.get("certificate-authority-data")
    made = ssl.create_default_context(
        cafile=None if authority else cluster.get("certificate-authority"),
        cadata=base64.b64decode(authority).decode() if authority else None,
    )
    with TemporaryDirectory() as folder:
        certificate, key = (_file(user, name, Path(folder)) for name in ("client-certificate", "client-key"))
        if certificate:
            made.load_cert_chain(certificate, key)
    return made


def _file(user: Mapping[str, Any], name: str, folder: Path) -> Path | None:
    """The file of a certificate or key; of one that is in the kubeconfig one in `folder`."""
    if data := user.get(f"{name}-data"):
        file = folder / name
        file.write_bytes(base64.b64decode(data))
        return file
    return Path(user[name]) if user.get(name) else None


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}

"""A thin Kubernetes API client: raw JSON objects over keep-alive connections, with deadlines, and watches that outlive
errors.

In a pod it uses the service account's token (read again, because it is rotated) and CA. With `KUBECONFIG` set and
outside a pod, the `kubernetes` package reads that file; it is imported only then, because the import takes a quarter
of a second and 20 MB in each of the sidecars.

`resourceVersion`s are compared as integers, which the API guarantees since Kubernetes 1.35 (KEP-5504) and did before.
"""

import logging
import os
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
import urllib3

from workloads.common.logs import fields

logger = logging.getLogger(__name__)

Object = dict[str, Any]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS = 60.0  # how long a token read from its file is used; the kubelet replaces it at 80 % of its lifetime
DEADLINE_SECONDS = 5.0
CONNECT_SECONDS = 2.0
WATCH_SECONDS = 240  # a watch is asked to end after this; the server sends a bookmark about every minute until then
WATCH_SILENCE_SECONDS = 90.0  # a watch that is silent for longer than a bookmark's period is dead
IDLE_SECONDS = 20.0  # an idle connection is used once in this time; the API server closes it after 90 s

STRATEGIC_MERGE = "application/strategic-merge-patch+json"
# The answer to a write whose result nobody reads: metadata only.
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]


class KubeError(Exception):
    """A request to the API server that did not succeed. `asked` is the method and path."""

    def __init__(self, asked: str, said: str) -> None:
        super().__init__(f"{asked}: {said}")
        self.asked = asked


class ApiError(KubeError):
    """The API server refused: `status` (HTTP) and `reason` (as `Conflict`, `NotFound`, `Forbidden`)."""

    def __init__(self, asked: str, status: int, reason: str, message: str) -> None:
        super().__init__(asked, f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class UnreachableError(KubeError):
    """No answer came (connection, TLS, deadline): whether a write was done is not known."""


class AccessError(ValueError):
    """Neither a service account nor a kubeconfig says how to reach the API server."""


@dataclass
class Access:
    """How to reach and be known to the API server. token: a file, or a function that gives the header's value."""

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

    def pool(self) -> urllib3.HTTPConnectionPool:
        """A connection pool of its own; connections are made when they are used first."""
        url = urlsplit(self.server)
        common: dict[str, Any] = {"maxsize": 1, "block": False, "socket_options": _SOCKET_OPTIONS, "retries": False}
        if url.scheme == "http":
            return urllib3.HTTPConnectionPool(url.hostname or "", url.port or 80, **common)
        context = ssl.create_default_context(cafile=self.ca_file)
        if not self.verify:  # only by an explicit `insecure-skip-tls-verify` in somebody's kubeconfig
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        return urllib3.HTTPSConnectionPool(url.hostname or "", url.port or 443, ssl_context=context, **common)


def access() -> Access:
    """In a pod: its service account. Else what `KUBECONFIG` (or ~/.kube/config) says. Raises AccessError."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = SERVICE_ACCOUNT / "token"
    if host and token.exists():
        name = f"[{host}]" if ":" in host else host
        return Access(f"https://{name}:{port}", str(SERVICE_ACCOUNT / "ca.crt"), token)
    return from_kubeconfig()


def from_kubeconfig(file: str | None = None) -> Access:
    """The current context of a kubeconfig file, with whatever way of authentication it has. Raises AccessError."""
    from kubernetes import client, config  # noqa: PLC0415 - expensive, and not needed in a pod

    configuration = client.Configuration()
    try:
        config.load_kube_config(file, client_configuration=configuration)  # type: ignore[no-untyped-call]
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


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a watch: ADDED, MODIFIED, DELETED or BOOKMARK, and the object."""

    kind: str
    object: Object


class Kube:
    """One user of the API server. It keeps one connection alive; a second call at the same time opens another.

    A thread that must never wait for a handshake has a `Kube` of its own (`sibling`) and calls `keep_warm` when idle.
    """

    def __init__(self, how: Access, agent: str) -> None:
        self._access = how
        self._agent = agent
        self._pool = how.pool()
        self._used = 0.0

    def sibling(self) -> "Kube":
        """The same user with connections of its own."""
        return Kube(self._access, self._agent)

    def get(self, path: str, *, deadline: float = DEADLINE_SECONDS) -> Object:
        """Read an object. Not from a cache: the answer is at least as new as the call."""
        return self._request("GET", path, None, deadline=deadline)

    def list(
        self, path: str, *, fields_are: str = "", labels_are: str = "", deadline: float = 2 * DEADLINE_SECONDS
    ) -> Object:
        """List objects by field and label selector. Consistent: the answer is at least as new as the call."""
        return self._request(
            "GET", _with(path, fieldSelector=fields_are, labelSelector=labels_are), None, deadline=deadline
        )

    def put(self, path: str, body: Object, *, deadline: float = DEADLINE_SECONDS) -> Object:
        """Replace an object; 409 when the body's resourceVersion is not the newest."""
        return self._request("PUT", path, body, deadline=deadline)

    def post(
        self, path: str, body: Object, *, deadline: float = DEADLINE_SECONDS, accept: str = "application/json"
    ) -> Object:
        """Create an object; 409 when it exists."""
        return self._request("POST", path, body, deadline=deadline, accept=accept)

    def patch(
        self,
        path: str,
        body: Object,
        *,
        content_type: str = STRATEGIC_MERGE,
        deadline: float = DEADLINE_SECONDS,
        accept: str = "application/json",
    ) -> Object:
        """Change an object in part."""
        return self._request("PATCH", path, body, deadline=deadline, content_type=content_type, accept=accept)

    def delete(self, path: str, *, deadline: float = DEADLINE_SECONDS) -> Object:
        """Delete an object."""
        return self._request("DELETE", path, None, deadline=deadline)

    def keep_warm(self, idle: float = IDLE_SECONDS) -> None:
        """Use the connection if it was idle for `idle` seconds, so that the next call finds it open. Raises nothing."""
        if time.monotonic() - self._used < idle:
            return
        try:
            self._request("GET", "/version", None, deadline=CONNECT_SECONDS)
        except KubeError as error:  # also 403: the connection is open then
            self._used = time.monotonic()
            logger.debug("keeping the connection warm failed", extra=fields(error=str(error)))

    def watch(
        self,
        path: str,
        resource_version: str | None,
        *,
        fields_are: str = "",
        labels_are: str = "",
        seconds: int = WATCH_SECONDS,
        silence: float = WATCH_SILENCE_SECONDS,
    ) -> Iterator[Event]:
        """Changes from `resource_version` on (None: the present objects first); ends when the server ends it.

        Raises ApiError with status 410 when that version is too old to go on from, and UnreachableError when the
        connection breaks or nothing came for `silence` seconds.
        """
        url = _with(
            path,
            watch="1",
            allowWatchBookmarks="true",
            resourceVersion=resource_version or "",
            timeoutSeconds=str(seconds),
            fieldSelector=fields_are,
            labelSelector=labels_are,
        )
        asked = f"WATCH {url}"
        response = self._send("GET", url, None, self._headers(), urllib3.Timeout(connect=CONNECT_SECONDS, read=silence))
        try:
            if response.status != 200:
                raise _refusal(asked, response.status, response.data)
            rest = b""
            for chunk in response.read_chunked(decode_content=False):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield _event(asked, line)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnreachableError(asked, f"the watch broke: {error!r}") from error
        finally:
            response.close()

    def _headers(self, accept: str = "application/json") -> dict[str, str]:
        return {"Accept": accept, "User-Agent": self._agent, **self._access.headers()}

    def _request(
        self,
        method: str,
        path: str,
        body: Object | None,
        *,
        deadline: float,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        asked = f"{method} {path}"
        payload = None
        headers = self._headers(accept)
        if body is not None:
            payload = orjson.dumps(body)
            headers["Content-Type"] = content_type
        timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, deadline), read=deadline)
        response = self._send(method, path, payload, headers, timeout)
        try:
            data = response.data
        except (urllib3.exceptions.HTTPError, OSError) as error:
            response.close()
            raise UnreachableError(asked, f"the answer broke off: {error!r}") from error
        self._used = time.monotonic()
        if response.status >= 300:
            if response.status == 401:
                self._access.forget_token()
            raise _refusal(asked, response.status, data)
        return _object(asked, data)

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout: urllib3.Timeout
    ) -> urllib3.HTTPResponse:
        asked = f"{method} {path}"
        try:
            response = self._pool.urlopen(
                method,
                path,
                body=body,
                headers=headers,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.SSLError, ssl.SSLError) as error:
            self._pool = self._access.pool()  # the CA may have been replaced
            raise UnreachableError(asked, f"TLS failed: {error}") from error
        except urllib3.exceptions.NewConnectionError as error:
            raise UnreachableError(asked, f"no connection to {self._access.server}: {error}") from error
        except urllib3.exceptions.TimeoutError as error:
            waited = timeout.connect_timeout if "Connect" in type(error).__name__ else timeout.read_timeout
            raise UnreachableError(asked, f"no answer within {waited} s ({type(error).__name__})") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnreachableError(asked, repr(error)) from error
        if not isinstance(response, urllib3.HTTPResponse):
            raise TypeError(f"{asked}: urllib3 answered with a {type(response).__name__}")
        return response


class Follower:
    """Follows one object or a collection: reads it, then watches from there, for ever.

    `on_read(objects, version)` gets each full read (version None: the object read by name does not exist),
    `on_change(event)` each change. Both run in the follower's thread. A watch that breaks is taken up again where it
    stood; only when that is too long ago is everything read again. Errors are logged and change nothing.
    """

    def __init__(
        self,
        kube: Kube,
        path: str,
        *,
        on_read: Callable[[list[Object], int | None], None],
        on_change: Callable[[Event], None],
        name: str = "",
        labels_are: str = "",
        by_get: bool = False,
    ) -> None:
        """`name`: this object only. `by_get`: read it by GET, for whoever may not list."""
        self._kube = kube
        self._path = path
        self._on_read = on_read
        self._on_change = on_change
        self._name = name
        self._by_get = by_get
        self._fields = f"metadata.name={name}" if name else ""
        self._labels = labels_are
        self._version: str | None = None
        self._read_version = ""
        self._must_read = True
        self.failing_since: float | None = None
        self.thread = threading.Thread(target=self._run, name=f"watch-{path.rpartition('/')[2]}", daemon=True)

    def start(self) -> None:
        """Follow from now on, in a daemon thread."""
        self.thread.start()

    def _run(self) -> None:
        pause = 0.0
        while True:
            began = time.monotonic()
            try:
                if self._must_read:
                    self._read()
                for event in self._kube.watch(
                    self._path,
                    self._version,
                    fields_are=self._fields,
                    labels_are=self._labels,
                    seconds=int(WATCH_SECONDS * random.uniform(0.8, 1.2)),  # noqa: S311 - spreads load
                ):
                    pause = 0.0
                    self._up()
                    self._version = event.object["metadata"]["resourceVersion"]
                    if event.kind != "BOOKMARK" and self._version != self._read_version:
                        self._on_change(event)
                if self._version is None:
                    self._must_read = True
                self._up()
                pause = (
                    0.0 if time.monotonic() - began > 1.0 else pause or 0.05
                )  # a server that ends every watch at once
            except ApiError as error:
                self._must_read = True
                pause = self._down(error, pause or (0.001 if error.status == 410 else 0.05))
            except UnreachableError as error:
                pause = self._down(error, pause or 0.05)
            except Exception:
                logger.exception("following failed; reading anew", extra=fields(path=self._path))
                self._must_read = True
                pause = max(pause, 0.5)
            if pause:
                time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load
                pause = min(2 * pause, 2.0)

    def _read(self) -> None:
        if self._name and self._by_get:
            try:
                found = self._kube.get(f"{self._path}/{self._name}")
            except ApiError as error:
                if error.status != 404:
                    raise
                self._on_read([], None)
            else:
                self._read_version = found["metadata"]["resourceVersion"]
                self._on_read([found], version_of(found))
            # The watch begins with what is there by then. It cannot begin at the object's own version: the server tells
            # no changes from before its start, or of more than some minutes ago, and an object may be older than that.
            self._version = None
        else:
            listed = self._kube.list(self._path, fields_are=self._fields, labels_are=self._labels)
            self._version = listed["metadata"]["resourceVersion"]
            self._on_read(listed["items"] or [], version_of(listed))
        self._must_read = False
        self._up()

    def _up(self) -> None:
        if self.failing_since is not None:
            logger.info(
                "API server answers again", extra=fields(path=self._path, after=time.monotonic() - self.failing_since)
            )
            self.failing_since = None

    def _down(self, error: KubeError, pause: float) -> float:
        if self.failing_since is None:
            self.failing_since = time.monotonic()
            logger.warning("watch interrupted", extra=fields(path=self._path, error=str(error)))
        return pause


def version_of(obj: Mapping[str, Any]) -> int:
    """An object's or a list's resourceVersion."""
    return int(obj["metadata"]["resourceVersion"])


def _with(path: str, **parameters: str) -> str:
    query = urlencode({name: value for name, value in parameters.items() if value})
    return f"{path}?{query}" if query else path


def _event(asked: str, line: bytes) -> Event:
    said = _object(asked, line)
    kind, obj = said.get("type"), said.get("object")
    if not isinstance(kind, str) or not isinstance(obj, dict):
        raise UnreachableError(asked, f"not an event: {line[:200]!r}")
    if kind == "ERROR":
        raise ApiError(asked, int(obj.get("code") or 500), str(obj.get("reason")), str(obj.get("message")))
    return Event(kind, obj)


def _object(asked: str, data: bytes) -> Object:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnreachableError(asked, f"the answer is not JSON: {data[:200]!r}") from error
    if not isinstance(value, dict):
        raise UnreachableError(asked, f"the answer is not an object: {data[:200]!r}")
    return value


def _refusal(asked: str, status: int, data: bytes) -> ApiError:
    try:
        said = orjson.loads(data)
        return ApiError(asked, status, str(said.get("reason") or ""), str(said.get("message") or ""))
    except (orjson.JSONDecodeError, AttributeError):
        return ApiError(asked, status, "", data[:300].decode(errors="replace"))

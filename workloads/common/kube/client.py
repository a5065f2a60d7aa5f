"""One user of the API server: requests with deadlines over a connection that is kept alive, and a watch."""

import logging
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3

from workloads.common.kube.credentials import Access
from workloads.common.kube.errors import ApiError, KubeError, SilentError, UnreachableError
from workloads.common.logs import fields

logger = logging.getLogger(__name__)

Object = dict[str, Any]

DEADLINE_SECONDS = 5.0
CONNECT_SECONDS = 2.0
WATCH_SECONDS = 240  # a watch is asked to end after this
WATCH_SILENCE_SECONDS = 90.0  # after so long without a word it is asked whether anybody is there
IDLE_SECONDS = 20.0  # an idle connection is used once in this time; the API server closes it after 90 s

STRATEGIC_MERGE = "application/strategic-merge-patch+json"
# The answer to a write whose result nobody reads: metadata only.
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a watch: ADDED, MODIFIED, DELETED or BOOKMARK, and the object."""

    kind: str
    object: Object


class Kube:
    """One user of the API server. It keeps one connection alive; a second call at the same time opens another, which is
    closed after it. Where several threads ask through it, `connections` says how many: so many are kept.

    A thread that must never wait for a handshake has a `Kube` of its own (`sibling`) and calls `keep_warm` when idle.
    """

    def __init__(self, how: Access, agent: str, connections: int = 1) -> None:
        self._access = how
        self._agent = agent
        self._connections = connections
        self._pool = how.pool(connections)
        self._used = 0.0

    def sibling(self, connections: int = 1) -> "Kube":
        """The same user with connections of its own."""
        return Kube(self._access, self._agent, connections)

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

        Returns once the server has accepted the watch; iterating waits for its events. Raises ApiError, then or later,
        with status 410 when that version is too old to go on from; SilentError when nothing came for `silence` seconds
        (a server promises no bookmarks: it may just be that nothing happened), and UnreachableError when no answer came
        or the connection broke.
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
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=2 * DEADLINE_SECONDS)
        response = self._send("GET", url, None, self._headers(), timeout)
        if response.status != 200:
            try:
                raise _refusal(asked, response.status, _data(asked, response))
            finally:
                response.close()
        if response.connection is not None and response.connection.sock is not None:
            response.connection.sock.settimeout(silence)
        return _events(asked, response, silence)

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
        data = _data(asked, response)
        self._used = time.monotonic()
        if response.status >= 300:
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
            self._pool = self._access.pool(self._connections)  # the CA may have been replaced
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
        if response.status == 401:
            self._access.forget_token()
        return response


def version_of(obj: Mapping[str, Any]) -> int:
    """An object's or a list's resourceVersion."""
    return int(obj["metadata"]["resourceVersion"])


def _with(path: str, **parameters: str) -> str:
    query = urlencode({name: value for name, value in parameters.items() if value})
    return f"{path}?{query}" if query else path


def _data(asked: str, response: urllib3.HTTPResponse) -> bytes:
    try:
        return response.data
    except (urllib3.exceptions.HTTPError, OSError) as error:
        response.close()
        raise UnreachableError(asked, f"the answer broke off: {error!r}") from error


def _events(asked: str, response: urllib3.HTTPResponse, silence: float) -> Iterator[Event]:
    rest = b""
    try:
        for chunk in response.read_chunked(decode_content=False):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line:
                    yield _event(asked, line)
    except urllib3.exceptions.ReadTimeoutError as error:
        raise SilentError(asked, f"nothing came for {silence} s") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise UnreachableError(asked, f"the watch broke: {error!r}") from error
    finally:
        response.close()


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

"""The one client of the Kubernetes API on the workstation's side: raw requests, objects as the dictionaries that the
API sends.

No method waits longer than it is told, none tries again. Errors are `ApiError`, and hold no credential: what the
configuration has of them is struck out of every text that others made.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, cast
from urllib.parse import quote, urlsplit

import urllib3

from components.cluster.access import ClusterAccess, configuration, without_package
from components.cluster.errors import AccessError, ApiError

__all__ = ["ApiError", "KubernetesApi"]

Query = Sequence[tuple[str, str]]

REQUEST_SECONDS = 15.0
_CONNECT_SECONDS = 5.0
_CONNECTIONS = 16
_ERRORS = 400
_TOLD_CHARACTERS = 500
_STRUCK_OUT = "[credential]"
_SHORTEST_SECRET = 4


class KubernetesApi:
    """One API server, with connections that are kept. Safe to use from several threads.

    agent: the `User-Agent` of every request. Raises `AccessError`.
    """

    def __init__(self, access: ClusterAccess, *, agent: str) -> None:
        self._agent = agent
        if plain := without_package(access):
            self._configuration: Any = plain
            self._pool = urllib3.PoolManager(maxsize=_CONNECTIONS, ssl_context=plain.context)
            return
        from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415 - half a second, wanted with the object

        made = configuration(access)
        made.retries = False
        made.connection_pool_maxsize = _CONNECTIONS
        self._configuration = made
        make: Any = RESTClientObject
        why = ""
        try:
            self._pool = make(made).pool_manager
        except Exception as error:  # noqa: BLE001 - as of a proxy's address, which its text quotes
            why = type(error).__name__
        if why:
            raise AccessError(f"the connection that the kubeconfig describes cannot be made ({why}); see its proxy-url")

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: object = None,
        content_type: str = "application/json",
        seconds: float = REQUEST_SECONDS,
    ) -> bytes:
        """One call, its answer's body. body: bytes as they are, anything else as JSON. seconds: the longest silence.

        Raises `ApiError` for anything but success.
        """
        return self._open(method, path, query, seconds, body=body, content_type=content_type).data

    def get(self, path: str, query: Query = ()) -> dict[str, Any]:
        """An object or a list of them. Raises `ApiError`."""
        answer = self.request("GET", path, query=query)
        content: object = None
        with suppress(ValueError):
            content = json.loads(answer)
        if not isinstance(content, dict):
            raise ApiError(f"GET {path}: the answer is no object")
        return content

    def post(self, path: str, body: object) -> dict[str, Any]:
        """Make an object; as it is made. Raises `ApiError`."""
        content: object = None
        with suppress(ValueError):
            content = json.loads(self.request("POST", path, body=body))
        if not isinstance(content, dict):
            raise ApiError(f"POST {path}: the answer is no object")
        return content

    def watch(self, path: str, *, query: Query = (), resource_version: str, seconds: float) -> Iterator[dict[str, Any]]:
        """The events (`type`, `object`) after `resource_version`, for `seconds` at most.

        Ends early when it is cut off: watch again from the last version. An event of the type ERROR is one of them.
        Raises `ApiError` when the watch is refused, or no answer comes.
        """
        parameters = [
            *query,
            ("watch", "1"),
            ("resourceVersion", resource_version),
            ("timeoutSeconds", str(max(1, int(seconds)))),
        ]
        # The server ends the watch before the client would take it for dead.
        response = self._open("GET", path, parameters, seconds + 1, stream=True)
        rest = b""
        try:
            for chunk in response.stream(amt=None):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return
        finally:
            response.close()

    def _open(
        self,
        method: str,
        path: str,
        query: Query,
        seconds: float,
        *,
        body: object = None,
        content_type: str = "",
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "*/*", "User-Agent": self._agent, **self._credentials(method, path)}
        if body is not None:
            headers["Content-Type"] = content_type
        text = "&".join(f"{quote(key)}={quote(value, safe='')}" for key, value in query)
        response: urllib3.BaseHTTPResponse | None = None
        why = ""
        try:
            response = self._pool.request(
                method,
                f"{self._configuration.host}{path}{'?' if text else ''}{text}",
                body=body if body is None or isinstance(body, bytes) else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=seconds),
                preload_content=not stream,
                retries=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            why = self._told(error)
        except ValueError as error:  # of a token that is no header's value, which http.client's text quotes
            why = f"the request cannot be sent ({type(error).__name__})"
        if response is None:  # raised here, so that it carries no exception with a text of its own
            raise ApiError(f"{method} {path}: the API server does not answer: {why}")
        if response.status >= _ERRORS:
            raise ApiError(f"{method} {path}: {response.status} {self._refusal(response)}", response.status)
        return response

    def _refusal(self, response: urllib3.BaseHTTPResponse) -> str:
        """What an answer that is an error says. Reads it, so that its connection can be used again."""
        said = b""
        try:
            said = response.data
        except (urllib3.exceptions.HTTPError, OSError):
            pass
        finally:
            response.release_conn()
        return self._struck(f"{response.reason or ''} {said.decode(errors='replace')}".strip())[:_TOLD_CHARACTERS]

    def _credentials(self, method: str, path: str) -> dict[str, str]:
        """The token, if there is one, made anew if it has to be; certificates are the connections'."""
        why = ""
        try:
            known: Any = self._configuration.auth_settings()
            # A file's last line break is no part of the token, as client-go has it.
            return {item["key"]: item["value"].strip() for item in known.values()}
        except Exception as error:  # noqa: BLE001 - whatever the renewal raises may quote what it read
            why = type(error).__name__
        raise ApiError(f"{method} {path}: the credential cannot be renewed ({why})")

    def _told(self, error: Exception) -> str:
        return self._struck(f"{type(error).__name__}: {error}")

    def _struck(self, text: str) -> str:
        """`text` without the credentials that this client has."""
        for secret in self._secrets():
            text = text.replace(secret, _STRUCK_OUT)
        return text

    def _secrets(self) -> list[str]:
        held = [str(value).split(" ")[-1] for value in self._configuration.api_key.values()]
        for address in (self._configuration.host, self._configuration.proxy):
            password = urlsplit(cast("str", address or "")).password
            held += [password] if password else []
        return sorted((secret for secret in held if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)

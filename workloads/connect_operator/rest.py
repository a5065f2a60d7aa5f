"""Kafka Connect's REST API over urllib3: one request, one deadline, errors by what was asked."""

import json
from typing import Any
from urllib.parse import urlsplit

import urllib3

from workloads.connect_operator.errors import RestError, RestUnreachableError
from workloads.connect_operator.terms import Rest

CONNECT_SECONDS = 2.0


class ConnectApi:
    """One cluster's REST API, for one reconcile: the next one makes a connection of its own, so that a worker that is
    gone is not asked for ever. Not for several threads.

    deadline: seconds for an answer. Connect itself waits up to 90 s for its leader; it is not waited for so long.
    """

    def __init__(self, url: str, deadline: float) -> None:
        parts = urlsplit(url)
        self._url = url
        self._deadline = deadline
        self._pool = urllib3.HTTPConnectionPool(parts.hostname or "", parts.port or 80, maxsize=1, block=False)

    def ask(self, request: Rest) -> Any:
        """The answer's body, parsed; None when there is none. Raises RestError, RestUnreachableError."""
        asked = f"{request.method} {request.path}"
        try:
            response = self._pool.request(
                request.method,
                request.path,
                body=None if request.body is None else json.dumps(request.body),
                headers={"Accept": "application/json", "Content-Type": "application/json"},
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self._deadline),
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.ReadTimeoutError as error:
            raise RestUnreachableError(f"{asked} at {self._url}: no answer within {self._deadline:g} s") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise RestUnreachableError(f"{asked} at {self._url}: {error}") from error
        try:
            body = json.loads(response.data) if response.data else None
        except ValueError:
            said = f"this is not JSON: {response.data[:300].decode(errors='replace')}"
            raise RestError(request.method, request.path, response.status, said) from None
        if response.status not in request.accept:
            raise RestError(request.method, request.path, response.status, _said(body))
        return body

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


def _said(body: object) -> str:
    return str(body["message"]) if isinstance(body, dict) and "message" in body else f"no message: {body!r}"

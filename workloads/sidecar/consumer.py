"""A sidecar's subject: an application with the lifecycle API (`workloads/member`), over one keep-alive connection.

A call in progress can be abandoned from another thread: the connection is shut down under it. The application compares
epochs itself, so nothing has to be waited for.
"""

import contextlib
import http.client
import select
import socket
from urllib.parse import urlsplit

import orjson

from workloads.common import contract
from workloads.common.report import Report
from workloads.common.states import State
from workloads.sidecar.subject import Answer, NoAnswerError, Result

STATUS = "/lifecycle/status"


# How much longer than the deadline that the application was given its answer may take.
ANSWER_SECONDS = 1.0
_HEADERS = {contract.HEADER: str(contract.VERSION)}
_JSON = {"Content-Type": "application/json"}
_RESULTS = {200: Result.DONE, 409: Result.STALE, 503: Result.NOT_YET}


class LifecycleApi:
    """A way to the application: one connection, one call at a time (a `Subject`)."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._host, self._port = target.hostname or "", target.port or 80
        self._http: http.client.HTTPConnection | None = None
        self._abandoned = False

    def status(self, deadline: float) -> Report:
        """GET /lifecycle/status. Raises NoAnswerError."""
        code, report = self._call("GET", STATUS, None, deadline)
        if code != 200:
            raise NoAnswerError(f"GET {STATUS} was answered with {code}")
        return report

    def pause(self, epoch: int, deadline: float, leave: bool = False) -> Answer:
        """POST /lifecycle/pause. Raises NoAnswerError.

        An application that does not know of `leave` is asked for it only where it has to leave.
        """
        return self._command("pause", epoch, deadline, **({"leave": True} if leave else {}))

    def resume(self, epoch: int, deadline: float, voids: int = 0) -> Answer:
        """POST /lifecycle/resume. Raises NoAnswerError."""
        return self._command("resume", epoch, deadline, voids=voids)

    def _command(self, name: str, epoch: int, deadline: float, **more: object) -> Answer:
        body: dict[str, object] = {"epoch": epoch, "deadline_ms": round(1000 * deadline), **more}
        code, report = self._call("POST", f"/lifecycle/{name}", body, deadline + ANSWER_SECONDS)
        return Answer(_RESULTS.get(code, Result.REFUSED), str(code), report)

    def _call(self, method: str, path: str, body: dict[str, object] | None, deadline: float) -> tuple[int, Report]:
        """The HTTP status and what the application says of itself. Raises NoAnswerError after `deadline` seconds."""
        payload = None if body is None else orjson.dumps(body)
        try:
            connection = self._ready(deadline)
            connection.request(method, path, payload, {**_HEADERS, **(_JSON if payload else {})})
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswerError(f"{method} {path}: {error!r}") from error
        try:
            return response.status, _report(data)
        except (KeyError, TypeError, ValueError) as error:
            raise NoAnswerError(
                f"{method} {path}: {response.status} {data[:200]!r} is not a lifecycle answer ({error!r})"
            ) from error

    def renew(self) -> None:
        """A new call is about to begin: forget that the last one was abandoned."""
        self._abandoned = False

    def abandon(self) -> None:
        """End the call in progress, or about to begin, from another thread."""
        self._abandoned = True
        http_connection = self._http
        if http_connection is not None and http_connection.sock is not None:
            with contextlib.suppress(OSError):
                http_connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _ready(self, deadline: float) -> http.client.HTTPConnection:
        """The open connection, or a new one if the server has closed it (http.client sets TCP_NODELAY)."""
        if self._http is not None and (self._http.sock is None or _readable(self._http.sock)):
            self.close()
        if self._http is None:
            self._http = http.client.HTTPConnection(self._host, self._port, timeout=deadline)
            self._http.connect()
        self._http.sock.settimeout(deadline)
        if self._abandoned:
            raise ConnectionAbortedError("abandoned before it was sent")
        return self._http


def _readable(sock: socket.socket) -> bool:
    """Whether there is something to read: with no answer awaited, that the other side has closed it."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _report(data: bytes) -> Report:
    """What the application says of itself; of one that speaks another version of the contract, no more than that."""
    said = orjson.loads(data)
    if not isinstance(said, dict):
        raise TypeError("no JSON object")
    try:
        contract.check(said.get(contract.KEY, contract.VERSION))
    except contract.ContractError as error:
        return Report(str(said.get("boot_id", "")), None, 0, 0, obstacle=str(error))
    return Report(
        boot_id=str(said["boot_id"]),
        state=State(said["state"]),
        epoch=int(said["epoch"]),
        seen_epoch=int(said["seen_epoch"]),
        committed=bool(said.get("committed", True)),
        partitions=tuple(sorted(int(number) for number in said["partitions"])),
        obstacle=str(said.get("obstacle") or ""),
        voids=int(said.get("voids", 0)),
        left=said.get("left") is True,
        member_id=str(said.get("member_id") or ""),
    )

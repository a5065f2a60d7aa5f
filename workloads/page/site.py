"""What the page answers: its three files, its state, and its events.

Nothing of it is of another origin, and nothing may be: the Content-Security-Policy allows the page its own script, its
own style and its own events (https://www.w3.org/TR/CSP3/).
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import orjson

from workloads.common.http import JSON, Handler, HttpError, Request, Response, Routes
from workloads.page.board import Board

_STATIC = Path(__file__).with_name("static")
_FILES: Mapping[str, tuple[str, str]] = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
EVENTS = "text/event-stream; charset=utf-8"
#: A viewer hears something at least this often, and can tell silence from a lost connection.
BEAT_SECONDS = 2.0
#: What a viewer waits before it asks again.
RETRY_MS = 500


def routes(board: Board, max_viewers: int, hosts: Collection[str] = ()) -> Routes:
    """The page's. `/events`: `state` with all of it at each change and every two seconds; `figures` with a list of
    points, first all that are kept. `/state`: the same once, as one object. hosts: as the setting.
    """

    def events(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(content_type=EVENTS, headers=HEADERS, chunks=iter(()))
        if not board.enter(max_viewers):
            raise HttpError(503, f"{max_viewers} look at this page already; max_viewers says how many may")
        return Response(content_type=EVENTS, headers=HEADERS, chunks=_Viewer(board))

    def state(_: Request) -> Response:
        told = board.told()
        return Response(
            orjson.dumps({"state": orjson.Fragment(told.state), "figures": told.points}), 200, JSON, HEADERS
        )

    pages = {
        **{("GET", path): _file(name, kind) for path, (name, kind) in _FILES.items()},
        ("GET", "/events"): events,
        ("GET", "/state"): state,
    }
    return {route: _asked_for(handler, frozenset(hosts)) for route, handler in pages.items()}


def _asked_for(handler: Handler, hosts: Collection[str]) -> Handler:
    """The handler, for requests that were sent to one of these names; for all where none is given."""

    def answer(request: Request) -> Response:
        if hosts and request.host not in hosts:
            raise HttpError(403, f"this page is at {' or '.join(sorted(hosts))}, not at {request.host or 'no name'}")
        return handler(request)

    return answer


def _file(name: str, kind: str) -> Handler:
    content = (_STATIC / name).read_bytes()
    return lambda _: Response(content, 200, kind, HEADERS)


class _Viewer(Iterator[bytes]):
    """What one viewer is told, until it is closed."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._version = -1
        self._told_points: int | None = None
        self._open = True
        self._waiting = [b"retry: %d\n\n" % RETRY_MS]

    def __next__(self) -> bytes:
        if self._waiting:
            return self._waiting.pop(0)
        told = self._board.told(self._version, BEAT_SECONDS)
        self._version = told.version
        first = self._told_points is None
        new = len(told.points) if first else min(told.newest - (self._told_points or 0), len(told.points))
        self._told_points = told.newest
        if new or first:
            points = orjson.dumps(told.points[len(told.points) - new :])
            self._waiting.append(b"event: figures\ndata: " + points + b"\n\n")
        return b"event: state\ndata: " + told.state + b"\n\n"

    def close(self) -> None:
        """It is gone."""
        if self._open:
            self._open = False
            self._board.leave()

"""The kit's hands in the application's pod: a container of its own, which shares the application's processes and its
records. Python's standard library alone, for it is put there as a file, beside `relay.py`.

`python3 hands.py UPSTREAM_HOST UPSTREAM_PORT RELAY_PORT CONTROL_PORT`. On the control port, which is reached by the API
server's proxy and, as the pod lives for one point alone, told to nobody else:

| call | what it does |
| --- | --- |
| `POST /cut`, `/open`, `/slow?seconds=S` | to the application's way to the broker |
| `POST /signal?name=STOP` | to the application's first process, which has CONFORMANCE_APPLICATION in its environment |
| `POST /fill` | none of that process's files grows any more |
| `GET /lines?kind=consumed` | the record logs of this kind, file by file: a JSON list of texts |
| `GET /reachable?port=N` | whether that port answers at the pod's own address: true or false |
| `POST /call` with the arguments of `call` | a request to the application, on the loopback |
"""

import http.client
import json
import os
import resource
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

MARK = "CONFORMANCE_APPLICATION"
RECORDS = Path("/records")


def application() -> int:
    """The number of the application's first process. Raises ProcessLookupError when it has none."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(entry.startswith(MARK.encode() + b"=") for entry in environment):
                found.append(int(folder.name))
    if not found:
        raise ProcessLookupError("the application has no process")
    return min(found)


def lines(kind: str) -> list[str]:
    """The texts of the record logs of a kind, in the order in which they were written last."""
    files = sorted((RECORDS / kind).glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    return [file.read_text(errors="replace") for file in files]


def reachable(port: int) -> bool:
    """Whether that port answers at the pod's own address."""
    try:
        socket.create_connection((os.environ["POD_IP"], port), timeout=2).close()
    except OSError:
        return False
    return True


def call(method: str, port: int, path: str, body: object, seconds: float) -> dict[str, object]:
    """A request to the application on the loopback: `{"status", "text"}` of its answer, or `{"error"}`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    payload = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, payload, {"Content-Type": "application/json"} if payload else {})
        reply = connection.getresponse()
        return {"status": reply.status, "text": reply.read().decode(errors="replace")}
    except (OSError, http.client.HTTPException) as error:
        return {"error": repr(error)}
    finally:
        connection.close()


def answer(way: Any, method: str, url: str, body: bytes = b"") -> object:
    """What a call gives. Raises KeyError for one that is none, ProcessLookupError."""
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    match method, parts.path:
        case "POST", "/cut":
            way.cut()
            return None
        case "POST", "/open":
            way.open()
            return None
        case "POST", "/slow":
            way.slow(float(query["seconds"]))
            return None
        case "POST", "/call":
            return call(**json.loads(body))
        case "POST", "/signal":
            os.kill(application(), getattr(signal, f"SIG{query['name']}"))
            return None
        case "POST", "/fill":
            resource.prlimit(application(), resource.RLIMIT_FSIZE, (0, 0))
            return None
        case "GET", "/lines":
            return lines(query["kind"])
        case "GET", "/reachable":
            return reachable(int(query["port"]))
    raise KeyError(f"{method} {parts.path} is no call")


def main(upstream: str, upstream_port: int, port: int, control: int) -> None:
    """Serve until the container ends."""
    from relay import Relay  # type: ignore[import-not-found]  # noqa: PLC0415 - lies beside this file there

    way = Relay((upstream, upstream_port), port=port)

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            try:
                given = self.rfile.read(int(self.headers["Content-Length"] or 0))
                status, said = 200, answer(way, self.command, self.path, given)
            except (KeyError, TypeError, ValueError, ProcessLookupError) as error:
                status, said = 400, f"{type(error).__name__}: {error}"
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _do  # noqa: N815 - as the library calls them

        def log_message(self, *_: object) -> None:
            """Nothing: calls are many."""

    server = ThreadingHTTPServer(("0.0.0.0", control), Handler)  # noqa: S104 - see above
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

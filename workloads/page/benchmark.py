"""How long after the Lease's change a viewer of the page hears of it: `python -m workloads.page.benchmark`.

Switches a stack that stands there and back, by the API server alone, and listens to the page as a browser does. A
change's time is the Lease's own `renewTime`, written by the controller on the same machine's clock before its write is
sent: what is measured includes that write. Prints JSON, and ends with 1 when the worst of it is beyond what the page
promises.
"""

import argparse
import contextlib
import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from workloads.common.kube import Event, Follower, Kube, Object, access
from workloads.page.handoff import seconds
from workloads.page.watches import LEASES, SWITCHES

_SECONDS = 60.0
#: What the page promises: a viewer hears of a change of the Lease within that time.
LIMIT_MS = 200.0
KEPT, MISSED = 0, 1


class Written:
    """When each epoch was written, by the Lease."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}

    def read(self, found: list[Object], _: int | None) -> None:
        for obj in found:
            self.note(obj)

    def changed(self, event: Event) -> None:
        self.note(event.object)

    def note(self, obj: Object) -> None:
        spec = obj.get("spec") or {}
        at = seconds(spec.get("renewTime"))
        if at is not None:
            self.at.setdefault(int(spec.get("leaseTransitions") or 0), at)


class Viewer:
    """When a viewer heard of each epoch first, and whether the newest generation has ended."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self.at: dict[int, float] = {}
        self.steady = threading.Condition()
        self.active = ""
        threading.Thread(target=self._listen, name="viewer", daemon=True).start()

    def _listen(self) -> None:
        # The page ends with the benchmark; one that ends before is found by what is not heard any more.
        with contextlib.suppress(http.client.HTTPException, OSError):
            self._hear()

    def _hear(self) -> None:
        for state in self._states():
            now, switch = time.time(), state["switch"]
            if switch is None:
                continue
            with self.steady:
                self.at.setdefault(switch["epoch"], now)
                self.active = switch["active"] if switch["ready"]["status"] == "True" else ""
                self.steady.notify_all()

    def _states(self) -> Iterator[dict[str, Any]]:
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=_SECONDS)
        connection.request("GET", "/events")
        answer, rest = connection.getresponse(), b""
        while chunk := answer.read1():
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                if block.startswith(b"event: state\ndata: "):
                    yield json.loads(block.partition(b"\ndata: ")[2])

    def wait_for(self, color: str) -> None:
        with self.steady:
            if not self.steady.wait_for(lambda: self.active == color, _SECONDS):
                raise TimeoutError(
                    f"{color} to be active and Ready after {_SECONDS:g} s; the page says {self.active!r}"
                )


def served(namespace: str) -> tuple["subprocess.Popen[bytes]", str]:
    """The page as a process of its own; and where it is."""
    environment = {**os.environ, "POD_NAMESPACE": namespace, "BG_HTTP_HOST": "127.0.0.1", "BG_HTTP_PORT": "0"}
    process = subprocess.Popen([sys.executable, "-m", "workloads.page"], env=environment, stdout=subprocess.PIPE)
    lines = iter(process.stdout or ())
    started = next((line for line in lines if b'"started"' in line), None)
    if started is None:
        raise RuntimeError(f"the page ended with {process.wait()}")
    # What it logs later is read, so that it never waits for that.
    threading.Thread(target=lambda: [None for _ in lines], name="log", daemon=True).start()
    return process, f"http://127.0.0.1:{json.loads(started)['port']}"


def even(text: str) -> int:
    """A type for argparse: there and back, so that the stack is left as it was."""
    number = int(text)
    if number < 2 or number % 2:
        raise argparse.ArgumentTypeError(f"{text} is no even number of at least 2")
    return number


def summed_up(written: Mapping[int, float], heard: Mapping[int, float], before: int) -> dict[str, Any]:
    """What is printed of the changes after an epoch: when each was written, and heard of. Raises ValueError if none
    was.
    """
    changes = [epoch for epoch in written if epoch > before]
    late = sorted((heard[epoch] - written[epoch]) * 1000 for epoch in changes if epoch in heard)
    if not late:
        raise ValueError(f"of {len(changes)} changes of the Lease none was heard of")
    missed = sorted(set(changes) - heard.keys())
    worst = round(late[-1], 1)
    return {
        "changes": len(late),
        # A state that was followed by the next one before it was sent is not sent any more.
        "not_heard": len(missed),
        "milliseconds": {
            "median": round(statistics.median(late), 1),
            "p95": round(late[max(0, int(0.95 * len(late)) - 1)], 1),
            "worst": worst,
        },
        "criteria": [
            {"name": "heard_ms_worst", "limit": f"< {LIMIT_MS:g} ms", "measured": worst, "passed": worst < LIMIT_MS}
        ],
    }


def main(arguments: Sequence[str]) -> int:
    """KEPT or MISSED."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--namespace", required=True, help="of a strategy stack that stands, with nothing under way")
    parser.add_argument("--switches", type=even, default=20, help="there and back in turn (default: 20)")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    kube, written = Kube(access(), "kafka-bluegreen-page-benchmark"), Written()
    path = f"{SWITCHES.format(options.namespace)}/consumer"
    Follower(
        kube.sibling(),
        LEASES.format(options.namespace),
        on_read=written.read,
        on_change=written.changed,
        name="consumer-switch",
    ).start()
    process, url = served(options.namespace)
    try:
        heard = Viewer(url)
        color = str(kube.get(path)["spec"]["active"])
        heard.wait_for(color)
        before = max(heard.at)
        for _ in range(options.switches):
            color = "green" if color == "blue" else "blue"
            kube.patch(path, {"spec": {"active": color}}, content_type="application/merge-patch+json")
            heard.wait_for(color)
    finally:
        process.terminate()
        process.wait()
    result = {
        "switches": options.switches,
        **summed_up(written.at, heard.at, before),
        "environment": {"python": platform.python_version(), "cpus": os.cpu_count(), "load_before": load},
    }
    print(json.dumps(result, indent=2))
    return KEPT if all(one["passed"] for one in result["criteria"]) else MISSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

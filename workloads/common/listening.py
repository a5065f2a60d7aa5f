"""Hears the members directly: one request at each sidecar is held open, and answered when its consumer's state changes.

The condition on the pod is the record; this is its shortcut, and only that. What a sidecar answers is what it is about
to write, so an answer may come before its record, and the record may then look older for a moment: a view that is late,
which the protocol allows for anywhere. Whom an answer speaks for is known by the address that the API server gives for
the pod, and checked by the pod's UID. Where no answer can be had (a network policy, say), the record serves.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import orjson
import urllib3

from workloads.common.backoff import Backoff
from workloads.common.logs import fields
from workloads.common.report import Report, from_answer

logger = logging.getLogger(__name__)

WAIT_SECONDS = 20.0
CONNECT_SECONDS = 1.0
LATE_SECONDS = 3.0
PAUSE_SECONDS = 0.25
PAUSE_MOST_SECONDS = 5.0

# Gets a pod's UID and what its sidecar says; None: it is not heard any more.
Heard = Callable[[str, Report | None], None]


def at_port(port: int) -> Callable[[str], str]:
    """Where a pod's sidecar answers: at its own address."""
    return lambda address: f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


class Listening:
    """One listener for each pod. `follow` belongs to one thread.

    where: the URL below which the sidecar of a pod answers, from what it is followed by. aside: who only looks on; the
    sidecar then writes its record as if nobody had heard it.
    """

    def __init__(self, where: Callable[[str], str], heard: Heard, *, aside: bool = False) -> None:
        self._where = where
        self._heard = heard
        self._aside = aside
        self._listeners: dict[tuple[str, str], _Listener] = {}

    def follow(self, addresses: Mapping[str, str]) -> None:
        """Listen to these pods (UID to what `where` takes, empty while it has none), and to no other."""
        wanted = {(uid, address) for uid, address in addresses.items() if address}
        if wanted == self._listeners.keys():
            return
        for key in self._listeners.keys() - wanted:
            self._listeners.pop(key).stop()
        for uid, address in wanted - self._listeners.keys():
            self._listeners[uid, address] = _Listener(uid, self._where(address), self._heard, aside=self._aside)


class _Listener:
    """A thread that holds a request open at one sidecar."""

    def __init__(self, uid: str, url: str, heard: Heard, *, aside: bool) -> None:
        self._uid = uid
        self._url = urlsplit(url)
        self._heard = heard
        self._aside = "&aside=1" if aside else ""
        self._stopped = threading.Event()
        self._pool = urllib3.HTTPConnectionPool(self._url.hostname or "", self._url.port, maxsize=1)
        threading.Thread(target=self._run, name=f"listen-{self._url.hostname}", daemon=True).start()

    def stop(self) -> None:
        """Say nothing more; the thread ends when its request does."""
        self._stopped.set()

    def _run(self) -> None:
        version, backoff = "", Backoff(PAUSE_SECONDS, PAUSE_MOST_SECONDS)
        while not self._stopped.is_set():
            try:
                version = self._listen(version)
                backoff.reset()
            except (urllib3.exceptions.HTTPError, OSError, KeyError, TypeError, ValueError) as error:
                if not backoff.waits:
                    logger.info(
                        "a sidecar is not heard directly; its pod's condition serves",
                        extra=fields(pod_uid=self._uid, address=self._url.hostname, error=repr(error)),
                    )
                self._say(None)
                version = ""
                self._stopped.wait(backoff.next())
        self._pool.close()

    def _listen(self, after: str) -> str:
        """One answer; returns its version."""
        answer = self._pool.request(
            "GET",
            f"{self._url.path}/report?after={after}&wait={WAIT_SECONDS:g}{self._aside}",
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=WAIT_SECONDS + LATE_SECONDS),
            retries=False,
        )
        said = orjson.loads(answer.data)
        if answer.status != 200 or said["uid"] != self._uid:
            raise ValueError(f"not the answer of pod {self._uid}: {answer.status} {answer.data[:200]!r}")
        version = str(said["version"])
        if version != after:
            self._say(from_answer(said["report"]) if said["report"] else None)
        return version

    def _say(self, report: Report | None) -> None:
        if not self._stopped.is_set():
            self._heard(self._uid, report)

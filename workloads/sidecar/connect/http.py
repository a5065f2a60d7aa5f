"""Calls of Connect's REST API: to a worker that is known by its pod, with what became of each change kept."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

import orjson
import urllib3

from workloads.sidecar.connect.control import NotNowError, SilentError
from workloads.sidecar.connect.ledger import START, Ledger
from workloads.sidecar.connect.workers import Pod, Pods

CONNECT_SECONDS = 1.0
READ_SECONDS = 1.5
# Connect answers a request that it could not carry out after 90 s; whoever waits for it here waits longer.
LONGEST_SECONDS = 120.0
LIST_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Change:
    """A request that changes something. what: its kind, as the ledger has it; content: its JSON, None for none."""

    what: str
    method: str
    path: str
    content: object = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Reply:
    """Connect's answer: HTTP status, and its JSON."""

    status: int
    body: object

    @property
    def message(self) -> str:
        """What it says went wrong."""
        return str(self.body.get("message", self.body)) if isinstance(self.body, dict) else str(self.body)


class ConnectHttp:
    """One Connect cluster. Reads go to a worker that answers; so do changes, each of which is in the ledger.

    Safe for threads. All raise NotNowError (409: a rebalance is going on) and SilentError.
    """

    def __init__(self, pods: Pods, port: int, ledger: Ledger) -> None:
        self._pods = pods
        self._port = port
        self._ledger = ledger
        self._pool = urllib3.PoolManager(num_pools=32, maxsize=4)
        self._lock = threading.Lock()
        self._known: tuple[Pod, ...] = ()
        self._listed_at = float("-inf")

    def read(self, path: str, deadline: float) -> Reply:
        """GET, from the first worker that answers."""
        ends = time.monotonic() + deadline
        problems = []
        for pod in self._workers(deadline):
            left = ends - time.monotonic()
            if left <= 0:
                break
            try:
                return self._judged(f"GET {path}", self._send(pod, "GET", path, None, min(READ_SECONDS, left)))
            except (urllib3.exceptions.HTTPError, OSError) as error:
                problems.append(f"{pod.name}: {type(error).__name__}")
                self._last(pod)
        raise SilentError(f"GET {path}: no worker answers ({', '.join(problems) or 'there is none'})")

    def change(self, change: Change, deadline: float) -> Reply:
        """Make this change. Its outcome is not known when SilentError is raised: see the ledger."""
        ends = time.monotonic() + deadline
        for pod in self._workers(deadline):
            outcome: Future[Reply | None] = Future()
            threading.Thread(target=self._make, args=(change, pod, outcome), name="connect-call", daemon=True).start()
            try:
                said = outcome.result(max(0.0, ends - time.monotonic()))
            except FutureTimeoutError:
                self._last(pod)
                raise SilentError(f"{change}: {pod.name} did not answer within {deadline:g} s") from None
            except (urllib3.exceptions.HTTPError, OSError) as error:
                self._last(pod)
                raise SilentError(f"{change}: {pod.name}: the answer did not come: {type(error).__name__}") from error
            if said is not None:
                return self._judged(str(change), said)
            self._last(pod)  # it was not sent
        raise SilentError(f"{change}: there is no connection to any worker")

    def has_workers(self, deadline: float) -> bool:
        """Whether a consistent list has any. Raises SilentError without one."""
        return bool(self._list(deadline))

    def forget_the_gone(self, deadline: float) -> None:
        """Strike out what was sent to processes that are no more. Raises SilentError without a list."""
        self._ledger.gone({pod.uid for pod in self._list(deadline)})

    def _make(self, change: Change, pod: Pod, outcome: "Future[Reply | None]") -> None:
        call = self._ledger.begins(change.what, pod.uid, pod.name)
        try:
            said = self._send(pod, change.method, change.path, change.content, LONGEST_SECONDS)
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
            self._ledger.answered(call, accepted=False)
            outcome.set_result(None)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            self._ledger.broken(call)
            outcome.set_exception(error)
        else:
            if said.status >= 500 and change.what == START:
                self._ledger.broken(call)  # Connect gave up waiting, its producer did not
            else:
                self._ledger.answered(call, accepted=said.status < 300)
            outcome.set_result(said)

    def _send(self, pod: Pod, method: str, path: str, content: object, deadline: float) -> Reply:
        response = self._pool.request(
            method,
            f"http://{pod.host}:{self._port}{path}",
            body=None if content is None else orjson.dumps(content),
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, deadline), read=deadline),
            retries=False,
            redirect=False,
        )
        try:
            return Reply(response.status, orjson.loads(response.data) if response.data else None)
        except orjson.JSONDecodeError:
            return Reply(response.status, response.data[:300].decode(errors="replace"))

    @staticmethod
    def _judged(asked: str, said: Reply) -> Reply:
        if said.status == 409:
            raise NotNowError(f"{asked}: {said.message}")
        return said

    def _workers(self, deadline: float) -> Sequence[Pod]:
        """Those with an address, the one that answered last first."""
        with self._lock:
            if self._known and time.monotonic() - self._listed_at < LIST_SECONDS:
                return self._known
        self._list(deadline)
        with self._lock:
            return self._known

    def _list(self, deadline: float) -> Sequence[Pod]:
        """All, also those without an address: they are processes that may have something of ours."""
        found = {pod.uid: pod for pod in self._pods(deadline)}
        with self._lock:
            order = [pod.uid for pod in self._known if pod.uid in found]
            order += [uid for uid in found if uid not in order]
            self._known = tuple(found[uid] for uid in order if found[uid].host)
            self._listed_at = time.monotonic()
        return tuple(found.values())

    def _last(self, pod: Pod) -> None:
        """This one did not answer: the others are asked before it."""
        with self._lock:
            if pod in self._known:
                self._known = (*(other for other in self._known if other != pod), pod)

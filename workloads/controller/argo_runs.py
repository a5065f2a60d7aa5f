"""AnalysisRuns of Argo Rollouts: makes one for a switch, watches it, and ends it when nobody waits for it any more."""

import logging
import threading
from collections.abc import Callable

from workloads.common.kube import ApiError, Event, Follower, Kube, KubeError, Object, version_of
from workloads.common.logs import fields
from workloads.controller.argo import GROUP_VERSION, SWITCH_LABEL, Order, OrderError, judged, run
from workloads.controller.measured import MeasureError
from workloads.controller.terms import Analysis

logger = logging.getLogger(__name__)

_PATH = f"/apis/{GROUP_VERSION}/namespaces/{{}}"
_MERGE = "application/merge-patch+json"
_REQUEST_SECONDS = 3.0
#: What the API server says to a request that it will not take, however often it comes.
_NEVER = frozenset({400, 403, 404, 422})


class AnalysisRuns:
    """Those of one switch, by its name. Used by one thread, and by that of its watch, which begins with the first run:
    a cluster without Argo Rollouts is asked for nothing.
    """

    def __init__(self, kube: Kube, namespace: str, switch: str) -> None:
        self._kube = kube
        self._path = _PATH.format(namespace)
        self._switch = switch
        self._lock = threading.Lock()
        # As they were told last, by version. None: it was there, and is not any more.
        self._known: dict[str, tuple[int, Object | None]] = {}
        self._asked: str | None = None
        self._changed: Callable[[], None] = lambda: None
        self._follower: Follower | None = None

    def on_change(self, changed: Callable[[], None]) -> None:
        """Who is to be told, in the watch's thread, when a run has changed."""
        self._changed = changed

    @property
    def threads(self) -> list[threading.Thread]:
        """Those that should run by now: the watch's, once a run was asked for."""
        follower = self._follower
        return [] if follower is None else [follower.thread]

    def look(self, order: Order) -> tuple[Analysis, str]:
        """The verdict so far, and what it rests on. Has the run made, unless it is there. Raises MeasureError when
        that cannot be told now.
        """
        if self._asked != order.name:
            try:
                found = self._found(order) or self._made(order)
            except OrderError as error:
                return Analysis.INCONCLUSIVE, str(error)
            except KubeError as error:
                raise MeasureError(f"AnalysisRun {order.name}: {error}") from error
            self._is(order.name, version_of(found), found)
            self._asked = order.name
            self._follow()
        with self._lock:
            _, seen = self._known[order.name]
        return judged(order, seen)

    def end(self, order: Order) -> None:
        """Nobody waits for this run any more: it measures no further, if it is not over. Raises nothing."""
        asked, self._asked = self._asked, None
        with self._lock:
            _, seen = self._known.get(order.name, (0, None))
        if asked is None or seen is None or judged(order, seen)[0] is not Analysis.PENDING:
            return
        try:
            path = f"{self._path}/analysisruns/{order.name}"
            body: Object = {"spec": {"terminate": True}}
            self._kube.patch(path, body, content_type=_MERGE, deadline=_REQUEST_SECONDS)
        except KubeError as error:
            logger.warning("an AnalysisRun goes on that nobody waits for", extra=fields(error=str(error)))

    def _found(self, order: Order) -> Object | None:
        try:
            return self._kube.get(f"{self._path}/analysisruns/{order.name}", deadline=_REQUEST_SECONDS)
        except ApiError as error:
            if error.status == 404:
                return None
            raise self._refused(error) or error from error

    def _made(self, order: Order) -> Object:
        """Raises OrderError, KubeError; a conflict too, which the next look resolves: another controller made it."""
        try:
            templates = [
                self._kube.get(f"{self._path}/analysistemplates/{name}", deadline=_REQUEST_SECONDS)
                for name in order.asked.templates
            ]
            body = run(order, templates)
            made = self._kube.post(f"{self._path}/analysisruns", body, deadline=_REQUEST_SECONDS)
        except ApiError as error:
            raise self._refused(error) or error from error
        logger.info("AnalysisRun made", extra=fields(name=order.name, templates=order.asked.templates))
        return made

    def _refused(self, error: ApiError) -> OrderError | None:
        return OrderError(f"no AnalysisRun can be made: {error}") if error.status in _NEVER else None

    def _follow(self) -> None:
        if self._follower is None:
            follower = Follower(
                self._kube.sibling(),
                f"{self._path}/analysisruns",
                on_read=self._read,
                on_change=self._event,
                labels_are=f"{SWITCH_LABEL}={self._switch}",
            )
            follower.start()
            self._follower = follower  # once it runs: `threads` is read by others

    def _read(self, found: list[Object], version: int | None) -> None:
        there = {obj["metadata"]["name"] for obj in found}
        with self._lock:
            gone = [name for name in self._known if name not in there]
        for obj in found:
            self._is(obj["metadata"]["name"], version_of(obj), obj)
        for name in gone:
            self._is(name, version or 0, None)
        self._changed()

    def _event(self, event: Event) -> None:
        obj = event.object
        self._is(obj["metadata"]["name"], version_of(obj), None if event.kind == "DELETED" else obj)
        self._changed()

    def _is(self, name: str, version: int, seen: Object | None) -> None:
        """As somebody has read it, made it, or was told; what is older than what is known changes nothing."""
        with self._lock:
            if version >= self._known.get(name, (0, None))[0]:
                self._known[name] = (version, seen)

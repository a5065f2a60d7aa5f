"""Follows one object or a collection for ever: reads it, then watches from there."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workloads.common.kube.client import WATCH_SECONDS, WATCH_SILENCE_SECONDS, Event, Kube, Object, version_of
from workloads.common.kube.errors import ApiError, SilentError, UnreachableError
from workloads.common.kube.pace import Ended, Next, Pace
from workloads.common.logs import fields

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """objects, version: as the reader is told. watch_from: the version that a watch goes on from; None: from now."""

    objects: list[Object]
    version: int | None
    watch_from: str | None


@dataclass(frozen=True, slots=True)
class _Target:
    """What is followed, and how it is asked for."""

    path: str
    name: str
    labels_are: str
    by_get: bool

    @property
    def fields_are(self) -> str:
        return f"metadata.name={self.name}" if self.name else ""

    def read(self, kube: Kube) -> _Read:
        if not (self.name and self.by_get):
            listed = kube.list(self.path, fields_are=self.fields_are, labels_are=self.labels_are)
            return _Read(listed["items"] or [], version_of(listed), listed["metadata"]["resourceVersion"])
        # The watch begins with what is there by then. It cannot begin at the object's own version: the server tells no
        # changes from before its start, or of more than some minutes ago, and an object may be older than that.
        try:
            found = kube.get(f"{self.path}/{self.name}")
        except ApiError as error:
            if error.status != 404:
                raise
            return _Read([], None, None)
        return _Read([found], version_of(found), None)

    def watch(self, kube: Kube, version: str | None, silence: float) -> Iterator[Event]:
        seconds = int(WATCH_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
        return kube.watch(
            self.path,
            version,
            fields_are=self.fields_are,
            labels_are=self.labels_are,
            seconds=seconds,
            silence=silence,
        )


class Follower:
    """Follows one object or a collection: reads it, then watches from there, for ever.

    `on_read(objects, version)` gets each full read (version None: the object read by name does not exist),
    `on_change(event)` each change. Both run in the follower's thread. A watch that breaks is taken up again where it
    stood; when that is too long ago, or when it was silent for long, everything is read again. Errors are logged and
    change nothing. `pace` says what follows what.

    failing_since: monotonic seconds; since then no request has succeeded. None: all is well, however quiet it is.
    """

    def __init__(
        self,
        kube: Kube,
        path: str,
        *,
        on_read: Callable[[list[Object], int | None], None],
        on_change: Callable[[Event], None],
        name: str = "",
        labels_are: str = "",
        by_get: bool = False,
        silence: float = WATCH_SILENCE_SECONDS,
    ) -> None:
        """`name`: this object only. `by_get`: read it by GET, for whoever may not list.

        silence: a watch that tells nothing for so many seconds makes it read, to see whether anybody is there.
        """
        self._kube = kube
        self._target = _Target(path, name, labels_are, by_get)
        self._on_read = on_read
        self._on_change = on_change
        self._silence = silence
        self._pace = Pace()
        self._must_read = True
        self._watch_from: str | None = None
        self._newest: int | None = None  # the newest version that was read or told
        self.failing_since: float | None = None
        self.thread = threading.Thread(target=self._run, name=f"watch-{path.rpartition('/')[2]}", daemon=True)

    def start(self) -> None:
        """Follow from now on, in a daemon thread."""
        self.thread.start()

    def _run(self) -> None:
        while True:
            then = self._turn()
            if then.pause:
                time.sleep(then.pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load

    def _turn(self) -> Next:
        """A read, if one is due, and a watch for as long as it lasts."""
        told, accepted = 0, None
        problem: Exception | None = None
        try:
            if self._must_read:
                self._read()
            events = self._target.watch(self._kube, self._watch_from, self._silence)
            accepted = time.monotonic()
            self._works()
            for event in events:
                told += 1
                self._take(event)
            self._must_read = self._watch_from is None
            ended = Ended.CLOSED
        except SilentError:
            ended = Ended.SILENT
        except ApiError as error:
            ended, problem = (Ended.EXPIRED if error.status == 410 else Ended.REFUSED), error
        except UnreachableError as error:
            ended, problem = Ended.BROKEN, error
        except Exception:
            logger.exception("following failed; reading anew", extra=fields(path=self._target.path))
            ended = Ended.OWN_ERROR
        stood = 0.0 if accepted is None else time.monotonic() - accepted
        then = self._pace.after(ended, stood, told)
        self._must_read |= then.read
        if then.broken and problem is not None:
            self._broken(problem)
        return then

    def _read(self) -> None:
        known = self._newest
        read = self._target.read(self._kube)
        self._watch_from = read.watch_from
        newest = max([known or 0, *map(version_of, read.objects)])
        if known is not None and newest > known:
            # No error by itself: it may have happened just now, or while the watch was broken.
            logger.info("a read found what no watch had told", extra=fields(path=self._target.path, version=newest))
        self._on_read(read.objects, read.version)
        self._newest = newest
        self._must_read = False
        self._works()

    def _take(self, event: Event) -> None:
        version = version_of(event.object)
        self._watch_from = event.object["metadata"]["resourceVersion"]
        # A watch from now begins with the object as it was read a moment ago.
        if event.kind != "BOOKMARK" and version != self._newest:
            self._on_change(event)
        self._newest = max(self._newest or 0, version)

    def _works(self) -> None:
        if self.failing_since is not None:
            logger.info(
                "API server answers again",
                extra=fields(path=self._target.path, after=time.monotonic() - self.failing_since),
            )
            self.failing_since = None

    def _broken(self, error: Exception) -> None:
        if self.failing_since is None:
            self.failing_since = time.monotonic()
            logger.warning("watch interrupted", extra=fields(path=self._target.path, error=str(error)))

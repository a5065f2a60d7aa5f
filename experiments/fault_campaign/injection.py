"""Faults as they are injected while a switch goes on: begun in their order, each ended when its time is over.

Nobody is interrupted while one is begun or taken back: then it is there and known, or it is not there. What a campaign
that was killed has left, and no process of its own has taken back, the next one finds by looking at what is.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from experiments.errors import ExperimentError
from experiments.fault_campaign import application, clock, disk, network, objects, pods, signals
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Inject, Scene, TakeBack
from experiments.lab import Lab

_ROOMS = (signals, pods, objects, application, network, disk, clock)
#: Each room's ways.
PLACES: dict[str, frozenset[str]] = {room.__name__.rpartition(".")[2]: frozenset(room.INJECT) for room in _ROOMS}
INJECT: dict[str, Inject] = {name: inject for room in _ROOMS for name, inject in room.INJECT.items()}
#: Of the rooms whose faults last; what only happens leaves nothing. Who stands still goes on first: others ask them.
TAKE_BACK: tuple[TakeBack, ...] = (
    signals.take_back,
    network.take_back,
    disk.take_back,
    clock.take_back,
    objects.take_back,
    application.take_back,
)


def take_back(lab: Lab) -> list[str]:
    """Take back what a campaign that was killed has left set; gives what that was. Raises ExperimentError for what
    cannot be looked at just now; asked again, it goes on.
    """
    return [found for room in TAKE_BACK for found in room(lab)]


@dataclass(slots=True)
class Hit:
    """What became of one planned injection. Wall clock seconds. hit: the pod, or what else; empty where it missed, and
    then `missed` says why: a process that an earlier fault has killed, an API server that does not answer.
    phase: the switch's, as the controller said it, when the fault was there.
    """

    injection: Injection
    began: float
    hit: str = ""
    ended: float | None = None
    missed: str = ""
    phase: str = ""
    left: str = ""
    """Why it could not be taken back."""


@dataclass(slots=True)
class _Running:
    hit: Hit
    undo: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    until: float = 0.0


class Injector:
    """The faults of one switch. Whatever is there is taken back by `end`, or at the block's end."""

    def __init__(self, scene: Scene, phase: Callable[[], str]) -> None:
        """phase: the switch's, as it was seen last; not asked for now, when the API server may stand still."""
        self._scene = scene
        self._phase = phase
        self._running: list[_Running] = []
        self.hits: list[Hit] = []

    def begin(self, injections: Sequence[Injection]) -> None:
        """Inject them, in the order of `after`, counted from now. One that misses is noted, and no error."""
        start = time.monotonic()
        for injection in sorted(injections, key=lambda one: one.after):
            rest = start + injection.after - time.monotonic()
            if rest > 0:
                time.sleep(rest)  # the moment is what is varied
            with self._scene.shield():
                self._begin(injection)

    def _begin(self, injection: Injection) -> None:
        hit = Hit(injection, time.time())
        self.hits.append(hit)
        running = _Running(hit)
        hit.phase = self._phase()
        try:
            hit.hit = running.undo.enter_context(INJECT[injection.way](self._scene, injection))
        except ExperimentError as error:
            hit.missed, hit.ended = str(error), time.time()
            return
        running.until = time.monotonic() + injection.seconds
        self._running.append(running)

    def end(self) -> None:
        """Wait until each has had its time, and take it back then."""
        while self._running:
            first = min(self._running, key=lambda one: one.until)
            rest = first.until - time.monotonic()
            if rest > 0:
                # How long a fault lasts is what is varied: there is nothing to watch for.
                time.sleep(rest)
            with self._scene.shield():
                self._undo(first)

    def _undo(self, running: _Running) -> None:
        self._running.remove(running)
        try:
            running.undo.close()
        except ExperimentError as error:
            running.hit.left = str(error)
        running.hit.ended = time.time()

    def close(self) -> None:
        """Take back whatever is still there, at once."""
        with self._scene.shield():
            for running in list(self._running):
                self._undo(running)


@contextlib.contextmanager
def injecting(scene: Scene, phase: Callable[[], str]) -> Iterator[Injector]:
    """An injector, whose faults are over after the block."""
    injector = Injector(scene, phase)
    try:
        yield injector
    finally:
        injector.close()

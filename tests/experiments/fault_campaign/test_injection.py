"""Faults begin in order, last as long as they are to, and are taken back whatever happens."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.errors import PreconditionError
from experiments.fault_campaign import injection as injecting_room
from experiments.fault_campaign.injection import injecting
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Scene
from experiments.interrupts import Interrupted, Interrupts

NOBODY: Any = SimpleNamespace(shield=nullcontext)


def one(way: str, seconds: float = 0.0, after: float = 0.0) -> Injection:
    return Injection(way, "old", 0, seconds, after)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []

    def make(name: str) -> Any:
        @contextmanager
        def inject(_scene: Scene, _injection: Injection) -> Iterator[str]:
            if name == "mover-kill":
                raise PreconditionError("no process")
            said.append(f"{name} begins")
            try:
                yield name
            finally:
                said.append(f"{name} ends")
                if name == "cut-api":
                    raise PreconditionError("the route is not there")

        return inject

    names = ("worker-kill", "worker-freeze", "mover-kill", "cut-api", "pod-freeze")
    monkeypatch.setattr(injecting_room, "INJECT", {name: make(name) for name in names})
    return said


def test_they_begin_in_their_order_and_end_when_their_time_is_over(said: list[str]) -> None:
    with injecting(NOBODY, lambda: "Pausing") as injector:
        injector.begin([one("worker-freeze", 0.05, after=0.002), one("pod-freeze", 0.01, after=0.001)])
        assert said == ["pod-freeze begins", "worker-freeze begins"]
        injector.end()
        assert said[2:] == ["pod-freeze ends", "worker-freeze ends"]
    assert [(hit.hit, hit.phase, bool(hit.ended)) for hit in injector.hits] == [
        ("pod-freeze", "Pausing", True),
        ("worker-freeze", "Pausing", True),
    ]
    assert injector.hits[1].ended is not None
    assert injector.hits[1].ended - injector.hits[1].began >= 0.05


def test_what_misses_is_noted_and_the_others_go_on(said: list[str]) -> None:
    with injecting(NOBODY, str) as injector:
        injector.begin([one("mover-kill"), one("worker-kill")])
        injector.end()
    assert [(hit.hit, hit.missed) for hit in injector.hits] == [("", "no process"), ("worker-kill", "")]


def test_whatever_happens_they_are_taken_back_at_once(said: list[str]) -> None:
    begun = time.monotonic()
    kept = []  # so that nothing ends for want of somebody who holds it

    def interrupted() -> None:
        with injecting(NOBODY, str) as injector:
            kept.append(injector)
            injector.begin([one("worker-freeze", 600.0)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert said == ["worker-freeze begins", "worker-freeze ends"]
    assert time.monotonic() - begun < 300


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["as it begins", "as it lasts", "as it is taken back"])
def test_who_is_told_to_end_takes_everything_back(
    said: list[str], monkeypatch: pytest.MonkeyPatch, number: signal.Signals, when: str
) -> None:
    """By a signal of the system, at any moment: what is half made is made and taken back, and then it ends."""

    def told(moment: str) -> None:
        if moment == when:
            os.kill(os.getpid(), number)

    @contextmanager
    def inject(*_: object) -> Iterator[str]:
        said.append("half made")
        told("as it begins")
        said.append("made")
        try:
            yield "somebody"
        finally:
            said.append("half undone")
            told("as it is taken back")
            said.append("undone")

    monkeypatch.setitem(injecting_room.INJECT, "cut-api", inject)

    def interrupted() -> None:
        with Interrupts() as interrupts:
            scene: Any = SimpleNamespace(shield=interrupts.shielded)
            with injecting(scene, str) as injector:
                injector.begin([one("worker-freeze", 600.0)])
                injector.begin([one("cut-api")])
                told("as it lasts")
                injector.end()

    with pytest.raises(Interrupted):
        interrupted()
    first, then = ["worker-freeze ends"], ["half undone", "undone"]
    undone = [*then, *first] if when == "as it is taken back" else [*first, *then]
    assert said == ["worker-freeze begins", "half made", "made", *undone]


def test_what_cannot_be_taken_back_is_said(said: list[str]) -> None:
    with injecting(NOBODY, str) as injector:
        injector.begin([one("cut-api")])
        injector.end()
    assert injector.hits[0].left == "the route is not there"

"""Faults begin in order, last as long as they are to, and are taken back whatever happens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from experiments.errors import PreconditionError
from experiments.fault_campaign import injection as injecting_room
from experiments.fault_campaign.injection import injecting
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Scene

NOBODY: Any = None


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


def test_what_cannot_be_taken_back_is_said(said: list[str]) -> None:
    with injecting(NOBODY, str) as injector:
        injector.begin([one("cut-api")])
        injector.end()
    assert injector.hits[0].left == "the route is not there"

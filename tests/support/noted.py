"""A lab of which everything that a scenario does is noted, with everybody else replaced."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from components.names import Color
from components.strategies.parts import Part, Parts
from experiments import freezing, switching
from experiments.freezing import Process
from experiments.lab import Notes
from experiments.measurements import SwitchRecord, other
from tests.support.samples import SWITCH

_STARTED = 4711


class NotedLab:
    """Every switch ends as `record` says.

    did: what was done, in order. own: the changes that the guard was told of, look by look. settings: further ones of
    the stack.
    """

    def __init__(self, parts: Parts, replicas: int = 3, **settings: object) -> None:
        self.did: list[str] = []
        self.own: list[Mapping[Any, int]] = []
        self.notes = Notes()
        self.active: Color = "blue"
        self.namespace = "strategy-x"
        self.clock_offset = 0.0
        self.parts = parts
        self.record: SwitchRecord = SWITCH
        self.settings: Any = SimpleNamespace(replicas=replicas, **settings)
        self.whole = {"blue": replicas, "green": replicas}
        self.progress: Any = SimpleNamespace(say=lambda _: None, step=lambda _: contextlib.nullcontext())
        self.guard: Any = SimpleNamespace(check=lambda own=None: self.own.append(own or {}))
        self.cluster: Any = SimpleNamespace(
            delete_pod=lambda _, pod, force=False: self.did.append(f"delete {pod}{', by force' * force}")
        )
        self.disturbance: Any = SimpleNamespace(wait_going=lambda pod: self.did.append(f"{pod} is going"))

    def pod(self, color: Color, number: int) -> str:
        return self.parts.at_work.pod(color, number)

    def sized(self, color: Color) -> tuple[str, str]:
        return self.parts.at_work.kind.kind, self.parts.at_work.object(color)

    def resize(self, color: Color, replicas: int) -> None:
        self.did.append(f"scale {color} {replicas}")

    def deploy(self, color: Color, **changes: object) -> float:
        self.did.append(f"deploy {color} {changes}")
        return 12.3456

    def scale_down_and_back(self) -> None:
        self.did.append("scale down and back")

    def spell(self) -> None:
        self.did.append("spell")

    def wait_pods(self, replicas: Mapping[Color, int], parts: Sequence[Part] | None = None) -> None:
        which = "" if parts is None else f": {', '.join(part.app for part in parts)}"
        self.did.append(f"pods {dict(replicas)}{which}")

    def wait_steady(self) -> None:
        self.did.append("steady")

    def switch(self, *, during: Callable[[Any], None] | None = None) -> SwitchRecord:
        self.did.append(f"switch from {self.active}")
        if during is not None:
            during(self.disturbance)
        self.note(self.record)
        return self.record

    def by_patch(self) -> SwitchRecord:
        self.did.append(f"patch from {self.active}")
        return replace(self.record, commanded="patch")

    def level(self, record: SwitchRecord) -> SwitchRecord:
        self.did.append("level")
        return record

    def note(self, record: SwitchRecord) -> None:
        self.notes.switches.append(record)
        if record.switched:
            self.active = other(self.active)

    def report(self, *_: object) -> None:
        pass


def switched_by_hand(patch: pytest.MonkeyPatch) -> None:
    """Switches by hand are the lab's own words."""
    patch.setattr(switching, "by_patch", lambda lab: lab.by_patch())
    patch.setattr(switching, "level", lambda lab, record: lab.level(record))


class Freezer:
    """Stands for `freezing`: what stands still and goes on is noted in a lab's `did`.

    names: of the processes. zombie: the one that is looked at before its thaw; alive: whether it is there then.
    goes_on: what it does once it is thawed.
    """

    def __init__(self, lab: NotedLab, names: Mapping[int, str], zombie: int, patch: pytest.MonkeyPatch) -> None:
        self._lab, self._names, self._zombie = lab, names, zombie
        self.alive = True
        self.goes_on: Callable[[], None] = lambda: None
        patch.setattr(freezing, "frozen", self._frozen)
        patch.setattr(freezing, "identify", lambda pid: Process(pid, _STARTED))
        patch.setattr(freezing, "stopped", lambda process: self.alive and process == Process(zombie, _STARTED))

    @contextlib.contextmanager
    def _frozen(self, pids: Sequence[int], seconds: float) -> Iterator[None]:
        assert 0 < seconds < 40
        (pid,) = pids
        self._lab.did.append(f"freeze {self._names[pid]}")
        try:
            yield
        finally:
            self._lab.did.append(f"thaw {self._names[pid]}")
            if pid == self._zombie:
                self.goes_on()

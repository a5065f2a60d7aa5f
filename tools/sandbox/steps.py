"""Does steps that depend on each other, each as soon as it can be done, and says how far it is."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.sandbox.process import Runner
from tools.sandbox.progress import Progress, duration

HEARTBEAT_SECONDS = 30


@dataclass(frozen=True)
class Step:
    """``action`` runs in a thread of its own once all steps named in ``needs`` are done."""

    name: str
    action: Callable[[], object]
    needs: Sequence[str] = ()


def run(steps: Sequence[Step], progress: Progress, runner: Runner) -> None:
    """Do all steps. The first failure, or Ctrl-C, calls off what runs (through ``runner``) and is raised.

    A name in ``needs`` that is no step, or a circle of needs, is an error of the program: ValueError.
    """
    _check(steps)
    _Run(steps, progress, runner).run()


class _Run:
    def __init__(self, steps: Sequence[Step], progress: Progress, runner: Runner) -> None:
        self._total = len(steps)
        self._waiting = list(steps)
        self._progress = progress
        self._runner = runner
        self._ended: queue.Queue[tuple[str, BaseException | None]] = queue.Queue()
        self._began: dict[str, float] = {}
        self._threads: list[threading.Thread] = []
        self._done: set[str] = set()

    def run(self) -> None:
        try:
            while len(self._done) < self._total:
                self._start_ready()
                self._await_one()
        except BaseException:
            self._runner.cancel()
            for thread in self._threads:
                thread.join()
            raise

    def _start_ready(self) -> None:
        ready = [step for step in self._waiting if self._done.issuperset(step.needs)]
        self._waiting = [step for step in self._waiting if step not in ready]
        for step in ready:
            self._began[step.name] = time.monotonic()
            thread = threading.Thread(target=self._carry_out, args=(step,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry_out(self, step: Step) -> None:
        failure: BaseException | None = None
        try:
            step.action()
        except BaseException as error:  # noqa: BLE001 -- raised again by the main thread
            failure = error
        self._ended.put((step.name, failure))

    def _await_one(self) -> None:
        try:
            name, failure = self._ended.get(timeout=max(0.0, HEARTBEAT_SECONDS - self._progress.silence()))
        except queue.Empty:
            if self._progress.silence() < HEARTBEAT_SECONDS:
                return  # a step has told about itself
            at_work = [f"{name} ({duration(time.monotonic() - began)})" for name, began in self._began.items()]
            self._progress.say(f"  at work: {', '.join(at_work)}")
            return
        took = time.monotonic() - self._began.pop(name)
        if failure is not None:
            raise failure
        self._done.add(name)
        self._progress.say(f"[{len(self._done)}/{self._total}] {name}, {duration(took)}")


def _check(steps: Sequence[Step]) -> None:
    names = {step.name for step in steps}
    for step in steps:
        if unknown := set(step.needs) - names:
            raise ValueError(f"step {step.name!r} needs unknown {sorted(unknown)}")
    reachable: set[str] = set()
    while ready := {s.name for s in steps if s.name not in reachable and reachable.issuperset(s.needs)}:
        reachable |= ready
    if circle := names - reachable:
        raise ValueError(f"these steps wait for each other: {sorted(circle)}")

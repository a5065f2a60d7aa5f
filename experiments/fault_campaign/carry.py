"""One planned switch, carried out: commanded, and hit by its faults in its phase.

Whatever comes of it is noted and never raised: a switch that is refused, an update that fails, a phase that is not
reached, because a fault of the one before still has its way. What can't be carried out at all is an error of the
cluster's.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from components.names import Color
from experiments import by_hand
from experiments.by_hand import ByHandError
from experiments.cluster import LiveSwitch
from experiments.disturbance import PAUSING, RESUMING, ROLLING_BACK, WAITING_FOR_LAG, in_background
from experiments.errors import DeadlineError, ExperimentError
from experiments.fault_campaign.injection import Hit, Injector, injecting
from experiments.fault_campaign.kinds import HELD, Phase
from experiments.fault_campaign.plan import Step
from experiments.fault_campaign.scene import Scene
from experiments.fault_campaign.witness import Witness

_PHASES = {
    Phase.WAITING: WAITING_FOR_LAG,
    Phase.PAUSING: PAUSING,
    Phase.RESUMING: RESUMING,
    Phase.ROLLING_BACK: ROLLING_BACK,
}
#: A frozen member falls behind: only the phase that waits for that is reached with `wait`.
_POLICIES = dict.fromkeys((Phase.PAUSING, Phase.RESUMING, Phase.ROLLING_BACK), "immediate")
_HELD_SECONDS = 0.5
_COMMAND_SECONDS = 60.0
_WRITTEN_SECONDS = 120.0
_RETRY_SECONDS = 0.5


@dataclass(slots=True)
class Carried:
    """A switch that was carried out. Wall clock seconds. error: what `pulumi up`, or the API server, said.

    returned: when an update did. held: of the pods that handle records, those that stood still to hold its phase open.
    """

    step: Step
    source: Color
    target: Color
    began: float
    ended: float = 0.0
    seconds: float | None = None
    returned: float | None = None
    error: str | None = None
    before: int = 0
    hits: list[Hit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    held: tuple[str, ...] = ()


def carry(scene: Scene, step: Step, witness: Witness) -> Carried:
    """Carry out a step. Returns when its command has ended, and its faults are over. Raises ExperimentError."""
    lab = scene.lab
    live = lab.cluster.switch(scene.namespace)
    policy = _POLICIES.get(step.phase, "wait")
    wanted: dict[str, object] = {
        "active": scene.target,
        "attempt": int(live.raw["spec"].get("attempt", 1)) + 1,
        "lagPolicy": policy,
    }
    if step.replicas is not None:
        wanted["replicas"] = step.replicas
    if step.partitions:
        wanted["partitions"] = lab.settings.partitions + step.partitions
    done = Carried(step, scene.source, scene.target, time.time(), before=live.generation)
    done.held = _held_pods(scene, step.phase)
    witness.note(f"switch {step.number}: {scene.source} -> {scene.target} by {step.commanded}, {step.phase}")
    with injecting(scene, witness.phase) as injector:
        done.hits = injector.hits
        if step.phase is Phase.STEADY:
            injector.begin(step.injections)
        commanding = _by_up if step.commanded == "up" else _by_patch
        with commanding(scene, wanted, done) as begin:
            if step.phase in HELD:
                _in_the_phase(scene, step, begin, injector, done)
            else:
                begin()
                if step.phase is Phase.MOMENT:
                    _wait_written(scene, live, done)
                    injector.begin(step.injections)
            injector.end()
    for hit in done.hits:
        said = f"missed: {hit.missed}" if hit.missed else f"{hit.hit}, {(hit.ended or hit.began) - hit.began:.1f} s"
        witness.note(f"{hit.injection.way} at {hit.began:.3f} ({hit.phase or 'phase unknown'}): {said}")
    done.ended = time.time()
    return done


def _in_the_phase(scene: Scene, step: Step, begin: Callable[[], None], injector: Injector, done: Carried) -> None:
    try:
        with scene.lab.disturbance.held(_PHASES[step.phase], scene.source, scene.target, begin):
            injector.begin(step.injections)
            # The faults have to be there for a while in the very phase.
            time.sleep(_HELD_SECONDS)
    except ExperimentError as error:
        done.notes.append(f"{step.phase} was not reached: {error}")


def _held_pods(scene: Scene, phase: Phase) -> tuple[str, ...]:
    """A member that has its work done by others stands still without them: no record is handled again by that."""
    at_work = scene.lab.parts.at_work
    if phase not in HELD or scene.lab.disturbance.holding(_PHASES[phase]) is not at_work:
        return ()
    old, new = at_work.pod(scene.source, 0), at_work.pod(scene.target, 0)
    return (old, new) if phase in (Phase.RESUMING, Phase.ROLLING_BACK) else (old,)


def _wait_written(scene: Scene, before: LiveSwitch, done: Carried) -> None:
    def missing(live: LiveSwitch) -> str | None:
        return None if live.generation > before.generation else live.describe()

    try:
        scene.lab.cluster.wait_switch(scene.namespace, missing, "the new generation", _WRITTEN_SECONDS)
    except DeadlineError as error:
        done.notes.append(str(error))


@contextmanager
def _by_up(scene: Scene, wanted: dict[str, object], done: Carried) -> Iterator[Callable[[], None]]:
    """`pulumi up` goes on within the block, and has returned after it."""
    scene.lab.stack.configuration.set(**wanted)
    with in_background(scene.lab.stack.up) as pending:
        yield lambda: None
    update = pending.update
    done.error, done.seconds, done.returned = update.error, update.seconds, update.commanded_at + update.seconds


@contextmanager
def _by_patch(scene: Scene, wanted: dict[str, object], done: Carried) -> Iterator[Callable[[], None]]:
    """Asked for by hand when the block says so; again until the API server has it, which may stand still."""

    def begin() -> None:
        begun = time.monotonic()
        while True:
            try:
                by_hand.ask(scene.namespace, **wanted)
            except ByHandError as error:
                if time.monotonic() - begun > _COMMAND_SECONDS:
                    done.error = str(error)
                    return
                time.sleep(_RETRY_SECONDS)
            else:
                done.seconds = time.monotonic() - begun
                return

    yield begin

"""The steps, one after the other, going on behind those that are done. What runs a step is given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from experiments.campaign import record
from experiments.campaign.record import Done, Record
from experiments.campaign.steps import Step
from experiments.folders import RESULT_FILE
from experiments.measurements import seconds_since_epoch
from experiments.progress import Progress
from experiments.results import RunResult

PASSED, MISSED, NOT_RUN = 0, 1, 2
_ENDED = frozenset({PASSED, MISSED})
#: What runs a step; it raises Interrupted.
Runner = Callable[[Step], "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step's command ended. run: the name of its result; empty if it has none. why: what it said last, then."""

    code: int
    run: str
    why: str


def carry_out(
    steps: Sequence[Step],
    *,
    data: Path,
    runner: Runner,
    now: Callable[[], datetime],
    progress: Progress,
    expected: Mapping[str, float],
    anew: bool = False,
) -> Record:
    """Carry out what is not done yet, and write down each step when it has ended; returns what came of it all.

    data: the folder of the runs, where the record is. A step that could not be run is tried again. anew: begin with
    the first, whatever is done. expected: seconds by a step's name.
    """
    before = None if anew else record.read(data)
    if before is None or before.finished_at:
        before = Record(_text(now()))
    going, left = before, [step for step in steps if not _is_done(before, step, data)]
    progress.say(f"{len(left)} of {len(steps)} steps, {_minutes(left, expected)}: they can be interrupted at any time")
    for number, step in enumerate(left, 1):
        progress.say(
            f"step {number} of {len(left)}, {_minutes([step], expected)}, then {_minutes(left[number:], expected)}: "
            f"python -m experiments {' '.join(step.command)}"
        )
        begun = now()
        ended = runner(step)
        why = "" if ended.code in _ENDED and ended.run else ended.why or f"exit code {ended.code}"
        done = Done(ended.code, ended.run, why, round((now() - begun).total_seconds(), 1))
        going = going.having(step.name, done)
        record.write(data, going)
        progress.say(f"{step.name}: {_WORDS.get(ended.code, 'could not be run')}{f': {why}' if why else ''}")
    names = {step.name for step in steps}
    going = replace(
        going,
        finished_at=_text(now()),
        steps={name: done for name, done in going.steps.items() if name in names},
    )
    record.write(data, going)
    return going


_WORDS = {PASSED: "done", MISSED: "a criterion was missed"}


def _is_done(before: Record, step: Step, data: Path) -> bool:
    done = before.steps.get(step.name)
    return done is not None and not done.why and (data / done.run / RESULT_FILE).is_file()


def expected_seconds(steps: Sequence[Step], results: Sequence[RunResult]) -> dict[str, float]:
    """How long each step took the last time, by the results that there are; those without one as long as the mean."""
    told = {
        step.name: seconds_since_epoch(newest.finished_at) - seconds_since_epoch(newest.started_at)
        for step in steps
        if (newest := step.newest(results)) is not None
    }
    mean = sum(told.values()) / len(told) if told else 0.0
    return {step.name: told.get(step.name, mean) for step in steps}


def _minutes(steps: Sequence[Step], expected: Mapping[str, float]) -> str:
    seconds = sum(expected.get(step.name, 0.0) for step in steps)
    return f"about {max(1, round(seconds / 60))} min" if seconds else "nobody knows how long"


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")

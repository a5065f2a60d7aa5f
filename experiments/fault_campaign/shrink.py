"""A sequence that fails, made shorter: delta debugging over its faults (Zeller and Hildebrandt, Simplifying and
Isolating Failure-Inducing Input, 2002: ddmin). Pure, but for the trials that it asks for.

What is left is 1-minimal: without any single one of its faults it did not fail. A running system does not do the same
twice, so "did not fail" means: not in as many trials as were allowed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from experiments.fault_campaign.plan import Step

T = TypeVar("T")


class OutOfTrialsError(Exception):
    """No further trial may be made."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The shortest sequence that still failed. trials: how many were made. minimal: whether all that were needed were,
    or the time was over before. again: whether the whole sequence failed again at all.
    """

    steps: tuple[Step, ...]
    trials: int
    minimal: bool
    again: bool


def shrink(steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool], most: int = 48) -> Shrunk:
    """Make a sequence that failed shorter: fewer switches first (the last ones stay), then fewer faults.

    fails: carries out a sequence, and says whether it failed. most: how many trials. A step whose faults are all gone
    stays as a plain switch only where it is the last.
    """
    trials = 0

    def tried(candidate: Sequence[Step]) -> bool:
        nonlocal trials
        if trials >= most:
            raise OutOfTrialsError
        trials += 1
        return fails(candidate)

    best = tuple(steps)
    again = False
    try:
        tail = 1
        while not again and tail <= len(best):
            # The last switch alone mostly says it all; else twice as many, to the whole.
            candidate = best[-tail:]
            if tried(candidate):
                best, again = candidate, True
            elif tail == len(best):
                return Shrunk(best, trials, minimal=False, again=False)
            tail = min(2 * tail, len(best)) if tail < len(best) else tail + 1
        marks = [(number, index) for number, step in enumerate(best) for index in range(len(step.injections))]
        whole = best

        def with_only(kept: Sequence[tuple[int, int]]) -> tuple[Step, ...]:
            return _only(whole, frozenset(kept))

        def still(kept: Sequence[tuple[int, int]]) -> bool:
            nonlocal best
            if failed := tried(with_only(kept)):
                best = with_only(kept)
            return failed

        _ddmin(marks, still)
    except OutOfTrialsError:
        return Shrunk(best, trials, minimal=False, again=again)
    return Shrunk(best, trials, minimal=True, again=again)


def _only(steps: Sequence[Step], kept: frozenset[tuple[int, int]]) -> tuple[Step, ...]:
    found = []
    for number, step in enumerate(steps):
        own = tuple(one for index, one in enumerate(step.injections) if (number, index) in kept)
        if own or number == len(steps) - 1:
            found.append(replace(step, injections=own))
    return tuple(found)


def _ddmin(items: list[T], fails: Callable[[list[T]], bool]) -> list[T]:
    """The items without which, one at a time, it does not fail."""
    parts = 2
    while items:
        size = max(1, len(items) // parts)
        chunks = [items[start : start + size] for start in range(0, len(items), size)]
        without = [[item for item in items if item not in chunk] for chunk in chunks]
        smaller = next((chunk for chunk in chunks if len(chunk) < len(items) and fails(chunk)), None)
        if smaller is not None:
            items, parts = smaller, 2
            continue
        # With two chunks, the rest of one is the other, which was tried.
        rest = next((left for left in without if (len(chunks) > 2 or not left) and fails(left)), None)
        if rest is not None:
            items, parts = rest, max(parts - 1, 2)
        elif size == 1:
            return items
        else:
            parts = min(2 * parts, len(items))
    return items

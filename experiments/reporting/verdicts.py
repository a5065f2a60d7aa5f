"""Pass, fail or conditional pass of a strategy, by a stated rule; and which one is recommended. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from experiments.campaign.steps import LeftOut, Step
from experiments.measurements import Distribution
from experiments.results import RunResult

Word = Literal["pass", "conditional pass", "fail"]
_ORDER: tuple[Word, ...] = ("pass", "conditional pass", "fail")
#: How a component's version says that it stands in for another one.
STAND_IN = "a stand-in"

RULE = (
    "The rule. Each scenario that the plan asks of a strategy is judged by its newest committed run, by the criteria "
    "of that run. **fail**: one of them missed a criterion, or could not be run. **conditional pass**: none did, but "
    "one has no committed run or cannot be tried on this strategy, or kept its criteria only because anomalies of a "
    "class are tolerated for it, or ran with a stand-in for a part that others would run; the conditions are named. "
    "**pass**: all the rest. Recommended is the strategy with the best verdict; among equals the one whose switches "
    "are the shortest at the median."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one strategy. missed: what made it fail. conditions: what it passes under. switch_seconds: the median of its
    normal switches; None if there is none.
    """

    strategy: str
    missed: tuple[str, ...]
    conditions: tuple[str, ...]
    switch_seconds: float | None

    @property
    def word(self) -> Word:
        if self.missed:
            return "fail"
        return "conditional pass" if self.conditions else "pass"


def of_strategy(
    letter: str,
    steps: Sequence[Step],
    left_out: Sequence[LeftOut],
    results: Sequence[RunResult],
    failures: Mapping[str, str],
) -> Verdict:
    """The verdict on a strategy. steps: the plan's, of all strategies. failures: by a step's name, why it could not be
    run the last time that it was tried.
    """
    missed, conditions, normal = [], [], None
    for step in (one for one in steps if one.plan and one.strategy == letter):
        result = step.newest(results)
        if why := failures.get(step.name):
            missed.append(f"scenario {step.scenario} could not be run: {why}")
        elif result is None:
            conditions.append(f"scenario {step.scenario} has no committed run")
        elif not result.passed:
            wrong = ", ".join(f"`{one.name}`" for one in result.criteria if not one.passed)
            missed.append(f"scenario {step.scenario} missed {wrong} (`{result.run}`)")
        else:
            conditions += tolerated(result)
            normal = normal or result
    for one in left_out:
        if one.strategy == letter:
            conditions.append(f"scenario {one.scenario} is not tried: {one.why}")
    if stand_ins := sorted({name for result in _of(letter, steps, results) for name in stand_ins_of(result)}):
        conditions.append(f"measured with a stand-in: {', '.join(stand_ins)}")
    spread = Distribution.of([switch.switch_seconds for switch in normal.switches]) if normal else None
    return Verdict(letter, tuple(missed), tuple(conditions), spread.median if spread else None)


def _of(letter: str, steps: Sequence[Step], results: Sequence[RunResult]) -> list[RunResult]:
    newest = [one.newest(results) for one in steps if one.plan and one.strategy == letter]
    return [result for result in newest if result is not None]


def tolerated(result: RunResult) -> list[str]:
    """What a run that passed had of what is tolerated for its strategy."""
    verdict = next((one for one in result.criteria if one.name == "validator_verdict"), None)
    if verdict is None or verdict.measured == "pass" or not verdict.passed:
        return []
    return [f"scenario {result.scenario} had anomalies of a class that is tolerated for it (`{result.run}`)"]


def stand_ins_of(result: RunResult) -> list[str]:
    """The parts of a run that stood in for others, by their names."""
    return [name for name, value in result.environment.items() if STAND_IN in str(value)]


def recommended(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The one to take; None if all of them failed."""
    fit = [one for one in verdicts if one.word != "fail"]
    return min(
        fit,
        key=lambda one: (
            _ORDER.index(one.word),
            float("inf") if one.switch_seconds is None else one.switch_seconds,
        ),
        default=None,
    )

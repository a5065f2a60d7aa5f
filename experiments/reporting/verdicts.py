"""Pass, fail or conditional pass of a strategy, by a stated rule; and which one is recommended. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from experiments.campaign.steps import LeftOut, Step
from experiments.measurements import Distribution
from experiments.reporting.words import Words
from experiments.results import RunResult

Word = Literal["pass", "conditional pass", "fail"]
_ORDER: tuple[Word, ...] = ("pass", "conditional pass", "fail")
#: How a component's version says that it stands in for another one.
STAND_IN = "a stand-in"


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
    *,
    words: Words,
) -> Verdict:
    """The verdict on a strategy. steps: the plan's, of all strategies. failures: by a step's name, why it could not be
    run the last time that it was tried. words: in which what was missed and the conditions are told.
    """
    missed, conditions, normal = [], [], None
    for step in (one for one in steps if one.plan and one.strategy == letter):
        result = step.newest(results)
        if why := failures.get(step.name):
            missed.append(words("verdict.not_run", scenario=step.scenario, why=why))
        elif result is None:
            conditions.append(words("verdict.no_result", scenario=step.scenario))
        elif not result.passed:
            wrong = ", ".join(f"`{one.name}`" for one in result.criteria if not one.passed)
            missed.append(words("verdict.missed", scenario=step.scenario, criteria=wrong, run=result.run))
        else:
            if tolerated(result):
                conditions.append(words("verdict.tolerated", scenario=result.scenario, run=result.run))
            normal = normal or result
    conditions += [
        words("verdict.not_tried", scenario=one.scenario, why=words.said(one.why))
        for one in left_out
        if one.strategy == letter
    ]
    if stand_ins := sorted({name for result in _of(letter, steps, results) for name in stand_ins_of(result)}):
        conditions.append(words("verdict.stand_ins", names=", ".join(stand_ins)))
    spread = Distribution.of([switch.switch_seconds for switch in normal.switches]) if normal else None
    return Verdict(letter, tuple(missed), tuple(conditions), spread.median if spread else None)


def _of(letter: str, steps: Sequence[Step], results: Sequence[RunResult]) -> list[RunResult]:
    newest = [one.newest(results) for one in steps if one.plan and one.strategy == letter]
    return [result for result in newest if result is not None]


def tolerated(result: RunResult) -> bool:
    """Whether a run that passed had anomalies of a class that is tolerated for its strategy."""
    verdict = next((one for one in result.criteria if one.name == "validator_verdict"), None)
    return verdict is not None and verdict.measured != "pass" and verdict.passed


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

"""A sequence that is kept in a file: a few steps as JSON, to be carried out again."""

import json
from pathlib import Path

from experiments.errors import ExperimentError
from experiments.fault_campaign.plan import Step


def kept(file: Path, letter: str) -> tuple[Step, ...]:
    """The steps in a file: a list of them, or an object that has them as `steps`, and may say its `strategy`. letter:
    of the strategy that they are to be carried out for. Raises ExperimentError.
    """
    try:
        content = json.loads(file.read_text())
        steps = tuple(Step.of(one) for one in (content["steps"] if isinstance(content, dict) else content))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExperimentError(f"{file} has no steps: {error}") from error
    own = content.get("strategy", letter) if isinstance(content, dict) else letter
    if own != letter:
        raise ExperimentError(f"{file} is a sequence of strategy {own}, and {letter} was asked for")
    if not steps:
        raise ExperimentError(f"{file} has no steps: its list is empty")
    return steps

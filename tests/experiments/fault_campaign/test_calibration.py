"""A validator that does not see a class judges nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments import verdict
from experiments.errors import PreconditionError
from experiments.fault_campaign.calibration import WRONG, calibrate
from experiments.measurements import Verdict
from tools.validator import anomalies


def test_the_validator_sees_it_all(tmp_path: Path) -> None:
    calibrate(tmp_path)


@pytest.mark.parametrize("blind", sorted(WRONG))
def test_one_without_a_class_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blind: str) -> None:
    real: Callable[..., Verdict] = verdict.validate

    def without(*arguments: object, **more: object) -> Verdict:
        found = real(*arguments, **more)
        return replace(found, anomalies={**found.anomalies, blind: 0})

    monkeypatch.setattr(verdict, "validate", without)
    with pytest.raises(PreconditionError, match=f"{blind}: 1 in the logs, 0 counted"):
        calibrate(tmp_path)


def test_a_validator_without_dual_active_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very function, as somebody might lose it."""
    real = anomalies.dual_active
    monkeypatch.setattr(anomalies, "dual_active", lambda *some, **more: real(*some, **more).clear())
    with pytest.raises(PreconditionError, match="dual_active"):
        calibrate(tmp_path)

"""Who takes faults, and what becomes of those that do not take them."""

from collections.abc import Sequence

import pytest

from experiments import faults
from experiments.kubectl import CommandError
from experiments.scenarios import SCENARIOS


def test_consumers_take_faults_and_connectors_do_not() -> None:
    for letter in ("b", "c"):
        assert faults.enabled(letter) == {"blue": {"faults": {}}, "green": {"faults": {}}}
    assert faults.enabled("e") == {}


def test_a_scenario_that_injects_faults_has_both_colours_configured_for_it() -> None:
    configured = SCENARIOS["5"].configured("c")
    assert configured == {"blue": {"faults": {}}, "green": {"faults": {}}, "analysis": configured["analysis"]}
    assert SCENARIOS["1"].configured("c") == SCENARIOS["1"].configuration


def answering(monkeypatch: pytest.MonkeyPatch, error: CommandError | None = None) -> list[tuple[str, str]]:
    """Whose faults are changed, each with how."""
    asked: list[tuple[str, str]] = []

    def output_of(_namespace: str, pod: str, _container: str, command: Sequence[str], **_: object) -> bytes:
        asked.append((pod, command[-1]))
        if error is not None:
            raise error
        return b""

    monkeypatch.setattr(faults, "output_of", output_of)
    return asked


def test_every_pod_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch)
    faults.put("ns", "consumer", ["blue-0", "blue-1"], {"failure_rate": 0.5})
    assert sorted(asked) == [("blue-0", '{"failure_rate": 0.5}'), ("blue-1", '{"failure_rate": 0.5}')]


def test_who_does_not_take_them_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, CommandError(["kubectl"], "403: fault injection is not enabled here", 1))
    with pytest.raises(faults.FaultError, match=r"blue-0 did not take .*failure_rate.*: 403"):
        faults.put("ns", "consumer", ["blue-0"], {"failure_rate": 0.5})

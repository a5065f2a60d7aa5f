"""Who takes faults, and what becomes of those that do not take them."""

import subprocess
from typing import Any

import pytest

from experiments import faults
from experiments.scenarios import SCENARIOS


def test_consumers_take_faults_and_connectors_do_not() -> None:
    for letter in ("b", "c"):
        assert faults.enabled(letter) == {"blue": {"faults": {}}, "green": {"faults": {}}}
    assert faults.enabled("e") == {}


def test_a_scenario_that_injects_faults_has_both_colours_configured_for_it() -> None:
    configured = SCENARIOS["5"].configured("c")
    assert configured == {"blue": {"faults": {}}, "green": {"faults": {}}, "analysis": configured["analysis"]}
    assert SCENARIOS["1"].configured("c") == SCENARIOS["1"].configuration


def answering(monkeypatch: pytest.MonkeyPatch, code: int, said: str) -> list[list[str]]:
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, code, "", said)

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_every_pod_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, 0, "")
    faults.put("ns", "consumer", ["blue-0", "blue-1"], {"failure_rate": 0.5})
    assert sorted(command[4] for command in asked) == ["blue-0", "blue-1"]
    assert {command[-1] for command in asked} == {'{"failure_rate": 0.5}'}


def test_who_does_not_take_them_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 1, "403: fault injection is not enabled here")
    with pytest.raises(faults.FaultError, match=r"blue-0 did not take .*failure_rate.*: 403"):
        faults.put("ns", "consumer", ["blue-0"], {"failure_rate": 0.5})

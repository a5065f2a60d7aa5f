"""The history of a stack's switches, as it is shown."""

import json
from typing import Any

import pytest

from experiments import cli, past_switches
from experiments.cluster import ClusterError
from experiments.errors import ExperimentError
from experiments.past_switches import Past, live_switch, past_of, shown, times

GOOD = {
    "generation": 7,
    "from": "blue",
    "to": "green",
    "fromVersion": "1.0",
    "toVersion": "2.0",
    "askedBy": "pulumi-kubernetes",
    "epoch": 12,
    "outcome": "Switched",
    "reason": "",
    "startedAt": "2026-11-28T10:00:00.000000Z",
    "activeAt": "2026-11-28T10:00:00.250000Z",
    "endedAt": "2026-11-28T10:00:00.260000Z",
    "handoffSeconds": 0.05,
}
BAD = {
    "generation": 6,
    "from": "blue",
    "to": "green",
    "outcome": "RolledBack",
    "reason": "ResumeTimeout: " + "x" * 200,
    "startedAt": "2026-11-28T09:00:00.000000Z",
}


class Api:
    """Answers with one object, or not."""

    def __init__(self, found: dict[str, Any] | None) -> None:
        self.found = found
        self.asked: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if self.found is None:
            raise ClusterError("GET: 404", 404)
        return self.found


def test_the_table_has_each_switch_and_the_times_of_those_that_switched() -> None:
    text = shown(past_of({"status": {"history": [GOOD, {**GOOD, "generation": 5, "handoffSeconds": 0.07}, BAD]}}))
    first, last = text.splitlines()[2], text.splitlines()[4]
    assert first.split("  ")[0] == "2026-11-28 10:00:00"
    assert all(word in first for word in ("blue-green", "1.0 -> 2.0", "Switched", "0.050", "0.250", "pulumi-kub"))
    assert all(word in last for word in ("RolledBack", "? -> ?", "ResumeTimeout", "…"))
    assert times(past_of({"status": {"history": [GOOD, BAD]}})) == (
        "1 of 2 switched; hand-off median 0.050 s, worst 0.050 s; switch median 0.250 s, worst 0.250 s"
    )


def test_an_object_without_a_history_is_told_as_such() -> None:
    assert past_of({}) == []
    assert shown([]) == "no switch has ended since this object was made"


def test_what_is_not_of_the_contract_is_refused_by_its_text() -> None:
    with pytest.raises(ValueError, match=r"status.history is not of the contract .*'generation'"):
        Past.of({"outcome": "Switched"})


def test_a_stack_that_is_not_deployed_is_named_with_what_to_do() -> None:
    api: Any = Api(None)
    with pytest.raises(ExperimentError, match="strategy-c/consumer in the cluster; deploy the stack: pulumi up"):
        live_switch(api, "strategy-c")


def test_the_command_prints_a_table_or_what_the_object_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api = Api({"status": {"history": [GOOD]}})
    monkeypatch.setattr(past_switches, "Cluster", lambda: api)
    assert cli.main(["history", "-s", "strategy-c"]) == 0
    assert "blue-green" in capsys.readouterr().out
    assert cli.main(["history", "-s", "strategy-c", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [GOOD]
    assert api.asked[0].endswith("/namespaces/strategy-c/kafkaconsumerswitches/consumer")

"""What is written by hand is what kubectl is told to write."""

import json
import os
from pathlib import Path

import pytest

from components.strategies.parts import STATEFUL_SET
from experiments import by_hand
from experiments.by_hand import ByHandError

#: By it the guard knows the run's own writes. With another beginning Pulumi's provider would not take them over.
OURS = "--field-manager=kubectl-kafka-bluegreen-experiments"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl that is first on PATH, and the file that it writes its arguments into."""
    program, file = tmp_path / "bin" / "kubectl", tmp_path / "told"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@" > "$TOLD"\n[ -z "$REFUSE" ] || { echo "$REFUSE" >&2; exit 1; }\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(file))
    return file


def test_another_colour_is_asked_for_on_the_live_object(told: Path) -> None:
    by_hand.activate("strategy-x", "green")
    *command, change = told.read_text().splitlines()
    what = "kafkaconsumerswitches.kafka-bluegreen.io/consumer"
    assert command == ["patch", "-n", "strategy-x", what, OURS, "--type", "merge", "-p"]
    assert json.loads(change) == {"spec": {"active": "green"}}


def test_a_set_is_restarted_by_its_own_rolling_update(told: Path) -> None:
    by_hand.restart("strategy-x", STATEFUL_SET.named("consumer-blue"))
    assert told.read_text().splitlines() == [
        "rollout",
        "restart",
        "-n",
        "strategy-x",
        "statefulsets.apps/consumer-blue",
        OURS,
    ]


def test_a_set_is_scaled_on_the_object_itself_and_not_by_its_subresource(told: Path) -> None:
    by_hand.scale("strategy-x", STATEFUL_SET.named("consumer-blue"), 2)
    *command, change = told.read_text().splitlines()
    assert command[1:4] == ["-n", "strategy-x", "statefulsets.apps/consumer-blue"]
    assert json.loads(change) == {"spec": {"replicas": 2}}


def test_a_connector_is_asked_for_a_state_by_its_resource(told: Path) -> None:
    by_hand.ask_for_state("strategy-x", "kafkaconnectors.kafka.strimzi.io/blue", "paused")
    assert json.loads(told.read_text().splitlines()[-1]) == {"spec": {"state": "paused"}}
    by_hand.touch("strategy-x", "kafkaconnectors.kafka.strimzi.io/blue", "a/b", "1")
    assert json.loads(told.read_text().splitlines()[-1]) == {"metadata": {"annotations": {"a/b": "1"}}}


def test_what_kubectl_says_is_told(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUSE", "Error from server (Forbidden)")
    with pytest.raises(ByHandError, match=r"kubectl patch -n strategy-x .*Forbidden"):
        by_hand.activate("strategy-x", "green")
    monkeypatch.setenv("PATH", str(told.parent))
    with pytest.raises(ByHandError, match="kubectl"):
        by_hand.activate("strategy-x", "green")

"""A member's own faults are put off again, also where it did not say that it has them."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import faults
from experiments.fault_campaign import application
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Scene
from experiments.faults import Fault, FaultError

LAB: Any = SimpleNamespace(namespace="ns", parts=PARTS, whole={"blue": 2, "green": 2}, pod=PARTS.at_work.pod)
SCENE = Scene(LAB, "kafka:9092", "blue", "green")


class Members:
    """They do not answer the first `silent` times, and take what they are told all the same."""

    def __init__(self, silent: int = 0) -> None:
        self.silent = silent
        self.has: dict[str, dict[str, Fault]] = {}

    def put(self, _namespace: str, _container: str, pods: Sequence[str], values: Mapping[str, Fault]) -> None:
        for pod in pods:
            self.has.setdefault(pod, {}).update(values)
        if self.silent:
            self.silent -= 1
            raise FaultError("timed out")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "_RETRY_SECONDS", 0.0)


@pytest.mark.parametrize("way", sorted(application.INJECT))
def test_it_is_there_within_the_block(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    members = Members()
    monkeypatch.setattr(faults, "put", members.put)
    with application.INJECT[way](SCENE, Injection(way, "new", 1, 2.0, 0.0)) as pod:
        assert pod == "consumer-green-1"
        assert any(members.has[pod].values())
    assert not any(members.has[pod].values())


def test_who_does_not_answer_may_have_taken_it_and_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    members = Members(silent=3)
    monkeypatch.setattr(faults, "put", members.put)
    injected = application.INJECT["slow-commit"](SCENE, Injection("slow-commit", "old", 0, 2.0, 0.0))
    with pytest.raises(FaultError):
        injected.__enter__()
    assert members.has == {"consumer-blue-0": {"commit_delay_ms": 0}}

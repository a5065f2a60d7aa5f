"""A colour that falls behind: how it is made slow, and that it is quick again whatever happens."""

import contextlib
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from components.settings import StackName, strategy_settings
from components.strategies.base import strategy
from components.strategies.consumers import PARTS
from experiments import backlog, faults
from experiments.errors import DeadlineError, ExperimentError
from tests.support.noted import NotedLab


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Sequence[str], float]]:
    done: list[tuple[Sequence[str], float]] = []

    def noted(_: str, container: str, pods: Sequence[str], wanted: dict[str, float]) -> None:
        assert container == "consumer"
        done.append((pods, wanted["processing_delay_ms"]))

    monkeypatch.setattr(faults, "put", noted)
    return done


def lab(*totals: int | ExperimentError) -> Any:
    made: Any = NotedLab(PARTS, replicas=2, rate=100)
    samples = iter(totals)

    def sample() -> Any:
        found = next(samples)
        if isinstance(found, ExperimentError):
            raise found
        return SimpleNamespace(total=found)

    made.lag = SimpleNamespace(sample=sample)
    return made


def test_consumers_take_longer_until_they_are_far_enough_behind(put: list[Any]) -> None:
    pods = ["consumer-blue-0", "consumer-blue-1"]
    with backlog.behind(lab(10, ExperimentError("no answer"), 501), 500) as release:
        assert put == [(pods, 80.0)]  # two pods handle 25 a second, of 100
        release()
        assert put == [(pods, 80.0), (pods, 0.0)]
    assert len(put) == 2


def test_they_are_quick_again_when_what_was_tried_failed(put: list[Any]) -> None:
    with pytest.raises(ZeroDivisionError), backlog.behind(lab(501), 500):
        raise ZeroDivisionError
    assert put[-1][1] == 0.0


def test_who_does_not_fall_behind_is_no_subject(put: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_BEHIND_SECONDS", 0.0)
    with pytest.raises(DeadlineError, match="the lag to be more than 500 records"), backlog.behind(lab(), 500):
        pass
    assert put[-1][1] == 0.0


def test_workers_that_take_no_faults_are_frozen() -> None:
    settings = strategy_settings({"strategy": "e"}, "strategy-e")
    made = lab(501)
    made.parts = strategy("e").parts(settings, StackName("strategy-e"))

    @contextlib.contextmanager
    def frozen(pod: str, program: object) -> Iterator[None]:
        made.did.append(f"freeze {pod}")
        yield
        made.did.append(f"thaw {pod}")

    made.disturbance.processes = SimpleNamespace(frozen=frozen)
    names = [made.parts.at_work.pod("blue", number) for number in range(2)]
    with backlog.behind(made, 500):
        assert made.did == [f"freeze {name}" for name in names]
    assert sorted(made.did[2:]) == sorted(f"thaw {name}" for name in names)

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments.cluster import Cluster
from experiments.errors import DeadlineError, ExperimentError
from experiments.lag import EndOffsets, Lag
from experiments.positions import OfMembers
from tests.experiments.test_cluster import PODS, listed, pod
from tests.support.fake_api import FakeApi
from tests.support.loopback import Answer


class Ends:
    """End offsets as a test sets them."""

    def __init__(self, *ends: dict[int, int]) -> None:
        self.answers = list(ends)

    def read(self) -> dict[int, int]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def consumer(name: str, color: str, *, ready: bool = True) -> dict[str, Any]:
    raw = pod(name, ready=ready)
    raw["metadata"]["labels"]["kafka-bluegreen.io/color"] = color
    return raw


def lag(
    api: FakeApi,
    cluster: Cluster,
    members: dict[str, tuple[str, Any]],
    *ends: dict[int, int],
    clock: Callable[[], float] = lambda: 0.0,
) -> Lag:
    """members: name -> (colour, positions); positions None: the pod does not answer."""
    api.answers["GET", PODS] = (200, listed(*(consumer(name, color) for name, (color, _) in members.items())))
    for name, (_, positions) in members.items():
        if positions is not None:
            api.answers["GET", f"{PODS}/{name}:8080/proxy/progress"] = (200, {"positions": positions, "boot_id": "x"})
    source = OfMembers(cluster, "strategy-c", PARTS.members)
    return Lag(source, Ends(*ends), 2, clock=clock)  # type: ignore[arg-type]


def test_a_sample_that_took_too_long_is_refused(api: FakeApi, cluster: Cluster) -> None:
    read = iter([0.0, 0.5, 1.0, 1.6])
    found = lag(api, cluster, {"a": ("blue", {"0": 7, "1": 10})}, {0: 10, 1: 10}, clock=lambda: next(read))
    assert found.sample().total == 3
    with pytest.raises(ExperimentError, match=r"took 0\.6 s: the flow went on"):
        found.sample()


def test_lag_is_end_minus_position(api: FakeApi, cluster: Cluster) -> None:
    found = lag(api, cluster, {"a": ("blue", {"0": 7}), "b": ("blue", {"1": 10}), "c": ("green", {})}, {0: 10, 1: 10})
    assert found.behind({0: 10, 1: 10}) == {0: 3}
    sample = found.sample()
    assert (sample.total, sample.worst_partition) == (3, 3)


def test_a_colour_that_stands_by_owns_nothing(api: FakeApi, cluster: Cluster) -> None:
    members: dict[str, tuple[str, Any]] = {"a": ("blue", {"0": 7, "1": 9}), "b": ("green", {})}
    found = lag(api, cluster, members, {0: 10, 1: 10})
    assert len(found.members()[0]) == 2
    assert found.owners() == {"blue"}


def test_a_position_beyond_the_end_that_was_read_is_no_lag(api: FakeApi, cluster: Cluster) -> None:
    found = lag(api, cluster, {"a": ("blue", {"0": 12, "1": 12})}, {0: 10, 1: 10})
    assert found.behind({0: 10, 1: 10}) == {}
    assert found.sample().total == 0


def test_while_nobody_owns_a_partition_its_last_position_counts(api: FakeApi, cluster: Cluster) -> None:
    members: dict[str, tuple[str, Any]] = {"a": ("blue", {"0": 10, "1": 10})}
    found = lag(api, cluster, members, {0: 10, 1: 10}, {0: 15, 1: 12})
    assert found.sample().total == 0
    api.answers["GET", f"{PODS}/a:8080/proxy/progress"] = (200, {"positions": {}})
    assert found.sample().total == 7


def test_a_consumer_that_does_not_answer_is_no_lag(api: FakeApi, cluster: Cluster) -> None:
    members: dict[str, tuple[str, Any]] = {"a": ("blue", {"0": 10}), "b": ("blue", {"1": 10}), "c": ("green", None)}
    found = lag(api, cluster, members, {0: 10, 1: 10}, {0: 10, 1: 900})
    assert found.sample().total == 0  # c, which is starting, owns nothing: both partitions are reported
    del api.answers["GET", f"{PODS}/b:8080/proxy/progress"]
    with pytest.raises(ExperimentError, match="no answer from b, c"):
        found.sample()


@pytest.mark.parametrize(
    ("members", "color", "expected"),
    [
        ({"a": ("blue", {"0": 10})}, None, {1: None}),  # nobody owns 1
        ({"a": ("blue", {"0": 10, "1": None})}, None, {1: None}),  # owned, and has no position yet
        ({"a": ("blue", {"0": 10, "1": 10})}, "green", {0: None, 1: None}),  # the other colour's does not count
        ({"a": ("blue", {"0": 10, "1": 10}), "b": ("green", {"0": 9, "1": 10})}, "green", {0: 1}),
        ({"a": ("blue", {"0": 10}), "b": ("blue", None)}, None, {1: None}),  # a pod that does not answer
        ({}, None, {0: None, 1: None}),
    ],
)
def test_who_is_behind(api: FakeApi, cluster: Cluster, members: Any, color: str | None, expected: Any) -> None:
    assert lag(api, cluster, members, {0: 0}).behind({0: 10, 1: 10}, color) == expected


def test_an_empty_partition_needs_no_position(api: FakeApi, cluster: Cluster) -> None:
    assert lag(api, cluster, {}, {0: 0}).behind({0: 0, 1: 0}) == {}


def test_caught_up_is_measured_against_the_ends_read_before(api: FakeApi, cluster: Cluster) -> None:
    # The flow goes on: the ends move away while the position follows. It has caught up all the same.
    found = lag(api, cluster, {}, {0: 10}, {0: 1000})
    positions = iter([4, 9, 10])
    api.answers["GET", PODS] = (200, listed(consumer("a", "blue")))
    api.answers["GET", f"{PODS}/a:8080/proxy/progress"] = lambda _: (200, {"positions": {"0": next(positions)}})
    assert found.wait_caught_up(10, "blue") < 5
    assert list(positions) == []


def test_a_consumer_that_does_not_catch_up_is_named_by_its_partitions(api: FakeApi, cluster: Cluster) -> None:
    found = lag(api, cluster, {"a": ("blue", {"0": 7})}, {0: 10, 1: 10})
    with pytest.raises(DeadlineError, match=r"blue to have caught up; last seen: partitions 0: 3 behind, 1: nobody"):
        found.wait_caught_up(0.3, "blue")


def test_a_broker_that_does_not_know_its_leaders_yet_is_asked_again(api: FakeApi, cluster: Cluster) -> None:
    found = lag(api, cluster, {"a": ("blue", {"0": 10})}, {0: 10})
    answers: list[Any] = [ExperimentError("No leaders found"), {0: 10}]

    def read() -> dict[int, int]:
        answer = answers.pop(0)
        if isinstance(answer, ExperimentError):
            raise answer
        return answer  # type: ignore[no-any-return]

    found._ends.read = read  # type: ignore[method-assign]
    assert found.wait_caught_up(10, "blue") < 10
    answers += [ExperimentError("No leaders found")] * 20
    with pytest.raises(DeadlineError, match="the ends of the partitions; last seen: No leaders found"):
        found.wait_caught_up(0.3, "blue")


def test_sampling_goes_on_when_a_sample_fails(api: FakeApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.lag._PERIOD_SECONDS", 0.01)
    found = lag(api, cluster, {"a": ("blue", {"0": 7})}, {0: 10})
    pods: Answer = (200, listed(consumer("a", "blue")))
    answers: Iterator[Answer] = iter([(500, {}), (500, {})])
    api.answers["GET", PODS] = lambda _: next(answers, pods)
    found.start()
    deadline = time.monotonic() + 10
    while len(found.samples) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    found.stop()
    assert found.failures == 2
    assert {sample.total for sample in found.samples} == {3}
    taken = len(found.samples)
    time.sleep(0.05)
    assert len(found.samples) == taken


PROBE = """#!/usr/bin/env python3
import json, sys
for line in sys.stdin:
    {body}
"""


def probe(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> EndOffsets:
    program = folder / "kubectl"
    program.write_text(PROBE.format(body=body))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return EndOffsets("ns", "producer-0", "producer", bootstrap="kafka:9092", topic="t", partitions=2)


def test_end_offsets_are_read_as_often_as_asked_by_one_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.dumps({"t": 1.0, "ends": {"0": 5, "1": 7}})
    ends = probe(tmp_path, monkeypatch, f"print({answer!r}, flush=True)")
    assert ends.read() == ends.read() == {0: 5, 1: 7}
    ends.close()
    assert ends.read() == {0: 5, 1: 7}  # begun anew
    ends.close()


def test_the_brokers_refusal_and_the_programs_end_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = probe(
        tmp_path,
        monkeypatch,
        """print('{{"t": 1, "error": "no broker"}}', flush=True)""".replace("{{", "{").replace("}}", "}"),
    )
    with pytest.raises(ExperimentError, match="no broker"):
        ends.read()
    ends.close()
    ends = probe(tmp_path, monkeypatch, "sys.exit(1)")
    with pytest.raises(ExperimentError, match="ended"):
        ends.read()
    ends.close()


def test_a_program_that_is_silent_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.probe._ANSWER_SECONDS", 0.2)
    ends = probe(tmp_path, monkeypatch, "import time; time.sleep(60)")
    begun = time.monotonic()
    with pytest.raises(ExperimentError, match="is silent"):
        ends.read()
    assert time.monotonic() - begun < 20
    ends.close()


def test_the_processes_that_handled_records_are_known(api: FakeApi, cluster: Cluster) -> None:
    found = lag(api, cluster, {"a": ("blue", {"0": 7, "1": 7}), "b": ("blue", {})}, {0: 10, 1: 10})

    def says(name: str, boot_id: str, handled: int) -> None:
        body = {"positions": {"0": 7, "1": 7}, "boot_id": boot_id, "handled": handled}
        api.answers["GET", f"{PODS}/{name}:8080/proxy/progress"] = (200, body)

    says("a", "1", 500)
    says("b", "1", 90)
    found.sample()
    assert found.worked == []  # that was before
    says("a", "1", 501)
    found.sample()
    says("a", "2", 0)
    found.sample()
    says("b", "2", 4)
    found.sample()
    assert found.worked == ["a.1", "b.2"]

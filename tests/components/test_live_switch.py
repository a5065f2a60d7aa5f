"""Invariant 6: an `up` is good only if the live object says that the colour asked for is active."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from components import live_reader
from components.cluster.client import ApiError
from components.live_switch import Expectation, SwitchError, judge, require, require_ready

EXPECTED = Expectation(namespace="strategy-c", name="consumer", active="green", attempt=1, timeout_seconds=30)
COLORS = {color: {"selector": {"kafka-bluegreen.io/color": color}} for color in ("blue", "green")}
NOW = {"status": "True", "reason": "Switched", "message": ""}
NOT_OWNED = {"status": "False", "reason": "NotOwned", "message": "partitions 3 and 7 have no owner"}


def switch(
    active: str = "green",
    *,
    wanted: str = "green",
    attempt: int = 1,
    generation: int = 4,
    settled: str = "True",
    observed: int | None = 4,
    reason: str = "Switched",
    message: str = "",
    now: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """now: what its Ready condition says otherwise than that all is well."""
    condition = {"type": "Settled", "status": settled, "reason": reason, "message": message}
    if observed is not None:
        condition |= {"observedGeneration": observed}  # type: ignore[dict-item]
    ready = {"type": "Ready", "observedGeneration": generation, **NOW, **(now or {})}
    return {
        "metadata": {"generation": generation, "resourceVersion": "7"},
        "spec": {"active": wanted, "attempt": attempt, **COLORS},
        "status": {"active": active, "phase": "Ready", "conditions": [ready, condition]},
    }


def test_the_colour_asked_for_is_active() -> None:
    judgement = judge(switch(), EXPECTED)
    assert (judgement.pending, judgement.problem) == (None, None)


@pytest.mark.parametrize(
    "state",
    [
        switch(settled="False"),
        switch(observed=3),
        switch(observed=None),
        switch(active="", reason="Switched"),
        {"metadata": {"generation": 1}, "spec": {"active": "green", "attempt": 1, **COLORS}},
        {"metadata": {"generation": 1}, "spec": {"active": "green", **COLORS}, "status": {"active": "green"}},
    ],
    ids=["in progress", "of an older generation", "of no generation", "nobody yet", "no status", "no conditions"],
)
def test_what_has_not_ended_is_neither_good_nor_bad(state: Mapping[str, Any]) -> None:
    judgement = judge(state, EXPECTED)
    assert judgement.pending
    assert judgement.problem is None


@pytest.mark.parametrize(
    ("active", "reason", "message"),
    [
        ("blue", "Failed", "DrainTimeout: not PAUSED within 10 s: consumer-blue-1 (DRAINING)"),
        ("blue", "Refused", "ReplicaMismatch: 3 and 2"),
        ("blue", "RolledBack", "ResumeTimeout: consumer-green-0"),
        ("green", "RollbackBlocked", "consumer-green-2 does not answer"),
        ("", "Refused", "NotReady: consumer-green-0"),
        ("blue", "Switched", "says one thing and is another"),
    ],
)
def test_a_failed_switch_is_told_with_the_controllers_reason(active: str, reason: str, message: str) -> None:
    problem = judge(switch(active=active, reason=reason, message=message), EXPECTED).problem
    assert problem is not None
    assert f"{reason}: {message}" in problem
    assert f"{active or 'nobody'} is active" in problem
    assert "KafkaConsumerSwitch strategy-c/consumer" in problem
    again = "pulumi config set kafka-bluegreen:attempt 2 -s strategy-c && pulumi up -s strategy-c"
    assert (again in problem) == (reason != "RollbackBlocked")
    stay = "pulumi config set kafka-bluegreen:active blue -s strategy-c && pulumi up -s strategy-c"
    assert (stay in problem) == (active == "blue")


@pytest.mark.parametrize("state", [switch(wanted="blue", active="blue"), switch(attempt=2)])
def test_a_switch_that_somebody_else_changed_is_a_problem(state: Mapping[str, Any]) -> None:
    problem = judge(state, EXPECTED).problem
    assert problem is not None
    assert "changed outside of Pulumi" in problem
    assert problem.endswith("pulumi up --refresh -s strategy-c")


def test_a_switch_that_ended_well_is_waited_for_until_it_is_ready() -> None:
    """Settled says how it ended, Ready what is: a partition without an owner is no good end of an `up`."""
    assert judge(switch(now=NOT_OWNED), EXPECTED).unready == "NotOwned: partitions 3 and 7 have no owner"
    assert judge(switch(now={"observedGeneration": "3"}), EXPECTED).unready
    ready = switch()
    assert require_ready(EXPECTED, switch(now=NOT_OWNED), iter([switch(now=NOT_OWNED), ready])) is ready


def test_one_that_is_to_rest_is_well_when_it_rests() -> None:
    rests = {"status": "False", "reason": "Paused", "message": "it was asked to"}
    resting = replace(EXPECTED, rests=True)
    assert judge(switch(now=rests), resting).unready is None
    assert judge(switch(now=rests), EXPECTED).unready == "Paused: it was asked to"
    assert judge(switch(), resting).unready, "it is at work, and not to be"
    assert judge(switch(now={**rests, "observedGeneration": "3"}), resting).unready


def test_one_that_is_ready_is_not_read_again() -> None:
    def states() -> Iterator[Mapping[str, Any]]:
        pytest.fail("read although it was Ready")
        yield {}

    settled = switch()
    assert require_ready(EXPECTED, settled, states()) is settled


def test_one_that_does_not_get_ready_is_a_problem_with_what_stands_against_it() -> None:
    with pytest.raises(SwitchError) as failed:
        require_ready(EXPECTED, switch(now=NOT_OWNED), iter([switch(now=NOT_OWNED)]))
    said = str(failed.value)
    assert "green is active, but not Ready within 30 s. NotOwned: partitions 3 and 7 have no owner" in said
    assert said.endswith("kubectl -n strategy-c get pods -l kafka-bluegreen.io/color=green")
    assert failed.value.switch == switch(now=NOT_OWNED)


def test_one_that_goes_wrong_while_it_is_waited_for_is_a_problem() -> None:
    with pytest.raises(SwitchError, match=r"blue is active, not green\. Failed"):
        require_ready(EXPECTED, switch(now=NOT_OWNED), iter([switch(active="blue", reason="Failed")]))


def test_waiting_ends_with_the_first_decided_state() -> None:
    def states() -> Iterator[Mapping[str, Any]]:
        yield switch(active="blue", settled="False")
        yield switch(active="", settled="False")
        yield switch()
        pytest.fail("read on after it was decided")

    assert require(EXPECTED, states()) == switch()


def test_time_that_runs_out_says_what_was_waited_for() -> None:
    with pytest.raises(SwitchError, match=r"generation 4 has not settled \(phase Ready, active: blue\) after 30 s"):
        require(EXPECTED, iter([switch(active="blue", settled="False")]))


def test_a_deleted_switch_is_a_problem() -> None:
    with pytest.raises(SwitchError, match="does not exist"):
        require(EXPECTED, iter([switch(settled="False"), None]))


class Api:
    """Stands for a `KubernetesApi`: answers to GET in turn, the last one again and again; a watch yields `changes`."""

    PATH = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/strategy-c/kafkaconsumerswitches"

    def __init__(self, *answers: dict[str, Any] | Exception, changes: list[dict[str, Any]] | None = None) -> None:
        self.answers = list(answers)
        self.changes = changes or []
        self.asked = 0

    def get(self, path: str) -> dict[str, Any]:
        assert path == f"{self.PATH}/consumer"
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def watch(
        self, path: str, *, query: list[tuple[str, str]], resource_version: str, seconds: float
    ) -> Iterator[dict[str, Any]]:
        assert (path, query) == (self.PATH, [("fieldSelector", "metadata.name=consumer")])
        assert resource_version == "7"
        assert seconds > 0
        while self.changes:
            yield self.changes.pop(0)


class Clock:
    """Counts a second for each look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    own = SimpleNamespace(sleep=lambda _: None, monotonic=time.monotonic)  # other threads of this process keep theirs
    monkeypatch.setattr("components.live_reader.time", own)


def test_the_reader_follows_the_object() -> None:
    changes = [
        {"type": "MODIFIED", "object": switch(active="", settled="False")},
        {"type": "MODIFIED", "object": switch()},
    ]
    api = Api(switch(active="blue", settled="False"), changes=changes)
    require(EXPECTED, live_reader.states(api, EXPECTED, 30, Clock()))
    assert api.changes == []


def test_the_reader_sees_a_deletion() -> None:
    deletion = {"type": "DELETED", "object": switch(settled="False")}
    with pytest.raises(SwitchError, match="does not exist"):
        require(EXPECTED, live_reader.states(Api(switch(settled="False"), changes=[deletion]), EXPECTED, 30, Clock()))
    with pytest.raises(SwitchError, match="does not exist"):
        require(EXPECTED, live_reader.states(Api(ApiError("not there", 404)), EXPECTED, 30, Clock()))


def test_the_reader_has_a_deadline() -> None:
    api = Api(switch(settled="False"))
    with pytest.raises(SwitchError, match="after 30 s"):
        require(EXPECTED, live_reader.states(api, EXPECTED, 30, Clock()))
    assert 1 < api.asked <= 30


def test_the_reader_bears_a_restart_of_the_api_server() -> None:
    errors = [ApiError("passes", status) for status in (None, 503, 410, 429)]
    api = Api(*errors, switch())
    require(EXPECTED, live_reader.states(api, EXPECTED, 30, Clock()))
    assert api.asked == 5


def test_the_reader_reads_anew_when_its_watch_is_too_old() -> None:
    too_old = {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}
    api = Api(switch(settled="False"), switch(), changes=[too_old])
    require(EXPECTED, live_reader.states(api, EXPECTED, 30, Clock()))
    assert api.asked == 2


def test_the_reader_does_not_wait_for_ever_for_the_api_server() -> None:
    long = Expectation("strategy-c", "consumer", "green", 1, timeout_seconds=600)
    with pytest.raises(SwitchError, match="has not answered for 30 s"):
        require(long, live_reader.states(Api(ApiError("away", 500)), long, 600, Clock()))


def test_the_reader_says_when_it_may_not_read() -> None:
    refused = ApiError("GET /apis: 403 Forbidden: who are you", 403)
    with pytest.raises(SwitchError, match="cannot be read: GET /apis: 403 Forbidden"):
        require(EXPECTED, live_reader.states(Api(refused), EXPECTED, 30, Clock()))

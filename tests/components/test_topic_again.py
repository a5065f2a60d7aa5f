"""When the topic's Job is run once more, and what of it is."""

from typing import Any

import pytest

from components.cluster.access import ClusterAccess
from components.cluster.errors import ApiError
from components.live_switch import Expectation, SwitchError
from components.topic_again import again, may_be_missing, run_again

EXPECTED = Expectation("strategy-c", "consumer", "blue", 1, timeout_seconds=30)
JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "topic", "labels": {"app.kubernetes.io/name": "topic"}, "uid": "1"},
    "spec": {
        "backoffLimit": 3,
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "1"}},
        "template": {
            "metadata": {"labels": {"app.kubernetes.io/name": "topic", "job-name": "topic", "controller-uid": "1"}},
            "spec": {"containers": [{"name": "topic", "image": "i"}]},
        },
    },
    "status": {"conditions": [{"type": "Complete", "status": "True"}]},
}


def switch(ready: str = "False", reason: str = "Switched", observed: int = 4) -> dict[str, Any]:
    settled = {"type": "Settled", "status": "True", "reason": reason, "observedGeneration": observed}
    return {
        "metadata": {"generation": 4},
        "status": {"conditions": [settled, {"type": "Ready", "status": ready, "reason": "NotOwned"}]},
    }


class Api:
    """Answers what `run_again` asks; the new Job's status comes with the second look."""

    def __init__(self, live: dict[str, Any], ends: str = "Complete") -> None:
        self.live, self.ends = live, ends
        self.made: list[object] = []
        self.looked = 0

    def get(self, path: str) -> dict[str, Any]:
        if path.endswith("/kafkaconsumerswitches/consumer"):
            return self.live
        if path.endswith("/jobs/topic"):
            return JOB
        assert path == "/apis/batch/v1/namespaces/strategy-c/jobs/topic-again-x"
        self.looked += 1
        return {"status": {"conditions": [{"type": self.ends, "status": "True"}]} if self.looked > 1 else {}}

    def post(self, path: str, body: object) -> dict[str, Any]:
        assert path == "/apis/batch/v1/namespaces/strategy-c/jobs"
        self.made.append(body)
        return {"metadata": {"name": "topic-again-x"}}


def test_the_same_work_under_another_name() -> None:
    made = again(JOB)
    assert made["metadata"] == {"generateName": "topic-again-", "labels": {"app.kubernetes.io/name": "topic"}}
    assert "selector" not in made["spec"]
    assert made["spec"]["template"]["metadata"]["labels"] == {"app.kubernetes.io/name": "topic"}
    assert made["spec"]["template"]["spec"] == JOB["spec"]["template"]["spec"]
    assert made["spec"]["ttlSecondsAfterFinished"] > 0
    assert "selector" in JOB["spec"]  # what was read stays as it was


@pytest.mark.parametrize(("ends", "well"), [("Complete", True), ("Failed", False)])
def test_it_is_run_and_waited_for(ends: str, well: bool) -> None:
    api, said = Api(switch(), ends), list[str]()
    assert run_again(api, EXPECTED, said.append, lambda _: None) is well
    assert len(api.made) == 1
    assert "topic-again-x" in said[0]


@pytest.mark.parametrize(
    "live",
    [switch(ready="True"), switch(reason="Failed"), switch(observed=3), {"metadata": {"generation": 4}}],
    ids=["ready", "a switch that failed", "of another generation", "without a status"],
)
def test_a_switch_that_has_another_problem_is_left_alone(live: dict[str, Any]) -> None:
    assert not may_be_missing(live)
    api = Api(live)
    assert not run_again(api, EXPECTED, lambda _: None)
    assert api.made == []


def test_an_api_server_that_refuses_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from components import topic_again

    def refuse(*_: object, **__: object) -> None:
        raise ApiError("403", 403)

    monkeypatch.setattr(topic_again, "KubernetesApi", refuse)
    assert not topic_again.make_again(EXPECTED, ClusterAccess(), lambda _: None)


@pytest.mark.parametrize("made", [True, False], ids=["made again", "not made"])
def test_a_switch_is_checked_once_more_when_the_topic_was_made_again(
    made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components import live_reader, topic_again
    from components.switch import _check

    checks = []

    def check(*_: object) -> None:
        checks.append(1)
        if len(checks) == 1:
            raise SwitchError("blue owns partitions [] of 12")

    monkeypatch.setattr(live_reader, "check", check)
    monkeypatch.setattr(topic_again, "make_again", lambda *_: made)
    if made:
        _check(EXPECTED, ClusterAccess())
    else:
        with pytest.raises(SwitchError, match="owns partitions"):
            _check(EXPECTED, ClusterAccess())
    assert len(checks) == 1 + made

"""Status and events: written off the hand-off path, until they are accepted."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from workloads.common.kube import Access, Kube
from workloads.controller import publisher as module
from workloads.controller.publisher import Publisher

PATH = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/n/kafkaconsumerswitches/consumer"
EVENTS = "/api/v1/namespaces/n/events"


def status(reason: str, *, settled: bool = False, generation: int = 2) -> dict[str, Any]:
    return {
        "observedGeneration": generation,
        "active": "blue",
        "epoch": 2,
        "conditions": [
            {
                "type": "Settled",
                "status": str(settled),
                "reason": reason,
                "message": "",
                "observedGeneration": generation,
            }
        ],
    }


class Desk:
    """A publisher, the switch as it is known here, and what arrived."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.known = self.api.put(
            PATH,
            {
                "apiVersion": "kafka-bluegreen.io/v1alpha1",
                "kind": "KafkaConsumerSwitch",
                "metadata": {"namespace": "n", "uid": "u", "generation": 2},
                "spec": {"active": "green"},
            },
        )
        self.publisher = Publisher(Kube(Access(self.api.url), "test"), PATH, "n", "pod", lambda: self.known)
        self.publisher.thread.start()

    def reasons(self) -> list[str]:
        """The reason of Settled, of each status that arrived."""
        puts = [body for method, path, _, body in self.api.requests if method == "PUT" and path == f"{PATH}/status"]
        return [body["status"]["conditions"][0]["reason"] for body in puts]

    def told(self) -> list[str]:
        """The reasons of the events that arrived."""
        return [body["reason"] for method, path, _, body in self.api.requests if method == "POST" and path == EVENTS]

    def current(self) -> dict[str, Any]:
        """The status as it is stored."""
        found: dict[str, Any] = self.api.objects[PATH].get("status", {})
        return found


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.api.close()


def test_phases_wait_and_the_newest_wins_but_the_end_goes_out_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HOLD_SECONDS", 3600.0)
    for reason in ("Pausing", "Resuming"):
        desk.publisher.publish("u", status(reason))
    assert desk.reasons() == []
    desk.publisher.publish("u", status("Switched", settled=True))
    until("it arrived, an hour before a phase is due", desk.reasons)
    time.sleep(0.3)
    assert desk.reasons() == ["Switched"]


def test_a_long_phase_is_shown(desk: Desk) -> None:
    desk.publisher.publish("u", status("WaitingForLag"))
    until("it arrived", lambda: desk.reasons() == ["WaitingForLag"])
    condition = desk.current()["conditions"][0]
    assert condition["lastTransitionTime"].endswith("Z")


def test_the_same_again_is_not_written(desk: Desk) -> None:
    desk.publisher.publish("u", status("Switched", settled=True))
    until("it arrived", desk.reasons)
    desk.known = desk.api.objects[PATH]
    desk.publisher.publish("u", status("Switched", settled=True))
    time.sleep(0.3)
    assert desk.reasons() == ["Switched"]


def test_a_conflict_is_overcome_for_the_same_generation(desk: Desk) -> None:
    desk.api.put(PATH, {**desk.known, "status": {"by": "somebody else"}})  # and the watch has not told yet
    desk.publisher.publish("u", status("Switched", settled=True))
    until("it is stored", lambda: desk.current().get("observedGeneration") == 2)
    assert desk.reasons() == ["Switched", "Switched"]


def test_what_is_true_of_an_older_generation_is_dropped(desk: Desk) -> None:
    newer = {**desk.known, "metadata": {**desk.known["metadata"], "generation": 3}}
    desk.api.put(PATH, newer)
    desk.publisher.publish("u", status("Switched", settled=True))
    time.sleep(0.3)
    assert desk.current() == {}
    desk.known = desk.api.objects[PATH]
    desk.publisher.publish("u", status("Pausing"))  # a late thought about generation 2
    time.sleep(0.3)
    assert desk.current() == {}
    desk.publisher.publish("u", status("Switched", settled=True, generation=3))
    until("it is stored", lambda: desk.current().get("observedGeneration") == 3)


def test_tried_until_accepted(desk: Desk) -> None:
    desk.api.failures = [500, 503]
    desk.publisher.publish("u", status("Switched", settled=True))
    until("it is stored", lambda: desk.current().get("observedGeneration") == 2)
    until("the answer arrived", lambda: desk.publisher.counts.status == 1)
    assert desk.publisher.counts.status_error == 2


def test_a_status_that_somebody_changed_is_restored(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTORE_SECONDS", 0.1)
    desk.publisher.publish("u", status("Switched", settled=True))
    until("it is stored", lambda: desk.current().get("observedGeneration") == 2)
    desk.known = desk.api.put(PATH, {**desk.known, "status": {}})
    desk.publisher.observed(desk.known)
    until("it is stored again", lambda: desk.current().get("observedGeneration") == 2)
    desk.known = desk.api.objects[PATH]
    desk.publisher.observed(desk.known)
    time.sleep(0.3)
    assert len(desk.reasons()) == 2


def test_an_event_waits_until_a_hand_off_is_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HOLD_SECONDS", 1.0)
    began = time.monotonic()
    desk.publisher.note("u", "Pausing", "one", warning=False, at=1.5)
    until("the event arrived", desk.told)
    assert time.monotonic() - began >= 1.0


def test_events_come_after_the_status_and_are_given_up_after_some_tries(desk: Desk) -> None:
    desk.publisher.note("u", "Pausing", "one", warning=False, at=1.5)
    desk.publisher.publish("u", status("Switched", settled=True))
    until("the event arrived", desk.told)
    assert desk.told() == ["Pausing"]
    desk.api.failures = [500] * 3
    desk.publisher.note("u", "Lost", "two", warning=True, at=2.5)
    desk.publisher.note("u", "Kept", "three", warning=True, at=3.5)
    until("the next one arrived", lambda: desk.told()[-1] == "Kept")
    assert desk.told() == ["Pausing", "Lost", "Lost", "Lost", "Kept"]
    event = next(body for method, path, _, body in desk.api.requests if path == EVENTS)
    assert event["involvedObject"]["uid"] == "u"
    assert event["eventTime"] == "1970-01-01T00:00:01.500000Z"
    assert event["type"] == "Normal"


def test_events_of_one_moment_are_listed_in_their_order(desk: Desk) -> None:
    """Kubernetes keeps whole seconds for whoever sorts by them, and lists by name."""
    for reason in ("One", "Two", "Three"):
        desk.publisher.note("u", reason, "x", warning=False, at=1.5)
    desk.publisher.note("u", "Earlier", "told late", warning=False, at=1.25)
    until("all arrived", lambda: len(desk.told()) == 4)
    names = [body["metadata"]["name"] for _, path, _, body in desk.api.requests if path == EVENTS]
    assert names == sorted(names)
    assert len(set(names)) == 4


def test_a_status_is_not_written_on_another_object_of_the_same_name(desk: Desk) -> None:
    """Made again, it is of the same generation; the late thought is about the one that was deleted."""
    made_again = {**desk.known, "metadata": {**desk.known["metadata"], "uid": "another"}}
    desk.known = desk.api.put(PATH, made_again)
    desk.publisher.publish("u", status("Switched", settled=True))
    desk.publisher.observed(desk.known)
    desk.publisher.publish("another", status("Pausing"))
    until("what is true of it is stored", desk.current)
    assert desk.reasons() == ["Pausing"]


def test_a_conflict_with_another_object_is_not_overcome(desk: Desk) -> None:
    """It was made again, and the watch has not told yet."""
    desk.api.put(PATH, {**desk.known, "metadata": {**desk.known["metadata"], "uid": "another"}})
    desk.publisher.publish("u", status("Switched", settled=True))
    until("it was tried", desk.reasons)
    desk.publisher.publish("u", status("Failed", settled=True))
    until("the next was tried", lambda: desk.reasons()[-1] == "Failed")
    assert desk.current() == {}


def test_an_event_is_about_the_object_that_it_was_thought_of(desk: Desk) -> None:
    desk.publisher.note("gone", "Switched", "of the one before", warning=False, at=1.5)
    until("the event arrived", desk.told)
    event = next(body for method, path, _, body in desk.api.requests if path == EVENTS)
    assert event["involvedObject"]["uid"] == "gone"

"""The whole sidecar in this process, between an API server that misbehaves on demand and a stand-in consumer."""

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest

from tests.support.fake_kube import FakeApi
from tests.support.standin import StandIn
from tests.support.waiting import TooLateError, until
from workloads.common.backoff import Backoff
from workloads.common.http import Request, Response
from workloads.common.kube import Access, Kube
from workloads.common.lease import Grant, Shape, to_lease
from workloads.common.metrics import Families, registry
from workloads.common.report import Report, from_pod
from workloads.common.states import Color, State
from workloads.member.lifecycle import Closed
from workloads.sidecar import callers, status, timing
from workloads.sidecar.consumer import LifecycleApi
from workloads.sidecar.settings import SidecarSettings
from workloads.sidecar.sidecar import Sidecar

LEASE = "/apis/coordination.k8s.io/v1/namespaces/n/leases/l"
POD = "/api/v1/namespaces/n/pods/p-0"
BLUE, GREEN = Color.BLUE, Color.GREEN


class Consumer(StandIn):
    """A stand-in that may be ending: it answers every command with 503 at once, and notes when."""

    def __init__(self) -> None:
        self.stopping = False
        self.refused_at: list[float] = []
        super().__init__((0, 1))

    def _command(self, request: Request, *, pause: bool) -> Response:
        if self.stopping:
            self.refused_at.append(time.monotonic())
            return self._answer(503)
        return super()._command(request, pause=pause)


class Scene:
    """A blue sidecar, its consumer, and the API server."""

    def __init__(self) -> None:
        self.api = FakeApi()
        self.consumer = Consumer()
        settings = SidecarSettings(
            color=BLUE,
            lease_name="l",
            lifecycle_url=self.consumer.url,
            pod_name="p-0",
            pod_namespace="n",
            pod_uid="u",
        )
        self.sidecar = Sidecar(settings, Kube(Access(self.api.url), "test"), lambda: LifecycleApi(self.consumer.url))

    @property
    def calls(self) -> dict[tuple[str, str], int]:
        """How many calls there were, by name and result."""
        return self.sidecar.mover.figures.calls

    def grant(self, holder: Color | None, epoch: int, last: Color | None = BLUE, **more: Any) -> None:
        """Write the Lease."""
        grant = Grant(holder, epoch, last_holder=last, **more)
        self.api.put(LEASE, to_lease(grant, "l", "2026-01-01T00:00:00.000000Z"))

    def reported(self) -> Report | None:
        """The newest report on the pod."""
        return from_pod(self.api.objects.get(POD, {}))

    def told(self, state: State | None, epoch: int) -> None:
        """Wait for a report."""

        def look() -> bool:
            report = self.reported()
            return report is not None and (report.state, report.epoch) == (state, epoch)

        try:
            until(f"reported {state} at {epoch}", look, every=0.002)
        except TooLateError as error:
            raise AssertionError(f"{error}; the pod says {self.reported()}") from None

    def looks(self, times: int) -> None:
        """Wait until the consumer has been asked for its status so many times more, and the answer taken in."""
        for _ in range(times + 1):  # the first of them may have been under way
            before = self.sidecar._status.turned
            until("the next look at the consumer", lambda before=before: self.sidecar._status.turned != before)

    def sees(self, epoch: int) -> None:
        """Wait until the sidecar has seen the Lease of this epoch."""
        until(f"seen {epoch}", lambda: (grant := self.sidecar.mover.view.grant) is not None and grant.epoch == epoch)

    def state(self) -> tuple[str, int]:
        """What the consumer is."""
        return str(self.consumer.lifecycle.state), self.consumer.lifecycle.epoch


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.sidecar.stop(0.5)
    made.consumer.hangs = False
    made.api.silent = False
    made.api.close()
    made.consumer.server.stop()


def test_a_grant_resumes_and_a_withdrawal_pauses(scene: Scene) -> None:
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.grant(None, 3)
    scene.told(State.PAUSED, 3)
    scene.grant(GREEN, 4, GREEN)
    scene.told(State.PAUSED, 4)
    scene.grant(None, 5, GREEN)
    scene.grant(BLUE, 6)
    scene.told(State.ACTIVE, 6)
    assert scene.sidecar.dead() == []


def test_a_withdrawal_to_leave_is_confirmed_by_a_consumer_that_has_left(scene: Scene) -> None:
    scene.grant(BLUE, 2, shape=Shape(1, 12))
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.consumer.closes = False
    scene.grant(None, 3, shape=Shape(1, 12), leave=True)
    until("paused, and not out yet", lambda: scene.state() == ("PAUSED", 3))
    scene.looks(2)
    consumer = scene.sidecar.mover.view.consumer
    assert consumer is not None
    assert (consumer.state, consumer.left) == (State.PAUSED, False)
    scene.consumer.feed(Closed())
    scene.told(State.PAUSED, 3)
    until("out", lambda: (report := scene.reported()) is not None and report.left)
    scene.grant(BLUE, 4, shape=Shape(0, 12))
    scene.told(State.PAUSED, 4)
    scene.grant(BLUE, 6, shape=Shape(1, 12))
    scene.told(State.ACTIVE, 6)


def test_the_ordinal_is_the_number_of_the_pod() -> None:
    def settings(pod: str) -> SidecarSettings:
        return SidecarSettings(color=BLUE, lease_name="l", pod_name=pod, pod_namespace="n")

    assert settings("consumer-blue-12").number == 12
    with pytest.raises(ValueError, match="does not end in -<number>"):
        settings("consumer-blue")


def test_what_a_hand_off_waits_for_is_not_held_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "HOLD_SECONDS", 3600.0)
    monkeypatch.setattr(timing, "HOLD_IN_COMMAND_SECONDS", 3600.0)
    monkeypatch.setattr(timing, "UNHURRIED_SECONDS", 3600.0)
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.grant(None, 3)
    scene.told(State.PAUSED, 3)


def test_without_a_lease_nothing_is_called_and_the_state_is_reported(scene: Scene) -> None:
    scene.sidecar.start()
    scene.told(State.PAUSED, 0)
    scene.looks(2)
    assert scene.calls == {}
    scene.grant(BLUE, 2)
    scene.told(State.ACTIVE, 2)


def test_a_pause_of_the_colour_that_nobody_waits_for_comes_later(scene: Scene) -> None:
    scene.grant(GREEN, 2, GREEN)
    scene.sidecar.start()
    scene.told(State.PAUSED, 2)
    scene.grant(None, 3, GREEN)
    scene.grant(BLUE, 4)
    scene.told(State.ACTIVE, 4)
    assert ("pause", "200") in scene.calls
    assert scene.calls["pause", "200"] == 1, "green's withdrawal was none of blue's business in the hand-off"


def test_both_colours_confirm_a_lease_that_was_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.grant(GREEN, 2, GREEN)
    scene.sidecar.start()
    scene.told(State.PAUSED, 2)
    monkeypatch.setattr(timing, "UNHURRIED_SECONDS", 3600.0)
    monkeypatch.setattr(timing, "HOLD_SECONDS", 3600.0)
    monkeypatch.setattr(timing, "HOLD_IN_COMMAND_SECONDS", 3600.0)
    scene.grant(None, 9, GREEN, unconfirmed=True)
    scene.told(State.PAUSED, 9)


def test_a_newer_lease_supersedes_a_resume_in_progress(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "CALL_DEADLINE_SECONDS", 60.0)
    scene.consumer.joins = False
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    until("joining", lambda: scene.consumer.lifecycle.wanted)
    scene.grant(None, 3)
    scene.told(State.PAUSED, 3)
    until("counted", lambda: ("resume", "superseded") in scene.calls)
    scene.consumer.joins = True
    scene.grant(BLUE, 4)
    scene.told(State.ACTIVE, 4)


def test_a_newer_lease_supersedes_a_drain_in_progress(scene: Scene) -> None:
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.consumer.drain_seconds = 0.5
    scene.grant(None, 3)
    until("draining", lambda: scene.consumer.lifecycle.state is State.DRAINING)
    scene.grant(BLUE, 4)
    scene.told(State.ACTIVE, 4)


def test_a_drain_is_not_reported_in_the_way_of_its_end(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "HOLD_IN_COMMAND_SECONDS", 3600.0)
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.consumer.drain_seconds = 0.6
    scene.grant(None, 3)
    scene.told(State.PAUSED, 3)
    states = [from_pod(body) for method, path, _, body in scene.api.requests if method == "PATCH" and body]
    assert State.DRAINING not in [report.state for report in states if report]


def test_a_long_drain_is_reported(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "HOLD_IN_COMMAND_SECONDS", 0.1)
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.consumer.drain_seconds = 2.0
    scene.grant(None, 3)
    scene.told(State.DRAINING, 3)
    scene.told(State.PAUSED, 3)


def test_a_confirmation_that_was_heard_directly_is_recorded_a_moment_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    monkeypatch.setattr(timing, "HOLD_SECONDS", 3600.0)
    monkeypatch.setattr(timing, "HOLD_IN_COMMAND_SECONDS", 3600.0)
    announcer = scene.sidecar.announcer
    answers: list[str] = []

    def listen() -> None:
        version = ""
        while "PAUSED" not in answers:
            answer = announcer.answer(version, 60)
            version = answer["version"]
            answers.append(answer["report"]["state"])

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    until("somebody listens", lambda: announcer._waiting)
    scene.grant(None, 3)
    until("heard", lambda: "PAUSED" in answers)
    scene.looks(1)
    recorded = scene.reported()
    assert recorded is not None
    assert (recorded.state, recorded.epoch) == (State.ACTIVE, 2), "the record waits until the hand-off is over"
    scene.sidecar.stop(10)
    scene.told(State.PAUSED, 3)


def test_a_missing_or_broken_lease_changes_nothing(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.api.remove(LEASE)
    until("seen that it is gone", lambda: "the Lease was deleted" in caplog.text)
    scene.api.put(LEASE, {"spec": {"holderIdentity": "purple", "leaseTransitions": 3}})
    until("seen that it is none of ours", lambda: "the Lease cannot be read" in caplog.text)
    scene.api.break_watches()
    scene.looks(2)
    assert scene.state() == ("ACTIVE", 2)
    scene.grant(None, 4)
    scene.told(State.PAUSED, 4)


def test_an_unreadable_lease_at_the_start_does_not_run_hot(scene: Scene) -> None:
    scene.api.put(LEASE, {"spec": {"holderIdentity": "purple"}})
    began = time.monotonic()
    scene.sidecar.start()
    until("one read of the follower's, three for the consumer", lambda: scene.api.count("GET", "/leases/l") >= 4)
    assert time.monotonic() - began >= timing.AGAIN_SECONDS * (1 + 2)
    assert scene.calls == {}


def test_a_restarted_consumer_is_resumed_after_a_fresh_read_only(scene: Scene) -> None:
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    reads = scene.api.count("GET", "/leases/l")
    scene.consumer.restart()
    until("active again", lambda: scene.state() == ("ACTIVE", 2))
    assert scene.api.count("GET", "/leases/l") == reads + 1
    scene.told(State.ACTIVE, 2)


def test_with_no_api_server_a_restarted_consumer_stays_paused(scene: Scene) -> None:
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.api.silent = True
    scene.consumer.restart()
    scene.looks(4)
    assert scene.state() == ("PAUSED", 0)
    scene.api.silent = False
    until("active again", lambda: scene.state() == ("ACTIVE", 2))


def test_a_grant_that_was_withdrawn_meanwhile_is_not_resumed(scene: Scene) -> None:
    """The watch is behind: the consumer's process is newer than the last Lease that it told of."""
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.api.oldest = 1 << 60  # no watch opens any more
    scene.api.failures = [500] * 1000  # and no read
    scene.api.break_watches()
    scene.consumer.restart()
    scene.looks(2)
    scene.grant(GREEN, 4, GREEN)
    scene.looks(2)
    assert scene.state() == ("PAUSED", 0)
    scene.api.failures = []
    scene.told(State.PAUSED, 4)
    assert [state for state, _, _ in scene.consumer.history] == ["ACTIVE"]


def test_a_consumer_that_hangs_is_reported_and_found_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "STATUS_DEADLINE_SECONDS", 0.3)
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.consumer.hangs = True
    scene.told(None, 2)
    scene.grant(None, 3)
    scene.sees(3)
    scene.consumer.hangs = False
    scene.told(State.PAUSED, 3)


def test_a_consumer_that_knows_more_is_left_alone(scene: Scene) -> None:
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    scene.grant(None, 9)
    scene.told(State.PAUSED, 9)
    calls = sum(scene.calls.values())
    scene.api.remove(LEASE)
    scene.grant(BLUE, 3)  # made again below what this process has heard of
    scene.sees(3)
    scene.looks(3)
    assert scene.state() == ("PAUSED", 9)
    assert sum(scene.calls.values()) == calls


def test_a_refused_call_is_not_repeated_hot(scene: Scene) -> None:
    """An equal epoch that was paused once cannot be resumed; the sidecar asks now and then, not all the time."""
    scene.grant(None, 3)
    scene.sidecar.start()
    scene.told(State.PAUSED, 3)
    began = time.monotonic()
    scene.grant(BLUE, 3)
    until("refused three times", lambda: scene.calls.get(("resume", "409"), 0) >= 3)
    assert time.monotonic() - began >= timing.AGAIN_SECONDS * (1 + 2)
    assert scene.state() == ("PAUSED", 3)


def test_a_consumer_that_is_ending_is_not_asked_without_end(scene: Scene) -> None:
    """It answers at once, and the answer changes nothing: before, it was asked 2,500 times a second."""
    scene.consumer.stopping = True
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    until("asked for the fourth time", lambda: len(scene.consumer.refused_at) >= 4)
    backoff = Backoff(timing.AGAIN_SECONDS, timing.AGAIN_MOST_SECONDS)
    times = scene.consumer.refused_at[:4]
    for earlier, later in itertools.pairwise(times):
        assert later - earlier >= backoff.next(), f"asked at {[at - times[0] for at in times]}"
    scene.consumer.stopping = False
    scene.told(State.ACTIVE, 2)


def test_a_consumer_that_started_anew_does_not_wait_for_what_its_predecessor_refused(scene: Scene) -> None:
    scene.consumer.stopping = True
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    until("refused twice", lambda: len(scene.consumer.refused_at) >= 2)
    scene.consumer.stopping = False
    scene.consumer.restart()
    scene.told(State.ACTIVE, 2)


def test_metrics_tell_what_it_sees(scene: Scene) -> None:
    scene.grant(BLUE, 2)
    scene.sidecar.start()
    scene.told(State.ACTIVE, 2)
    families = Families(color="blue", pod="p")
    text = generate_latest(registry(lambda: scene.sidecar.metrics(families))).decode()
    assert 'bg_sidecar_lease_epoch{color="blue",pod="p"} 2.0' in text
    assert 'bg_sidecar_consumer_reachable{color="blue",pod="p"} 1.0' in text
    assert 'bg_sidecar_calls_total{call="resume",color="blue",pod="p",result="200"} 1.0' in text

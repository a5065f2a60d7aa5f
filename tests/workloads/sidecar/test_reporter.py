"""The reporter: what is urgent goes out at once, the rest waits for something newer; nothing is given up."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from workloads.common.kube import Access, Kube
from workloads.common.report import Report, from_pod
from workloads.common.states import State
from workloads.sidecar import outbox as module
from workloads.sidecar.reporter import Reporter

POD = "/api/v1/namespaces/n/pods/p"


class Station:
    """A reporter and what it wrote."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.accepted: list[Report] = []
        self.reporter = Reporter(Kube(Access(api.url), "test"), "n", "p", "uid-1", self.accepted.append)
        self.reporter.thread.start()

    def sent(self) -> list[Any]:
        """The bodies that arrived."""
        return [body for method, path, _, body in self.api.requests if method == "PATCH" and path == f"{POD}/status"]

    def epochs(self) -> list[int]:
        """The epochs of the reports that arrived."""
        reports = [from_pod(body) for body in self.sent()]
        return [report.epoch for report in reports if report is not None]


@pytest.fixture
def station() -> Iterator[Station]:
    api = FakeApi()
    made = Station(api)
    yield made
    made.reporter.stop(1.0)
    api.close()


def report(epoch: int, state: State | None = State.PAUSED) -> Report:
    return Report("boot", state, epoch, epoch, committed=True, partitions=(1, 2))


def test_an_urgent_report_goes_out_at_once_and_says_everything(station: Station) -> None:
    station.reporter.offer(report(7), 0.0)
    until("it arrived", station.sent, every=0.001)
    body = station.sent()[0]
    assert from_pod(body) == report(7)
    assert body["metadata"] == {"uid": "uid-1"}
    assert len(body["status"]["conditions"]) == 1
    until("it is accepted", lambda: station.accepted == [report(7)])


def test_others_wait_and_the_newest_wins(station: Station) -> None:
    for epoch in range(4):
        station.reporter.offer(report(epoch), 3600.0)
    assert station.epochs() == []
    station.reporter.offer(report(4), 0.05)
    until("one arrived", lambda: station.epochs() == [4])
    station.reporter.stop(5.0)
    assert station.epochs() == [4], "nothing else was due"


def test_a_report_that_became_urgent_does_not_wait(station: Station) -> None:
    station.reporter.offer(report(1), 60.0)
    station.reporter.offer(report(1), 0.0)
    until("it arrived", lambda: station.epochs() == [1])


def test_urgency_is_not_lost_by_saying_it_again(station: Station) -> None:
    station.api.silent = True
    station.reporter.offer(report(1), 0.0)
    until("the first is under way", station.sent)
    station.reporter.offer(report(2), 0.0)
    station.reporter.offer(report(2), 60.0)
    station.api.silent = False
    until("both arrived", lambda: station.epochs() == [1, 2])


def test_what_is_no_longer_true_is_not_sent(station: Station) -> None:
    station.reporter.offer(report(1), 3600.0)
    station.reporter.offer(None, 0.0)
    station.reporter.stop(5.0)
    assert station.epochs() == [], "an end sends what is due: nothing was"


def test_one_at_a_time_newest_first(station: Station) -> None:
    station.api.silent = True
    station.reporter.offer(report(1), 0.0)
    until("the first is under way", station.sent)
    station.reporter.offer(report(2), 0.0)
    station.reporter.offer(report(3), 0.0)
    assert station.epochs() == [1]
    station.api.silent = False
    until("the newest followed", lambda: station.epochs() == [1, 3])


def test_tried_until_accepted_and_once_more_after_an_error(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AFTER_ERROR_SECONDS", 0.3)
    station.api.failures = [500, 500, 409]
    station.reporter.offer(report(5), 0.0)
    until("accepted", lambda: station.accepted)
    assert station.epochs()[:4] == [5] * 4
    assert station.reporter.errors == 3
    until("sent once more", lambda: station.epochs() == [5] * 5)
    time.sleep(0.5)
    assert station.epochs() == [5] * 5


def test_a_newer_report_takes_the_place_of_one_that_fails(station: Station) -> None:
    station.api.failures = [500, 500]
    station.reporter.offer(report(5), 0.0)
    until("it failed once", lambda: station.reporter.errors)
    station.reporter.offer(report(6), 0.0)
    until("accepted", lambda: station.accepted)
    assert station.accepted == [report(6)]


def test_silence_is_broken_by_the_same_report_unchanged(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps the connection warm, and the server stores nothing for it: the condition is the same to the letter."""
    monkeypatch.setattr(module, "REPEAT_SECONDS", 0.2)
    station.reporter.offer(report(5), 0.0)
    until("three arrived", lambda: len(station.sent()) == 3)
    assert station.sent()[0] == station.sent()[1] == station.sent()[2]
    assert station.api.connections == 1


def test_an_end_sends_what_is_due(station: Station) -> None:
    station.reporter.offer(report(9), 3600.0)
    station.reporter.stop(10.0)
    assert station.epochs() == [9]
    assert not station.reporter.thread.is_alive()

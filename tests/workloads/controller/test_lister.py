"""The consistent lists of the pods: one for whoever asked last, tried until there is one."""

import threading
from collections.abc import Hashable
from typing import Any

import pytest

from tests.support.waiting import until
from workloads.common.kube import ApiError, Kube, KubeError, Object
from workloads.controller import lister
from workloads.controller.lister import Lister

PATH, LABELS = "/api/v1/namespaces/n/pods", "app=consumer"
POD: Object = {"metadata": {"name": "consumer-blue-0"}}


class Pods(Kube):
    """An API server with one pod. errors: what the next lists come to. A list that has begun ends when it is let go."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.warmed = threading.Event()
        self.items: list[Object] | None = [POD]

    def list(self, path: str, *, fields_are: str = "", labels_are: str = "", deadline: float = 1.0) -> Object:
        assert (path, fields_are, labels_are) == (PATH, "", LABELS)
        self.begun.release()
        assert self.go.acquire(timeout=60)
        if self.errors:
            raise self.errors.pop(0)
        return {"metadata": {"resourceVersion": "7"}, "items": self.items}

    def keep_warm(self, idle: float = 0.0) -> None:
        self.warmed.set()


class Scene:
    """A lister at work. ended: what it gave to whoever asked; slept: its pauses, which take no time here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> None:
        self.pods = Pods(*errors)
        self.ended: list[tuple[Hashable, list[Object], int]] = []
        self.refusals: list[Exception] = []
        self.slept: list[float] = []
        monkeypatch.setattr(lister, "time", self)
        self.lister = Lister(self.pods, PATH, LABELS, self._end)
        self.lister.thread.start()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def _end(self, key: Hashable, items: list[Object], version: int) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.ended.append((key, items, version))

    def listed(self) -> list[Any]:
        return [key for key, _, _ in self.ended]

    def let(self, lists: int) -> None:
        """So many lists end, as they begin."""
        self.pods.go.release(lists)

    def begins(self) -> None:
        """Wait until one more has begun."""
        assert self.pods.begun.acquire(timeout=60)


def test_what_was_listed_is_given_under_the_key_that_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.let(1)
    scene.lister.ask("phase")
    until("the list", scene.listed)
    assert scene.ended == [("phase", [POD], 7)]
    assert scene.slept == []


def test_a_list_without_items_is_one_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.pods.items = None  # as Go writes an empty list
    scene.let(1)
    scene.lister.ask("phase")
    until("the list", scene.listed)
    assert scene.ended == [("phase", [], 7)]


def test_who_asks_again_for_the_same_gets_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.let(10)
    scene.lister.ask("one")
    scene.lister.ask("one")
    until("the first", scene.listed)
    scene.lister.ask("one")
    scene.lister.ask("two")
    until("the second", lambda: "two" in scene.listed())
    assert scene.listed() == ["one", "two"]


def test_of_those_who_asked_meanwhile_only_the_last_gets_one_and_it_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch)
    scene.lister.ask("one")
    scene.begins()
    for key in ("two", "three", "four"):
        scene.lister.ask(key)
    scene.let(10)
    scene.begins()  # the list of before has not been taken for theirs
    until("the last", lambda: "four" in scene.listed())
    assert scene.listed() == ["one", "four"]


def test_a_list_that_fails_is_made_again_each_time_later_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, *[KubeError("GET", "away")] * 5, ApiError("GET", 429, "TooManyRequests", "later"))
    scene.let(10)
    scene.lister.ask("phase")
    until("the list", scene.listed)
    assert scene.listed() == ["phase"]
    assert scene.slept == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    scene.pods.errors.append(KubeError("GET", "away again"))
    scene.lister.ask("next")
    until("the next", lambda: "next" in scene.listed())
    assert scene.slept[6:] == [0.1], "what was pauses before has been forgotten"


def test_after_a_failure_it_is_made_for_whoever_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, KubeError("GET", "away"))
    scene.lister.ask("one")
    scene.begins()
    scene.lister.ask("two")
    scene.let(10)
    until("the list", scene.listed)
    assert scene.listed() == ["two"]


def test_an_error_of_ours_is_not_its_end(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(monkeypatch)
    scene.refusals.append(ValueError("cannot be understood"))
    scene.let(10)
    scene.lister.ask("phase")
    until("the list", scene.listed)
    assert scene.listed() == ["phase"]
    (told,) = [record for record in caplog.records if record.name == "workloads.controller.lister"]
    assert told.exc_info, "with where it was raised"


def test_the_connection_is_used_while_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lister, "IDLE_SECONDS", 0.001)
    scene = Scene(monkeypatch)
    assert scene.pods.warmed.wait(60)
    assert scene.ended == []

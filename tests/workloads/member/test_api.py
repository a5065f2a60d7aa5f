"""The HTTP API over a member that is not our consumer: all that it asks for is the `Member` protocol."""

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.core import Metric
from pydantic import ValidationError

from tests.support.waiting import until
from workloads.common.http import HttpError, Request, Response, Routes
from workloads.common.metrics import Families
from workloads.member.api import LifecycleApi, PodApi
from workloads.member.control import Control, Truth
from workloads.member.driver import Driver
from workloads.member.faults import FaultInjection, Faults
from workloads.member.lifecycle import Assigned, Closed, CommitEnded, Effect, Lifecycle, Lost, Pause, Resume
from workloads.member.member import Progress


class Other:
    """A member written with something else."""

    def __init__(self) -> None:
        self.control = Control(Lifecycle())
        self.ready = True
        self.still_seconds = 0.0
        self.progress = Progress({0: 17, 3: 4}, handled=9, failed=2)

    @property
    def truth(self) -> Truth:
        return self.control.truth

    def metrics(self) -> Iterable[Metric]:
        yield Families(color="green").gauge("bg_other", "One", 1)


def call(routes: Routes, method: str, path: str, body: object = None, **query: str) -> tuple[int, dict[str, object]]:
    answer: Response = routes[method, path](
        Request(method, path, query, b"" if body is None else json.dumps(body).encode())
    )
    return answer.status, json.loads(answer.payload())


def test_probes_say_what_the_member_says() -> None:
    member = Other()
    routes = PodApi(member, "b00t", alive_seconds=20, moving_seconds=3).routes()
    assert call(routes, "GET", "/healthz")[0] == 200
    assert call(routes, "GET", "/readyz") == (
        200,
        {"ready": True, "moving": True, "state": "PAUSED", "last_error": None},
    )
    member.still_seconds = 4.0
    assert call(routes, "GET", "/readyz")[0] == 503
    assert call(routes, "GET", "/healthz")[0] == 200
    member.still_seconds = 21.0
    assert call(routes, "GET", "/healthz")[0] == 503
    member.still_seconds, member.ready = 0.0, False
    assert call(routes, "GET", "/readyz")[0] == 503


def test_progress_bears_the_clock_of_the_process() -> None:
    before = time.time_ns()
    status, said = call(PodApi(Other(), "b00t", 20, 3).routes(), "GET", "/progress")
    now = said.pop("time")
    assert isinstance(now, int)
    assert before <= now <= time.time_ns()
    assert (status, said) == (
        200,
        {"positions": {"0": 17, "3": 4}, "handled": 9, "failed": 2, "state": "PAUSED", "epoch": 0, "boot_id": "b00t"},
    )


def test_metrics_are_the_members() -> None:
    routes = PodApi(Other(), "b00t", 20, 3).routes()
    assert b'bg_other{color="green"} 1.0' in routes["GET", "/metrics"](Request("GET", "/metrics", {}, b"")).payload()


WHOLE = ["-1", "1.0", "1e3", "true", '"1"', "null", "[]", str(2**63), str(2**64), "9" * 300, "-" + "9" * 300]
NUMBERS = ["-0.1", "1.1e9", "true", '"1"', "[]", "9" * 300]
NO_JSON = ["NaN", "Infinity", "-Infinity", "1e999", "01", "9" * 400]


def refused(routes: Routes, method: str, path: str, body: str) -> str:
    """What is said to a body that is answered with 400."""
    with pytest.raises(HttpError) as error:
        routes[method, path](Request(method, path, {}, body.encode()))
    assert error.value.status == 400
    return str(error.value)


@pytest.mark.parametrize("call_of", ["pause", "resume"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("epoch", value) for value in [*WHOLE, str(1 << 30), str(2**31 - 1)]),
        *(("deadline_ms", value) for value in [*WHOLE, "600001"]),
    ],
)
def test_a_number_that_a_command_cannot_have_is_refused_by_name(call_of: str, name: str, value: str) -> None:
    control = Control(Lifecycle())
    routes = LifecycleApi(control, FaultInjection(Faults(), enabled=True), "b00t").routes()
    fields = {"epoch": "4", "deadline_ms": "5", name: value}
    body = "{" + ", ".join(f'"{key}": {text}' for key, text in fields.items()) + "}"
    assert refused(routes, "POST", f"/lifecycle/{call_of}", body).startswith(f"{name}: ")
    assert not control.inbox


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("processing_delay_ms", value) for value in [*NUMBERS, "3600001"]),
        *(("commit_delay_ms", value) for value in [*NUMBERS, "3600001"]),
        *(("failure_rate", value) for value in [*NUMBERS, "1.01"]),
        *(("exceed_max_poll_interval", value) for value in ["1", "0", '"true"', "2"]),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    faults = FaultInjection(Faults(), enabled=True)
    routes = LifecycleApi(Control(Lifecycle()), faults, "b00t").routes()
    assert refused(routes, "PUT", "/faults", f'{{"{name}": {value}}}').startswith(f"{name}: ")
    assert faults.now == Faults()


@pytest.mark.parametrize("number", NO_JSON)
@pytest.mark.parametrize(("method", "path"), [("POST", "/lifecycle/pause"), ("PUT", "/faults")])
def test_what_is_no_number_of_json_is_refused(method: str, path: str, number: str) -> None:
    routes = LifecycleApi(Control(Lifecycle()), FaultInjection(Faults(), enabled=True), "b00t").routes()
    assert "not JSON" in refused(routes, method, path, f'{{"epoch": {number}}}')


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1])
@pytest.mark.parametrize("name", ["failure_rate", "processing_delay_ms", "commit_delay_ms"])
def test_faults_of_a_settings_file_are_numbers_too(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        Faults.model_validate({name: value})


def test_a_resume_that_is_lost_is_answered_with_the_truth() -> None:
    """The lifecycle is driven by hand: the loop of this application is the test."""
    control = Control(Lifecycle())
    changes: list[str] = []
    driver = Driver(control, lambda before, now: changes.append(f"{before.state} {now.state}"))
    routes = LifecycleApi(control, FaultInjection(Faults(), enabled=False), "b00t").routes()
    body = {"epoch": 4, "deadline_ms": 60_000}
    status, said = call(routes, "POST", "/lifecycle/resume", body, wait="false")
    assert (status, said["state"]) == (202, "PAUSED")
    driver.commands()
    assert list(driver.effects) == [Effect.JOIN]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, routes, "POST", "/lifecycle/resume", body)
        until("the call to come", lambda: control.inbox)
        driver.commands()
        driver.last_error = "the session timed out"
        driver.feed(Lost(uncommitted=True))
        status, said = waiting.result(10)
    assert (status, said["state"], said["committed"]) == (503, "PAUSED", False)
    assert said["error"] == "the resume of epoch 4 is void (the session timed out); the same call tries again"
    assert changes == []


def test_a_pause_to_leave_is_answered_when_it_has_left() -> None:
    control = Control(Lifecycle())
    driver = Driver(control, lambda _before, _now: None, lambda: "member-1")
    routes = LifecycleApi(control, FaultInjection(Faults(), enabled=False), "b00t").routes()
    for event in (Resume(2), Assigned((0,)), Pause(3), CommitEnded(ok=True)):
        driver.feed(event)
    said = call(routes, "GET", "/lifecycle/status")[1]
    assert (said["state"], said["left"], said["member_id"]) == ("PAUSED", False, "member-1")
    body = {"epoch": 3, "deadline_ms": 0, "leave": True}
    assert call(routes, "POST", "/lifecycle/pause", body, wait="false")[1]["left"] is False
    driver.commands()
    status, said = call(routes, "POST", "/lifecycle/pause", body)
    assert (status, said["error"]) == (503, "not true within 0 ms")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call, routes, "POST", "/lifecycle/pause", body | {"deadline_ms": 60_000})
        until("the call to come", lambda: control.inbox)
        driver.commands()
        driver.feed(Closed())
        status, said = waiting.result(10)
    assert (status, said["state"], said["left"], said["member_id"]) == (200, "PAUSED", True, "")
    with pytest.raises(HttpError, match="leave"):
        call(routes, "POST", "/lifecycle/resume", {"epoch": 4, "leave": True})
    with pytest.raises(HttpError, match="leave"):
        call(routes, "POST", "/lifecycle/pause", {"epoch": 4, "leave": "yes"})

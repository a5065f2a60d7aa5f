"""The client of Connect's REST API, and how its requests are repeated."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.broker import free_ports
from tests.support.fake_connect import FakeConnect
from tests.workloads.connect_operator.play import CONFIG, NAME
from workloads.common.kube import Access, Kube
from workloads.connect_operator import asking
from workloads.connect_operator.errors import RestError, RestUnreachableError
from workloads.connect_operator.hands import Hands
from workloads.connect_operator.rest import ConnectApi
from workloads.connect_operator.terms import Rest

AT = f"GET /connectors/{NAME}"


@pytest.fixture
def connect() -> Iterator[FakeConnect]:
    made = FakeConnect()
    made.connectors[NAME] = {"config": CONFIG, "state": "STOPPED", "offsets": []}
    yield made
    made.close()


def api(connect: FakeConnect, deadline: float = 5.0) -> ConnectApi:
    return ConnectApi(connect.url, deadline)


def hands(connect: FakeConnect, stopping: threading.Event | None = None) -> Hands:
    kube = Kube(Access("http://127.0.0.1:1"), "test")
    return Hands(kube, "n", NAME, api(connect), stopping or threading.Event())


def test_answers_and_no_answer(connect: FakeConnect) -> None:
    client = api(connect)
    assert client.ask(asking.config(NAME)) == CONFIG
    assert client.ask(asking.change_state(NAME, "stop")) is None


def test_an_error_says_what_was_asked_and_what_connect_said(connect: FakeConnect) -> None:
    with pytest.raises(RestError, match="GET /connectors/other/config returned 404: no connector other") as caught:
        api(connect).ask(asking.config("other"))
    assert caught.value.status == 404


def test_another_success_than_the_expected_one_is_an_error(connect: FakeConnect) -> None:
    with pytest.raises(RestError, match="returned 202"):
        api(connect).ask(Rest("PUT", f"/connectors/{NAME}/pause", frozenset({204})))


def test_nobody_there() -> None:
    client = ConnectApi(f"http://127.0.0.1:{free_ports(1)[0]}", 5.0)
    with pytest.raises(RestUnreachableError, match="GET /connectors at"):
        client.ask(asking.connectors())


def test_no_answer_within_the_deadline(connect: FakeConnect) -> None:
    with connect.holding(), pytest.raises(RestUnreachableError, match=r"no answer within 0\.05 s"):
        api(connect, 0.05).ask(asking.connectors())


def test_asked_again_while_it_says_not_now(connect: FakeConnect) -> None:
    connect.failures[f"{AT}/config"] = [409, 409]
    assert hands(connect).ask(asking.config(NAME)) == CONFIG
    assert connect.requests == [f"{AT}/config"] * 3


def test_not_asked_again_for_another_reason(connect: FakeConnect) -> None:
    connect.failures[f"{AT}/config"] = [500]
    with pytest.raises(RestError, match="500"):
        hands(connect).ask(asking.config(NAME))
    assert connect.requests == [f"{AT}/config"]


def test_it_gives_up_some_time(connect: FakeConnect) -> None:
    connect.failures[f"{AT}/config"] = [409] * 9
    request = asking.config(NAME)
    few = Rest(request.method, request.path, request.accept, retry_on=request.retry_on, retries=2)
    with pytest.raises(RestError, match="409"):
        hands(connect).ask(few)
    assert len(connect.requests) == 3


def test_a_process_that_ends_asks_no_more(connect: FakeConnect) -> None:
    stopping = threading.Event()
    stopping.set()
    connect.failures[f"{AT}/config"] = [409] * 9
    with pytest.raises(RestError, match="409"):
        hands(connect, stopping).ask(asking.config(NAME))
    assert len(connect.requests) == 1

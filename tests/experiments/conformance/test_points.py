"""The register of points, the relay, and what is made of the outcomes; without a broker."""

import contextlib
import json
import re
import socket
import threading
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from kafka.errors import CoordinatorNotAvailableError, UnknownMemberIdError

from experiments.conformance import suite, table
from experiments.conformance.kafka import BrokerError, Kafka
from experiments.conformance.points import LEAVABLE, MEMBERSHIPS, POINTS, Point, point
from experiments.conformance.process import whole_lines
from experiments.conformance.relay import Relay
from experiments.conformance.suite import FAIL, LEFT_OUT, PASS, Outcome
from experiments.errors import PreflightError
from tests.applications.bad import DEFECTS
from tests.applications.defects import defect
from tests.support.waiting import until

CONTRACT = Path(__file__).parents[3] / "workloads" / "member" / "contract.md"


def test_every_point_is_about_a_clause_that_the_page_has() -> None:
    page = CONTRACT.read_text()
    for one in POINTS.values():
        section, _, number = one.clause.partition(".")
        (text,) = re.findall(rf"^## {section} .*?(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
        assert re.search(rf"^{number}\. ", text, re.MULTILINE), f"{one.name}: §{one.clause} is not on the page"


def test_every_clause_of_the_page_has_a_point() -> None:
    page = CONTRACT.read_text()
    sections = re.findall(r"^## (\d+) (.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    clauses = {
        f"{section}.{number}" for section, text in sections for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)
    }
    assert clauses == {one.clause for one in POINTS.values()}


def test_every_point_can_fail() -> None:
    """There is a defect for each, so that no check is vacuous."""
    assert {name for one in DEFECTS.values() for name in one.fails} == POINTS.keys()


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_a_defect_is_tried_where_its_points_mean_something(name: str) -> None:
    told = DEFECTS[name]
    assert told.fails
    assert not told.fails & told.follows
    assert all(told.membership in POINTS[point].memberships for point in told.fails | told.follows)


def test_what_follows_from_a_defect_is_told_with_the_reason() -> None:
    with pytest.raises(ValueError, match="are said together"):
        defect("it limps", "progress", follows=("metrics",))


def test_a_point_is_there_once_and_needs_what_may_be_left_out() -> None:
    with pytest.raises(ValueError, match="is there already"):
        point("metrics", "1.1", "again")
    with pytest.raises(ValueError, match="wings"):
        point("flight", "1.1", "it flies", needs=("wings",))


def test_a_point_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(PreflightError, match=r"no points: nothing; there are .*start\.ready"):
        suite._chosen(["nothing"], "takeover")
    assert {one.name for one in suite._chosen([], "takeover")} >= {"fence"}
    assert "fence" not in {one.name for one in suite._chosen([], "leave-join")}
    assert "fence" not in {one.name for one in suite._chosen([], "takeover", "consumer")}


def test_nothing_tried_is_nothing_passed() -> None:
    with pytest.raises(PreflightError, match="fence mean nothing with membership leave-join"):
        suite._chosen(["fence"], "leave-join")


def test_the_application_is_given_the_protocol_and_the_groups() -> None:
    def settings(membership: str, protocol: str = "classic") -> dict[str, object]:
        one = suite.Suite(MagicMock(), "kit:1", "app:2", membership, MagicMock(), protocol=protocol)
        return one._settings(MagicMock(topic="t"), "g")

    assert settings("takeover", "consumer")["group_protocol"] == "consumer"
    assert settings("separate")["other_group_id"] == "g-other"
    assert "other_group_id" not in settings("leave-join")


def test_the_table_and_the_result_say_the_same() -> None:
    one = Point("a", "1.1", "it works", lambda _: "")
    outcomes = [Outcome(one, PASS, "seen", 1.0), Outcome(one, FAIL, "not", 2.0), Outcome(one, LEFT_OUT, "why", 0.0)]
    shown = table.shown(outcomes)
    assert shown.endswith("pass: 1, fail: 1, left out: 1")
    made = table.as_json(outcomes, application="x")
    assert json.loads(json.dumps(made))["passed"] is False
    assert [p["outcome"] for p in made["points"]] == ["pass", "fail", "left out"]
    assert table.as_json(outcomes[::2])["passed"] is True


def test_a_file_that_is_being_written_has_whole_lines_only() -> None:
    assert whole_lines(b'{"a":1}\n{"a":') == [{"a": 1}]
    with pytest.raises(ValueError, match="no JSON object"):
        whole_lines(b"[1]\n")


def test_what_may_be_left_out_is_what_points_need() -> None:
    assert {need for one in POINTS.values() for need in one.needs} == LEAVABLE.keys()
    assert all(set(one.memberships) <= set(MEMBERSHIPS) for one in POINTS.values())


def test_a_coordinator_that_is_not_there_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new broker has none until its first group; any other refusal is told at once."""
    client = MagicMock()
    client.list_group_offsets.side_effect = [CoordinatorNotAvailableError(), {"g": {}}, UnknownMemberIdError()]
    monkeypatch.setattr("kafka.admin.KafkaAdminClient", lambda **_: client)
    kafka = Kafka.__new__(Kafka)
    kafka.servers, kafka.topic = "kit:1", "t"
    assert kafka.commits("g") == {}
    with pytest.raises(BrokerError, match="commits of g"):
        kafka.commits("g")
    assert client.close.call_count == 3


@pytest.fixture
def echo() -> int:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(
                target=lambda c=client: [c.sendall(d) for d in iter(lambda: c.recv(100), b"")], daemon=True
            ).start()

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def test_a_relay_passes_everything_on_and_can_be_cut_and_opened(echo: int) -> None:
    relay = Relay(("127.0.0.1", echo))

    def ask(text: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", relay.port), timeout=5) as one:
            one.sendall(text)
            try:
                return one.recv(100)
            except ConnectionError:
                return b""

    assert ask(b"hello") == b"hello"
    with socket.create_connection(("127.0.0.1", relay.port), timeout=5) as one:
        one.sendall(b"x")
        assert one.recv(1) == b"x"
        relay.cut()
        with contextlib.suppress(ConnectionError):
            assert one.recv(1) == b""
    assert ask(b"hello") == b""
    relay.open()
    until("the relay to pass things on again", lambda: ask(b"again") == b"again")
    relay.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", relay.port), timeout=5)

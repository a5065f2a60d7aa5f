"""What is made of a metrics store's answers, and how it is asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from components.observability import names
from tests.support.loopback import Scripted
from tests.support.page_world import NAMESPACE, Store
from workloads.page import figures, scraper
from workloads.page.board import Board
from workloads.page.scraper import Scraper, StoreError


def vector(*series: tuple[dict[str, str], float, str]) -> dict[str, Any]:
    return {"data": {"result": [{"metric": labels, "value": [at, text]} for labels, at, text in series]}}


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store(3)
    yield made
    made.close()


def test_a_point_has_lag_by_colour_and_by_partition() -> None:
    lag = vector(
        ({"color": "blue", "partition": "0"}, 10.0, "5"),
        ({"color": "blue", "partition": "2"}, 10.0, "7"),
        ({"color": "green", "partition": "0"}, 10.0, "1"),
        ({"color": "green", "partition": "odd"}, 10.0, "9"),
    )
    rate = vector(({"color": "blue"}, 10.0, "99.5"), ({"color": "green"}, 10.0, "NaN"))
    (point,) = figures.points({"lag": lag, "rate": rate, "produced": vector(({}, 10.0, "100"))})
    assert point == {
        "t": 10.0,
        "lag": {"blue": 12.0, "green": 1.0},
        "rate": {"blue": 99.5},
        "produced": 100.0,
        "partitions": {"blue": [5.0, None, 7.0], "green": [1.0]},
    }


def test_points_come_in_the_order_of_their_times() -> None:
    matrix = {"data": {"result": [{"metric": {"color": "blue"}, "values": [[11.0, "2"], [10.0, "1"]]}]}}
    assert [(p["t"], p["rate"]["blue"]) for p in figures.points({"rate": matrix})] == [(10.0, 1.0), (11.0, 2.0)]
    assert figures.points({}) == []


def test_what_is_asked_are_metrics_that_the_workloads_have() -> None:
    asked = " ".join(figures.queries("ns").values())
    assert 'namespace="ns"' in asked
    for name in (names.GROUP_LAG, names.RECORDS_CONSUMED_RATE, names.RECORDS_SENT_RATE):
        assert f"{name}{{" in asked


def test_alerts_are_those_of_this_namespace_the_firing_first() -> None:
    def alert(name: str, state: str, **labels: str) -> dict[str, Any]:
        labels = {"alertname": name, **labels}
        return {"labels": labels, "state": state, "activeAt": "t", "annotations": {"summary": f"{name}!"}}

    rules = [
        {"type": "recording", "name": "r"},
        {"type": "alerting", "name": "A", "alerts": [alert("A", "pending", namespace="ns", severity="page")]},
        {"type": "alerting", "name": "B", "alerts": [alert("B", "firing"), alert("C", "firing", namespace="other")]},
    ]
    found = figures.alerts({"data": {"groups": [{"rules": rules}]}}, "ns")
    assert found["configured"] is True
    assert [(a["name"], a["state"], a["severity"], a["summary"]) for a in found["alerts"]] == [
        *(("B", "firing", "", "B!"), ("A", "pending", "page", "A!")),
    ]
    assert figures.alerts({"status": "success", "data": {"groups": []}}, "ns") == {"configured": False, "alerts": []}


def test_the_first_look_brings_what_was_before_and_the_next_one_point(store: Store) -> None:
    board = Board(NAMESPACE)
    asker = Scraper(NAMESPACE, board, scraper.Store(store.url), None)
    asker.turn()
    assert len(board.told().points) == figures.KEPT_SECONDS
    asker.turn()
    assert [path for _, path, _, _ in store.requests] == 3 * ["/api/v1/query_range"] + 3 * ["/api/v1/query"]
    assert board.told().points[-1]["partitions"] == {"blue": [0.0, 7.0, 14.0]}


def test_a_store_that_is_away_is_said_without_its_credentials() -> None:
    board = Board(NAMESPACE)
    away = scraper.Store("http://user:secret@127.0.0.1:1/prefix")
    Scraper(NAMESPACE, board, away, away).turn()
    told = board.told().state.decode()
    assert "no figures: http://127.0.0.1/prefix/api/v1/query_range: " in told
    assert '"problem":"http://127.0.0.1/prefix/api/v1/rules' in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("answer", "said"), [((404, {}), "HTTP 404"), ((200, b"<html>"), "not JSON"), ((200, [1]), "no object")]
)
def test_what_is_no_answer_is_an_error_that_names_the_store(answer: Any, said: str) -> None:
    odd = Scripted()
    try:
        odd.answers["GET", "/api/v1/rules"] = answer
        with pytest.raises(StoreError, match=f"/api/v1/rules: .*{said}"):
            scraper.Store(odd.url).get("/api/v1/rules")
    finally:
        odd.close()

"""The table against our programs' source; queries and answers without a store."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

from components.settings import StackName, strategy_settings
from components.strategies.base import strategy
from experiments.logs.items import (
    ANY,
    ITEMS,
    NONE,
    PER_MEMBER,
    PER_SWITCH,
    PER_WORKER,
    SOME,
    TWO_PER_SWITCH,
    Item,
    Normal,
    Situation,
)
from experiments.logs.page import page
from experiments.logs.queries import anomalies, judged, place_of, query, rows
from tests.experiments.logs.samples import AT, CONNECT, OURS, PLACE
from tests.support.source import parsed

ROOT = Path(__file__).parents[3]
_ASKED = re.compile(r'_msg:(?:=("[^"]+"|\w+)|in\(([^)]+)\))')
_FIGURES = re.compile(r"\b(?:max|quantile\(0\.5,|count_uniq)\(?\s*(\w+)\)")
BY_KEY = {item.key: item for item in ITEMS}


def told() -> dict[str, set[str]]:
    """The messages of the workloads' logging calls, each with the names of its fields."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "workloads").rglob("*.py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_logger(node.func.value):
                texts = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
                names = {one.arg for one in ast.walk(node) if isinstance(one, ast.keyword) and one.arg}
                for text in texts:
                    if isinstance(text, str):
                        found.setdefault(text, set()).update(names)
    return found


def _is_logger(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "logger"


def asked_for(text: str) -> set[str]:
    """The messages that a query looks for as wholes."""
    found = set()
    for one, several in _ASKED.findall(text):
        found |= {part.strip().strip('"') for part in (several or one).split(",")}
    return found


#: A line whose message is the name of the call: `logger.log(level, name, …)`.
_CALLS = {"pause", "resume"}


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.key)
def test_every_message_that_is_asked_for_is_one_that_we_write(item: Item) -> None:
    said = told()
    for asked in (item.consumers, item.connectors):
        assert asked_for(asked.query) - said.keys() - _CALLS == set()
        assert all(f"`{text}`" in asked.says for text in asked_for(asked.query)), asked.says


def test_every_field_that_a_figure_is_made_of_is_one_that_we_write() -> None:
    written = {name for names in told().values() for name in names}
    for item in ITEMS:
        for asked in (item.consumers, item.connectors):
            assert set(_FIGURES.findall(asked.query)) - written - {"took"} == set()


def test_the_samples_are_lines_that_we_write() -> None:
    said = told()
    for kinds in OURS.values():
        for _, _, message, fields in kinds:
            assert message in _CALLS or fields.keys() - said[message] <= {"stack", "level"}


def test_the_plans_ten_items_are_there() -> None:
    assert len(BY_KEY) == len(ITEMS) == 10


def test_a_query_is_bounded_by_time_namespace_and_group() -> None:
    text = query(BY_KEY["rebalances"], PLACE, AT, AT + 60.5)
    assert "_time:[2026-11-28T12:00:00.000000Z, 2026-11-28T12:01:00.500000Z)" in text
    assert '{"kubernetes.pod_namespace"="kafka-bluegreen","kubernetes.container_name"=~"kafka"}' in text
    assert "group (bluegreen-c) in state" in text
    assert '"kubernetes.pod_namespace"="strategy-c"' in query(BY_KEY["lease"], PLACE, AT, AT + 1)
    for item in ITEMS:
        for place in (PLACE, CONNECT):
            assert "$" not in query(item, place, AT, AT + 1)


def test_a_dot_in_a_groups_name_is_no_wildcard() -> None:
    assert "group (a[.]b|c) in" in query(BY_KEY["rebalances"], replace(PLACE, groups=("a.b", "c")), AT, AT + 1)


@pytest.mark.parametrize("letter", ["b", "c", "e"])
def test_where_a_strategys_lines_are(letter: str) -> None:
    name = StackName(f"strategy-{letter}")
    settings = strategy_settings({"strategy": letter}, name.name)
    chosen = strategy(letter)
    place = place_of(name.name, chosen.groups(name).values(), chosen.parts(settings, name))
    assert place.namespace == name.name
    assert set(place.groups) == set(chosen.groups(name).values())
    assert place.of_connectors == (letter == "e")
    assert (place.member, place.sidecar) == (("sidecar", "sidecar") if place.of_connectors else ("consumer", "sidecar"))
    assert place.workers == (("blue-connect", "green-connect") if place.of_connectors else ())


def test_numbers_are_numbers_and_rows_have_an_order() -> None:
    answer = '{"what":"resume","lines":"20","worst_s":"0.061"}\n{"what":"pause","lines":"3","bad":""}\n\n'
    assert rows(answer) == [{"what": "pause", "lines": 3}, {"what": "resume", "lines": 20, "worst_s": 0.061}]
    assert rows("") == []
    assert rows('{"what":"nan"}') == [{"what": "nan"}]


@pytest.mark.parametrize("answer", ["remoteAddr: cannot parse query", "[1]", '{"lines":'])
def test_what_is_no_answer_is_refused(answer: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|is no row|Unterminated"):
        rows(answer)


NOW = Situation(switches=2, members=3, workers=4)


@pytest.mark.parametrize(
    ("normal", "least"),
    [(SOME, 1), (PER_SWITCH, 2), (TWO_PER_SWITCH, 4), (PER_MEMBER, 12), (PER_WORKER, 8), (ANY, 0)],
)
def test_what_is_normal_has_a_least_number(normal: Normal, least: int) -> None:
    assert normal.holds(least, NOW)
    assert not least or not normal.holds(least - 1, NOW)


def test_none_is_normal_of_failures_alone() -> None:
    assert NONE.holds(0, NOW)
    assert not NONE.holds(1, NOW)
    assert [item.key for item in ITEMS if item.consumers.normal.always] == ["failures"]


def test_an_item_says_what_it_found_and_whether_that_is_normal() -> None:
    item = BY_KEY["lifecycle_calls"]
    found = rows(
        '{"what":"/lifecycle/pause","lines":"6","bad":"0"}\n{"what":"/lifecycle/resume","lines":"6","bad":"1"}'
    )
    said = judged(item, PLACE, found, NOW, ours=True)
    assert (said["lines"], said["bad"], said["normal"]) == (12, 1, False)
    assert [row["what"] for row in said["rows"]] == ["/lifecycle/pause", "/lifecycle/resume"]
    assert judged(item, PLACE, [{"lines": 12}], NOW, ours=True) == {"lines": 12, "bad": 0, "normal": True}
    assert judged(item, PLACE, [{"lines": 11}], NOW, ours=True)["normal"] is False


def test_before_a_switch_only_failures_and_what_is_bad_are_not_normal() -> None:
    for item in ITEMS:
        assert judged(item, PLACE, [], None, ours=True)["normal"] is True
        assert judged(item, PLACE, [{"lines": 4}], None, ours=True)["normal"] is (item.key != "failures")
        assert judged(item, PLACE, [{"lines": 4, "bad": 1}], None, ours=True)["normal"] is False


def test_of_another_application_nothing_is_expected() -> None:
    unknown = [item.key for item in ITEMS if judged(item, PLACE, [], NOW, ours=False)["normal"] is None]
    assert unknown == ["assignments", "failures", "commits"]
    # A connector has no application of ours in the first place.
    assert judged(BY_KEY["failures"], CONNECT, [], NOW, ours=False)["normal"] is True


def test_what_is_not_normal_is_told() -> None:
    said = {item.key: judged(item, PLACE, [], NOW, ours=True) for item in ITEMS}
    assert "lease: 0 lines, 0 bad" in anomalies(said)
    assert not any(told.startswith("failures") for told in anomalies(said))


def test_the_page_is_the_table() -> None:
    written = (ROOT / "plan" / "logs.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m experiments logs --page > plan/logs.md"

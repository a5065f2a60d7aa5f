import json
from pathlib import Path
from typing import Any

import pytest

from experiments.results import SCHEMA, from_json
from tests.support.samples import RESULT, result

KEYS = [
    "run",
    "strategy",
    "scenario",
    "membership",
    "group_protocol",
    "started_at",
    "finished_at",
    "passed",
    "criteria",
    "switches",
    "measurements",
    "environment",
    "command",
    "kind",
    "schema",
]
SWITCH_KEYS = [
    "direction",
    "switch_seconds",
    "up_seconds",
    "handoff_seconds",
    "gap_seconds",
    "spacing_seconds",
    "outcome",
    "commanded",
]


def test_the_json_has_exactly_the_contracts_keys() -> None:
    raw = json.loads(RESULT.to_json())
    assert list(raw) == KEYS
    assert [list(switch) for switch in raw["switches"]] == [SWITCH_KEYS, SWITCH_KEYS]
    assert list(raw["criteria"][0]) == ["name", "limit", "measured", "passed"]
    assert raw["switches"][1]["handoff_seconds"] is None


def test_a_result_survives_the_file() -> None:
    assert from_json(RESULT.to_json()) == RESULT


def test_what_is_no_number_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        result(measurements={"lost": float("nan")}).to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"passed": ...}, "wrong: passed"),
        ({"more": 1}, "wrong: more"),
        ({"switches": [{"direction": "blue-green"}]}, "not of the contract"),
    ],
)
def test_another_json_is_refused(change: dict[str, object], message: str) -> None:
    raw = {**json.loads(RESULT.to_json()), **change}
    raw = {key: value for key, value in raw.items() if value is not ...}
    with pytest.raises(ValueError, match=message):
        from_json(json.dumps(raw))


def test_a_result_says_its_schema_and_what_it_is() -> None:
    raw = json.loads(RESULT.to_json())
    assert (raw["schema"], raw["kind"]) == (SCHEMA, "test") == (5, "test")


COMMITTED = sorted((Path(__file__).parents[2] / "report" / "data").glob("*/result.json"))


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.parent.name)
def test_the_committed_results_can_still_be_read(file: Path) -> None:
    found = from_json(file.read_text())
    assert found.run == file.parent.name


def schema_2(**changes: object) -> dict[str, object]:
    """Before there was another way to command a switch than `up`."""
    raw = json.loads(RESULT.to_json())
    switches = [{key: value for key, value in switch.items() if key != "commanded"} for switch in raw["switches"]]
    return {**raw, "schema": 2, "switches": switches, **changes}


def schema_1(**changes: object) -> str:
    raw = {key: value for key, value in schema_2().items() if key not in ("schema", "kind")}
    return json.dumps({**raw, **changes})


def test_a_result_of_the_second_schema_was_commanded_by_up() -> None:
    found = from_json(json.dumps(schema_2()))
    assert (found.schema, [switch.commanded for switch in found.switches]) == (2, ["up", "up"])
    with pytest.raises(ValueError, match="a switch of schema 3 has a key commanded"):
        from_json(json.dumps(schema_2(schema=3)))
    with pytest.raises(ValueError, match="a switch of schema 2 has no key commanded"):
        from_json(json.dumps(schema_2(switches=json.loads(RESULT.to_json())["switches"])))


def test_a_way_of_commanding_that_there_is_not_is_refused() -> None:
    raw = json.loads(RESULT.to_json())
    raw["switches"][1]["commanded"] = "telepathy"
    with pytest.raises(ValueError, match="commanded: 'telepathy' is none of up, patch"):
        from_json(json.dumps(raw))


def test_a_result_without_a_schema_number_is_of_the_first() -> None:
    found = from_json(schema_1())
    assert (found.schema, found.kind, found.passed) == (1, "test", True)
    with pytest.raises(ValueError, match=r"schema 1 has exactly the keys .*; wrong: more"):
        from_json(schema_1(more=1))


@pytest.mark.parametrize(
    ("key", "said", "since"),
    [
        ("logs", {"store": "VictoriaLogs v1.52.1", "before": {}, "after": {}}, 4),
        ("alerts", {"rules": ["DualActiveConsumers"], "evaluations": 9, "fired": []}, 5),
        ("screenshots", [{"file": "screenshots/1.png", "sha256": "00"}], 5),
    ],
)
def test_what_not_every_platform_has_is_there_only_where_it_was(key: str, said: Any, since: int) -> None:
    found = result(**{key: said})
    assert json.loads(found.to_json())[key] == said
    assert from_json(found.to_json()) == found
    assert key not in json.loads(RESULT.to_json())
    for schema in range(2, since):
        raw = {**json.loads(found.to_json()), "schema": schema}
        with pytest.raises(ValueError, match=rf"schema {schema} has exactly the keys .*; wrong: {key}"):
            from_json(json.dumps(raw))
    with pytest.raises(ValueError, match=f"wrong: {key}"):
        from_json(json.dumps({**json.loads(found.to_json()), key: None}))


@pytest.mark.parametrize("schema", [6, 17])
def test_a_newer_schema_is_refused_by_its_number(schema: int) -> None:
    raw = {**json.loads(RESULT.to_json()), "schema": schema, "something": "new"}
    with pytest.raises(ValueError, match=f"schema {schema} is newer than this reader, which knows up to 5"):
        from_json(json.dumps(raw))


@pytest.mark.parametrize("schema", [0, -1, "2", True, None, 1])
def test_what_is_no_schema_number_is_refused(schema: object) -> None:
    with pytest.raises(ValueError, match="schema"):
        from_json(json.dumps({**json.loads(RESULT.to_json()), "schema": schema}))


def test_a_measurement_neither_passes_nor_fails() -> None:
    measured = result(kind="measurement", passed=None, criteria=[])
    assert from_json(measured.to_json()) == measured
    for kind, passed in (("measurement", True), ("test", None), ("rumour", True)):
        raw = {**json.loads(RESULT.to_json()), "kind": kind, "passed": passed}
        with pytest.raises(ValueError, match=r"kind|passed"):
            from_json(json.dumps(raw))

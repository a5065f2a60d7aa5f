"""Offsets by annotation: what is asked for, what is written, and what is left for the next reconcile."""

import json
import re
from typing import Any

import pytest

from tests.workloads.connect_operator.play import NAME, RUNNING, STOPPED, Other, refused, resource
from workloads.common.kube import ApiError
from workloads.connect_operator import connector, names
from workloads.connect_operator.offsets import manage
from workloads.connect_operator.terms import Rest, Warn, WriteConfigMap

AT = f"/connectors/{NAME}"
OFFSETS = {"offsets": [{"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 7}}]}
SPEC = {"listOffsets": {"toConfigMap": {"name": "to"}}, "alterOffsets": {"fromConfigMap": {"name": "from"}}}


def managed(asked: str | None, answers: dict[str, Any], spec: dict[str, Any] | None = None) -> tuple[Other, list[Warn]]:
    other = Other({f"GET {AT}/status": STOPPED, f"GET {AT}/offsets": OFFSETS, **answers})
    annotations = {} if asked is None else {names.OFFSETS: asked}
    wanted = connector.read(resource(SPEC if spec is None else spec, annotations))
    return other, list(other.play(manage(wanted)))


def config_map(data: dict[str, str] | None) -> dict[str, Any]:
    return {"metadata": {"name": "from"}, **({} if data is None else {"data": data})}


def test_without_the_annotation_nothing_is_done() -> None:
    other, warnings = managed(None, {})
    assert (other.asked, warnings) == ([], [])


def test_listed_into_a_new_config_map_that_belongs_to_the_connector() -> None:
    other, warnings = managed("list", {})
    assert warnings == []
    assert other.asked == [
        f"GET {AT}/offsets",
        "ReadConfigMap to",
        "WriteConfigMap to",
        f"RemoveAnnotation {names.OFFSETS}",
    ]
    write = other.requests[2]
    assert isinstance(write, WriteConfigMap)
    assert json.loads(write.body["data"]["offsets.json"]) == OFFSETS
    assert write.body["metadata"]["labels"] == {"strimzi.io/cluster": "blue"}
    (owner,) = write.body["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("KafkaConnector", NAME, "u")
    assert (owner["controller"], owner["blockOwnerDeletion"]) == (False, False)


def test_listing_keeps_what_else_is_in_a_config_map() -> None:
    known = {
        "metadata": {
            "name": "to",
            "resourceVersion": "5",
            "labels": {"mine": "1"},
            "ownerReferences": [{"name": "somebody"}],
            "managedFields": [],
        },
        "data": {"other": "stays", "offsets.json": "old"},
    }
    other, _ = managed("list", {"ReadConfigMap to": known})
    write = other.requests[2]
    assert isinstance(write, WriteConfigMap)
    assert write.body["data"]["other"] == "stays"
    assert json.loads(write.body["data"]["offsets.json"]) == OFFSETS
    assert write.body["metadata"] == {
        "name": "to",
        "resourceVersion": "5",
        "labels": {"mine": "1", "strimzi.io/cluster": "blue"},
        "ownerReferences": [{"name": "somebody"}],
    }


def test_listing_needs_no_stopped_connector() -> None:
    other, warnings = managed("list", {f"GET {AT}/status": RUNNING})
    assert warnings == []
    assert f"RemoveAnnotation {names.OFFSETS}" in other.asked


def test_altered_as_the_config_map_says() -> None:
    data = {"offsets.json": json.dumps(OFFSETS), "other": "not looked at"}
    other, warnings = managed("alter", {"ReadConfigMap from": config_map(data)})
    assert warnings == []
    assert other.asked == [
        f"GET {AT}/status",
        "ReadConfigMap from",
        f"PATCH {AT}/offsets",
        f"RemoveAnnotation {names.OFFSETS}",
    ]
    assert isinstance(other.requests[2], Rest)
    assert other.requests[2].body == OFFSETS


def test_reset() -> None:
    other, warnings = managed("reset", {})
    assert warnings == []
    assert other.asked == [f"GET {AT}/status", f"DELETE {AT}/offsets", f"RemoveAnnotation {names.OFFSETS}"]


@pytest.mark.parametrize("asked", ["alter", "reset"])
def test_a_connector_that_is_not_stopped_keeps_its_offsets(asked: str) -> None:
    data = {"offsets.json": json.dumps(OFFSETS)}
    other, (warn,) = managed(asked, {f"GET {AT}/status": RUNNING, "ReadConfigMap from": config_map(data)})
    assert other.changes == []
    assert warn.reason == f"{asked.capitalize()}Offsets"
    assert "RUNNING" in warn.message


@pytest.mark.parametrize(
    ("asked", "answers", "spec", "reason", "said"),
    [
        ("list", {}, {}, "ListOffsets", "listOffsets"),
        ("alter", {}, {}, "AlterOffsets", "alterOffsets"),
        ("alter", {}, SPEC, "AlterOffsets", "does not exist"),
        ("alter", {"ReadConfigMap from": config_map(None)}, SPEC, "AlterOffsets", r"no offsets\.json"),
        ("alter", {"ReadConfigMap from": config_map({"offsets.json": "{"})}, SPEC, "AlterOffsets", "not JSON"),
        ("list", {f"GET {AT}/offsets": refused(500)}, SPEC, "ListOffsets", "500"),
        ("list", {"WriteConfigMap to": ApiError("PUT", 409, "Conflict", "newer")}, SPEC, "ListOffsets", "Conflict"),
        ("reset", {f"DELETE {AT}/offsets": refused(400, "in use")}, SPEC, "ResetOffsets", "in use"),
        (
            "alter",
            {
                "ReadConfigMap from": config_map({"offsets.json": "{}"}),
                f"PATCH {AT}/offsets": refused(409, "rebalancing"),
            },
            SPEC,
            "AlterOffsets",
            "rebalancing",
        ),
        ("somehow", {}, SPEC, "ManageOffsets", "somehow"),
    ],
)
def test_what_fails_is_a_warning_and_stays_asked_for(
    asked: str, answers: dict[str, Any], spec: dict[str, Any], reason: str, said: str
) -> None:
    other, (warn,) = managed(asked, answers, spec)
    assert f"RemoveAnnotation {names.OFFSETS}" not in other.asked
    assert warn.reason == reason
    assert re.search(said, warn.message)

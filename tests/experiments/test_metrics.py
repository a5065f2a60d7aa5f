"""What is read back of the queries that a run keeps."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.metrics import median
from experiments.records import write_compressed


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ({"blue": ["4", "6.5", "0"], "green": ["0", "5"]}, 5.0),
        ({"blue": ["0"]}, None),
        ({}, None),
    ],
)
def test_a_median_is_of_who_did_something(tmp_path: Path, series: dict[str, list[str]], said: float | None) -> None:
    result: list[Any] = [
        {"metric": {"color": color}, "values": [[at, value] for at, value in enumerate(values)]}
        for color, values in series.items()
    ]
    content = json.dumps({"answer": {"data": {"result": result}}}).encode()
    write_compressed(tmp_path / "commit_latency_ms.json.zst", content)
    assert median(tmp_path, "commit_latency_ms") == said


def test_what_was_not_asked_has_none(tmp_path: Path) -> None:
    assert median(tmp_path, "commit_latency_ms") is None

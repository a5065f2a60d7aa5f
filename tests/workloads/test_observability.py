"""Logs and metrics of the workloads."""

import io
import json
import logging
import math
from collections.abc import Iterator

import pytest

from workloads.common import logs
from workloads.common.metrics import Buckets, Families, Recent, Window, exposition, registry


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = io.StringIO()
    logs.configure(stream=made, pod="p-0")
    yield made
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)


def test_a_line_is_one_json_object(stream: io.StringIO) -> None:
    log = logging.getLogger("x")
    log.info("it is %s", "so", extra=logs.fields(epoch=7, message="other", offsets={3: 4}))
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        log.exception("failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info",
        "logger": "x",
        "message": "it is so",
        "pod": "p-0",
        "epoch": 7,
        "message_": "other",
        "offsets": {"3": 4},
    }
    assert second["stack"].endswith("ValueError: first\nsecond")


def test_a_rate_is_over_five_seconds() -> None:
    window, count = Window(), 0
    for tick in range(400):  # 20 s at 100/s, then silence
        count = tick * 5
        window.sample(tick * 0.05, count)
    assert window.rate(19.95, count) == pytest.approx(100, rel=0.06)
    assert window.rate(22.5, count) == pytest.approx(50, rel=0.1)
    assert window.rate(26, count) < 5  # also when nobody samples any more: what came after the last sample is left
    window.sample(26, count)
    assert window.rate(31.1, count) == 0
    assert Window().rate(1, 5) == 0


def test_a_recent_mean_forgets() -> None:
    recent = Recent()
    assert math.isnan(recent.mean(0))
    recent.add(1, 10)
    recent.add(3, 20)
    assert recent.mean(4) == 15
    assert recent.mean(7) == 20
    assert math.isnan(recent.mean(9))


def test_families_carry_their_labels() -> None:
    buckets = Buckets((0.1, 1))
    for value in (0.05, 0.1, 0.5, 7):
        buckets.observe(value)
    make = Families(color="blue")
    text = exposition(
        registry(
            lambda: [
                make.gauge("g", "a gauge", 1.5),
                make.counters("c_total", "a counter", ["code"], [(("x",), 3)]),
                make.histogram("h_seconds", "a histogram", buckets),
            ]
        )
    ).body.decode()  # type: ignore[attr-defined]
    for line in (
        'g{color="blue"} 1.5',
        'c_total{code="x",color="blue"} 3.0',
        'h_seconds_bucket{color="blue",le="0.1"} 2.0',
        'h_seconds_bucket{color="blue",le="1"} 3.0',
        'h_seconds_bucket{color="blue",le="+Inf"} 4.0',
        'h_seconds_sum{color="blue"} 7.65',
    ):
        assert line in text, text
    assert "process_cpu_seconds_total" in text

"""Logs and metrics of the workloads."""

import io
import json
import logging
import math
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.waiting import until
from workloads.common import logs
from workloads.common.metrics import Buckets, Families, Recent, Window, exposition, registry


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = io.StringIO()
    logs.configure(stream=made, pod="p-0")
    yield made
    root.handlers[0].close()
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)


class Writes(io.StringIO):
    """Keeps each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.each: list[str] = []

    def write(self, text: str, /) -> int:
        self.each.append(text)
        return super().write(text)


def messages(text: str) -> list[str]:
    return [json.loads(line)["message"] for line in text.splitlines()]


def held(hold: float) -> tuple[logging.Logger, Writes, logs.HeldHandler]:
    """A logger of its own whose lines are held for so long."""
    writes = Writes()
    handler = logs.HeldHandler(writes, hold)
    handler.setFormatter(logs.JsonFormatter({}))
    log = logging.getLogger("held")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers[:] = [handler]
    return log, writes, handler


def test_lines_are_written_together_and_soon() -> None:
    log, writes, handler = held(0.1)
    for number in range(3):
        log.info("line %d", number)
    assert writes.each == []
    until("they are written", lambda: writes.each, every=0.002)
    assert messages(writes.each[0]) == ["line 0", "line 1", "line 2"]
    log.info("later")
    until("it is written too", lambda: len(writes.each) == 2, every=0.002)
    handler.close()


def test_a_warning_is_written_at_once_with_what_came_before() -> None:
    log, writes, handler = held(3600)
    log.info("before")
    log.warning("now")
    assert [messages(text) for text in writes.each] == [["before", "now"]]
    log.info("after")
    handler.flush()  # as logging.shutdown does at the end of the process
    assert messages(writes.getvalue()) == ["before", "now", "after"]
    handler.close()


def test_a_line_that_cannot_be_formatted_costs_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    log, writes, handler = held(3600)
    log.info("%d", "no number")
    log.warning("fine")
    assert messages(writes.getvalue()) == ["fine"]
    assert "no number" in capsys.readouterr().err
    handler.close()


def test_the_end_of_the_process_writes_what_is_held() -> None:
    program = "import logging; from workloads.common import logs; logs.configure(); logging.getLogger('x').info('last')"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert messages(done.stdout) == ["last"]


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

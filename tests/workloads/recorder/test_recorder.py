"""The recorder: one line of the log for each of the sink's, whatever happens to either."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workloads.common.http import HttpError, Request
from workloads.common.records import CONSUMED, EVENTS
from workloads.common.states import Color
from workloads.recorder.__main__ import routes
from workloads.recorder.figures import Figures
from workloads.recorder.line import Handled, LineError, understood
from workloads.recorder.recorder import Places, Recorder
from workloads.recorder.settings import RecorderSettings
from workloads.recorder.tail import SinkFileError, Tail
from workloads.recorder.trail import Trail, Whose

WORKER = "connect-green-0"


def sink_line(seq: int, partition: int = 0, epoch: int = 7) -> str:
    value = json.dumps({"producer": "p0-3f", "seq": seq, "payload": "a,b=c}{"}, separators=(",", ":"))
    return f"Struct{{v={value},p={partition},o={seq},ts=Fri Nov 27 08:56:57 UTC 2026,e={epoch}}}\n"


class Scene:
    """A sink's folder and a records folder."""

    def __init__(self, folder: Path) -> None:
        self.sink, self.records = folder / "sink", folder / "records"
        self.sink.mkdir()
        self.opened: list[Recorder | Trail] = []

    def recorder(self) -> Recorder:
        made = Recorder(Places(self.sink, ".txt", self.records), Whose("green", "t", "v2"), 0.005)
        self.opened.append(made)
        return made

    def trail(self, figures: Figures | None = None) -> Trail:
        tail = Tail(self.sink / f"{WORKER}.txt")
        made = Trail(tail, self.records, WORKER, Whose("green", "t", ""), figures or Figures())
        self.opened.append(made)
        return made

    def append(self, text: str, worker: str = WORKER) -> None:
        with (self.sink / f"{worker}.txt").open("a") as file:
            file.write(text)

    def lines(self, kind: str = CONSUMED) -> list[dict[str, Any]]:
        return [json.loads(line) for path in sorted((self.records / kind).iterdir()) for line in path.open()]

    def log(self) -> Path:
        return next((self.records / CONSUMED).iterdir())


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    for each in made.opened:
        each.close()


def test_a_line_of_the_sink_is_a_line_of_the_consumed_format(scene: Scene) -> None:
    scene.append(sink_line(41, partition=3))
    scene.recorder().look()
    (line,) = scene.lines()
    t = line.pop("t")
    assert t > 1_700_000_000 * 10**9
    assert line == {
        "color": "green",
        "pod": WORKER,
        "version": "v2",
        "epoch": 7,
        "producer": "p0-3f",
        "seq": 41,
        "topic": "t",
        "partition": 3,
        "offset": 41,
    }


def test_the_validator_takes_what_is_written(scene: Scene) -> None:
    from tools.validator.lines import parse_consumed, parse_event

    scene.append(sink_line(0) + "Struct{v=no json,p=1,o=5,ts=now,e=7}\n")
    recorder = scene.recorder()
    recorder.look()
    recorder.mark(8)
    for line in scene.log().read_bytes().splitlines():
        parse_consumed(line)
    events = [
        parse_event(line) for path in (scene.records / EVENTS).iterdir() for line in path.read_bytes().splitlines()
    ]
    assert [(event.event, event.epoch) for event in events] == [("PAUSED", 8)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (sink_line(5, 2), Handled(7, 2, 5, "p0-3f", 5)),
        ('Struct{v={"producer":"p","se' + sink_line(5, 2), Handled(7, 2, 5, "p0-3f", 5, torn=True)),
        ('Struct{v={"seq":3,"producer":"p\\u00e9"},p=1,o=2,e=3}\n', Handled(3, 1, 2, "pé", 3)),
    ],
)
def test_lines_that_are_understood(text: str, expected: Handled) -> None:
    assert understood(text.encode().rstrip(b"\n")) == expected


@pytest.mark.parametrize("value", ["x", "[]", '{"producer":"","seq":1}', '{"producer":"p","seq":-1}', '{"seq":true}'])
def test_a_value_without_a_sender_is_handled_with_an_error(value: str) -> None:
    found = understood(f"Struct{{v={value},p=1,o=2,e=3}}".encode())
    assert (found.partition, found.offset, found.producer) == (1, 2, "unreadable")
    assert found.problem


@pytest.mark.parametrize("line", [b"", b"hello", b"Struct{v={},p=1,o=2}", b"Struct{v={},p=x,o=2,e=3}", b"Struct{v={}}"])
def test_what_is_no_line_of_the_sink_is_named(line: bytes) -> None:
    with pytest.raises(LineError):
        understood(line)


def test_a_torn_line_waits_for_its_end(scene: Scene) -> None:
    recorder = scene.recorder()
    line = sink_line(0)
    scene.append(line[:20])
    recorder.look()
    assert not (scene.records / CONSUMED).exists()
    scene.append(line[20:] + line[:9])
    recorder.look()
    assert len(scene.lines()) == 1


@pytest.mark.parametrize("seed", range(20))
def test_restarts_and_kills_neither_double_nor_lose(scene: Scene, seed: int) -> None:
    """Whatever was torn off the log by a kill, whenever the sink had written half a line."""
    chance = random.Random(seed)
    text = "".join(sink_line(seq, seq % 3) for seq in range(60))
    recorder = scene.recorder()
    while text:
        cut = chance.randint(1, 400)
        scene.append(text[:cut])
        text = text[cut:]
        recorder.look()
        if chance.random() < 0.5:
            if (scene.records / CONSUMED).exists() and chance.random() < 0.5:
                data = scene.log().read_bytes()
                scene.log().write_bytes(data[: len(data) - chance.randint(0, 300)])
            recorder = scene.recorder()
    recorder.look()
    found = scene.lines()
    assert [line["seq"] for line in found] == list(range(60))
    assert [line["t"] for line in found] == sorted(line["t"] for line in found)
    assert recorder.mark(8)["next"] == {0: 58, 1: 59, 2: 60}


def test_no_line_before_the_mark_bears_a_later_time(scene: Scene) -> None:
    """Interleaving 21: also those that a recorder which died just then has not written yet."""
    scene.append(sink_line(0))
    one = scene.trail()
    one.look(1000)
    scene.append(sink_line(1) + sink_line(2)[:30])
    one.mark(8, 2000)
    assert [line["t"] for line in scene.lines()] == [1000, 2000]
    data = scene.log().read_bytes()
    scene.log().write_bytes(data[:-10])  # killed while it wrote the last line
    scene.append(sink_line(2)[30:] + sink_line(3))
    scene.trail().look(9000)
    assert [(line["seq"], line["t"]) for line in scene.lines()] == [(0, 1000), (1, 2000), (2, 9000), (3, 9000)]
    (event,) = scene.lines(EVENTS)
    assert (event["event"], event["epoch"], event["t"]) == ("PAUSED", 8, 2000)


def test_how_late_lines_are_seen_is_bounded_by_the_look_before(scene: Scene) -> None:
    figures = Figures()
    scene.append(sink_line(0))
    one = scene.trail(figures)
    one.look(1_000_000_000)
    assert (figures.unknown, figures.late_max) == (1, 0.0)
    one.look(1_005_000_000)
    scene.append(sink_line(1))
    one.look(1_012_000_000)
    assert figures.late_max == pytest.approx(0.007)
    assert figures.late_since(1_012_000_000) == pytest.approx(0.007)
    assert figures.late_since(1_012_000_001) == 0.0
    # Another recorder: the lines came after the last one that was recorded.
    scene.append(sink_line(2))
    scene.trail(figures).look(1_512_000_000)
    assert figures.late_max == pytest.approx(0.5)


def test_a_file_that_came_while_the_recorder_looked_has_no_line_of_unknown_time(scene: Scene) -> None:
    recorder = scene.recorder()
    recorder.look()
    scene.append(sink_line(0)[:20])
    recorder.look()
    scene.append(sink_line(0)[20:])
    recorder.look()
    assert recorder.figures.lines == 1
    assert recorder.figures.unknown == 0
    assert 0 < recorder.figures.late_max < 60
    scene.append(sink_line(0), "connect-green-1")
    again = scene.recorder()
    again.look()  # both were there before it: one of them has a log that tells
    assert again.figures.unknown == 1


def test_a_file_that_shrinks_is_an_error_by_name(scene: Scene) -> None:
    scene.append(sink_line(0) + sink_line(1))
    recorder = scene.recorder()
    recorder.look()
    (scene.sink / f"{WORKER}.txt").write_text(sink_line(0))
    with pytest.raises(SinkFileError, match=r"connect-green-0\.txt shrank"):
        recorder.look()
    with pytest.raises(SinkFileError, match="it shrank"):
        scene.recorder().look()


def test_a_file_that_is_written_over_is_found_after_a_restart(scene: Scene) -> None:
    scene.append(sink_line(0) + sink_line(1))
    scene.recorder().look()
    (scene.sink / f"{WORKER}.txt").write_text(sink_line(0) + sink_line(5) + sink_line(6))
    with pytest.raises(SinkFileError, match="written over"):
        scene.recorder().look()


def test_a_file_that_goes_or_is_replaced_is_an_error(scene: Scene) -> None:
    scene.append(sink_line(0))
    recorder = scene.recorder()
    recorder.look()
    path = scene.sink / f"{WORKER}.txt"
    path.rename(path.with_suffix(".old"))
    with pytest.raises(SinkFileError, match="is gone"):
        recorder.look()
    scene.append(sink_line(0) + sink_line(1))
    with pytest.raises(SinkFileError, match="was replaced"):
        recorder.look()


def test_another_file_of_a_worker_has_a_log_of_its_own(scene: Scene) -> None:
    """A volume made anew: what was recorded of the one before stays."""
    scene.append(sink_line(0))
    scene.recorder().look()
    (scene.sink / f"{WORKER}.txt").unlink()
    scene.append(sink_line(9))
    scene.recorder().look()
    assert sorted(line["seq"] for line in scene.lines()) == [0, 9]
    assert len(list((scene.records / CONSUMED).iterdir())) == 2


def test_what_is_reached_is_of_the_newest_epoch_over_all_files(scene: Scene) -> None:
    scene.append(sink_line(50, 0, epoch=5) + sink_line(10, 0, epoch=7))
    scene.append(sink_line(11, 0, epoch=7) + sink_line(3, 1, epoch=7), "connect-green-1")
    scene.append(sink_line(99, 1, epoch=3), "connect-green-2")
    said = scene.recorder().mark(8)
    assert (said["epoch"], said["next"]) == (7, {0: 12, 1: 4})


@pytest.mark.parametrize("epoch", ["-1", "true", "1.0", '"1"', "null", "1073741824", str(2**63), "9" * 300])
def test_a_mark_of_an_epoch_that_no_lease_can_have_come_to_is_refused(scene: Scene, epoch: str) -> None:
    settings = RecorderSettings(color=Color.GREEN, topic="t", pod_name="recorder-green-0")
    mark = routes(scene.recorder(), settings)["POST", "/mark"]
    with pytest.raises(HttpError, match="n an integer from 0 to 1073741823") as refused:
        mark(Request("POST", "/mark", {}, f'{{"epoch": {epoch}}}'.encode()))
    assert refused.value.status == 400


def test_what_is_reached_names_the_process_its_clock_and_its_logs(scene: Scene) -> None:
    scene.append(sink_line(0) + sink_line(1))
    scene.append(sink_line(2), "connect-green-1")
    recorder = scene.recorder()
    recorder.look()
    said = recorder.reached()
    logs = {path.name.removesuffix(".jsonl"): len(path.read_bytes().splitlines()) for path in _consumed(scene)}
    assert said["logs"] == logs
    assert sorted(logs.values()) == [1, 2]
    assert isinstance(said["time"], int)
    again = scene.recorder()
    again.look()
    after = again.reached()
    assert after["logs"] == logs  # also what a former process has recorded
    assert after["boot_id"] != said["boot_id"]


def _consumed(scene: Scene) -> list[Path]:
    return sorted((scene.records / CONSUMED).iterdir())


def test_the_thread_records_and_ends_with_a_last_look(scene: Scene) -> None:
    recorder = scene.recorder()
    recorder.thread.start()
    scene.append(sink_line(0))
    recorder.stop(10)
    assert not recorder.thread.is_alive()
    assert len(scene.lines()) == 1


def test_a_problem_ends_the_recording_and_is_told(scene: Scene) -> None:
    recorder = scene.recorder()
    scene.append(sink_line(0) + "rubbish\n")
    recorder.thread.start()
    recorder.thread.join(10)
    assert "rubbish" in recorder.problem
    with pytest.raises(SinkFileError, match="rubbish"):
        recorder.mark(8)


def test_the_latest_line_since_a_moment_is_told_of_any_moment() -> None:
    rng = random.Random(7)
    seen = sorted((rng.randrange(1000), rng.randrange(50)) for _ in range(300))
    figures = Figures()
    for t, late in seen:
        figures.saw(1, 0, late, t)
    for since in range(1001):
        assert figures.late_since(since) == max((late for t, late in seen if t >= since), default=0) / 1e9

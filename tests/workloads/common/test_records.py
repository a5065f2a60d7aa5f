"""Record logs: whole lines or an error, retention, and the export from a pod."""

import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.validator.lines import parse_event
from workloads.common.records import (
    EVENTS,
    KINDS,
    PRODUCED,
    EventLog,
    LogName,
    RecordLog,
    RecordLogError,
    Space,
    quoted,
)
from workloads.producer.ledger import Ledger
from workloads.records import lines as lines_of


def test_a_file_is_made_by_its_first_line(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, "consumed", "consumer-blue-0", "b00t")
    assert not log.path.exists()
    log.write(b"{}\n")
    assert log.path == tmp_path / "consumed" / "consumer-blue-0.b00t.jsonl"
    assert log.path.read_bytes() == b"{}\n"


def test_what_a_full_volume_did_not_take_whole_is_cut_off_and_told(tmp_path: Path) -> None:
    program = f"""
import pathlib
from workloads.common.records import RecordLog, RecordLogError
log = RecordLog(pathlib.Path({str(tmp_path)!r}), "consumed", "p", "b")
for _ in range(2):
    try:
        while True:
            log.write(b'{{"a":"0123456789"}}\\n')
    except RecordLogError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert "only 5 of 19 bytes were taken" in first
    assert "volume is full" in first
    assert "only 5 of 19" in second  # the torn rest was cut off, so there is room for as much again
    (file,) = (tmp_path / "consumed").iterdir()
    assert [json.loads(line) for line in file.read_bytes().splitlines()] == [{"a": "0123456789"}] * 5


@pytest.mark.skipif(os.getuid() != 0, reason="reads /proc/self/mem-like special files as root")
def test_a_folder_that_cannot_be_made_is_named() -> None:
    with pytest.raises(RecordLogError, match="/proc/nope"):
        RecordLog(Path("/proc/nope"), "consumed", "p", "b")


def test_events_are_of_the_format(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "blue", "consumer-blue-0", "b", version="2.1")
    log.write("ACTIVE", 7, [["bluegreen", 3, 17], ["bluegreen", 4]])
    (line,) = (tmp_path / EVENTS / "consumer-blue-0.b.jsonl").read_bytes().splitlines()
    content = json.loads(line)
    assert abs(content.pop("t") - time.time_ns()) < 10e9
    assert content == {
        "color": "blue",
        "pod": "consumer-blue-0",
        "version": "2.1",
        "epoch": 7,
        "event": "ACTIVE",
        "partitions": [["bluegreen", 3, 17], ["bluegreen", 4]],
    }


def test_events_say_of_which_image_they_are(tmp_path: Path) -> None:
    EventLog(tmp_path, "blue", "consumer-blue-0", "b", version="2.1", image="registry/app:2.1").write("PAUSED", 7)
    (line,) = (tmp_path / EVENTS / "consumer-blue-0.b.jsonl").read_bytes().splitlines()
    assert json.loads(line)["image"] == "registry/app:2.1"
    assert parse_event(line).event == "PAUSED"


def test_the_ledger_ends_with_what_is_open_as_unknown(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "producer-0", "b", "p0-b", 't"x')
    for seq in range(4):
        ledger.sent(seq)
    ledger.is_acked(1, 3, 17)
    ledger.is_failed(4)
    assert ledger.in_flight == 3
    ledger.end(5)
    found = [json.loads(line) for line in (tmp_path / PRODUCED / "producer-0.b.jsonl").read_bytes().splitlines()]
    assert found.pop() == {"producer": "p0-b", "end": 5}
    assert [(line["seq"], line["status"], line["partition"], line["offset"]) for line in found] == [
        (1, "acked", 3, 17),
        (4, "failed", None, None),
        (0, "unknown", None, None),
        (2, "unknown", None, None),
        (3, "unknown", None, None),
    ]
    assert {line["topic"] for line in found} == {'t"x'}


@given(st.text())
def test_quoted_text_is_the_inside_of_a_json_string(text: str) -> None:
    encoded = text.encode(errors="surrogatepass")
    try:
        inside = quoted(encoded)
    except UnicodeDecodeError:
        return
    assert json.loads(b'"' + inside + b'"') == text


def test_the_oldest_files_go_first(tmp_path: Path) -> None:
    for age, kind in enumerate([*KINDS, KINDS[0]]):
        path = tmp_path / kind / f"pod.{age}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        os.utime(path, (1000 - age, 1000 - age))
    (tmp_path / KINDS[0] / "other.txt").write_bytes(b"x" * 1000)
    space = Space(tmp_path, KINDS, 250, process="pod.9")
    assert [path.name for path in space.make_room()] == ["pod.3.jsonl", "pod.2.jsonl"]
    assert space.make_room() == []
    assert space.removed == 2
    assert len(list(tmp_path.glob("*/*"))) == 3


def test_what_a_file_is_a_part_of() -> None:
    for name, process, part in (
        ("consumer-blue-0.b00t.jsonl", "consumer-blue-0.b00t", 0),
        ("consumer-blue-0.b00t.0012.jsonl", "consumer-blue-0.b00t", 12),
        ("producer-0.1234.jsonl", "producer-0.1234", 0),  # a boot id of four digits is no part
    ):
        assert LogName.of(Path("consumed") / name) == LogName(process, part)
        assert LogName(process, part).file == name


class Filled:
    """A volume with a bound, on which a process writes lines of about 100 bytes."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.space = Space(folder, ("consumed", "events"), limit_bytes, process="consumer-blue-0.new")
        self.space.part_bytes = 1000
        self.events = EventLog(folder, "blue", "consumer-blue-0", "new", version="1", space=self.space)
        self.space.tell = self.events.truncated
        self.log = RecordLog(folder, "consumed", "consumer-blue-0", "new", self.space)
        self.written = 0

    def write(self, count: int) -> None:
        for _ in range(count):
            self.log.write(line(producer="p0-a", seq=self.written, t=self.written, filler="x" * 60))
            self.written += 1

    def names(self) -> list[str]:
        files = (self.folder / "consumed").iterdir()
        return [path.name for path in sorted(files, key=lambda path: LogName.of(path).part)]

    def told(self) -> list[str]:
        files = sorted((self.folder / "events").glob("consumer-blue-0.new.*"), key=lambda path: LogName.of(path).part)
        found = [json.loads(each) for path in files for each in path.read_bytes().splitlines()]
        assert all((each["event"], each["partitions"]) == ("TRUNCATED", []) for each in found)
        return [each["file"] for each in found]


def test_a_log_that_grows_is_bounded_and_says_what_went(tmp_path: Path) -> None:
    filled = Filled(tmp_path, 5000)
    filled.write(100)
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*")) < 5000 + 2000  # to within a part of each log
    names = filled.names()
    assert "consumer-blue-0.new.jsonl" not in names  # the first went: whoever reads it knows that it is not whole
    gone = LogName.of(Path(names[0])).part
    assert f"consumed/{LogName('consumer-blue-0.new', gone - 1).file}" in filled.told()
    assert filled.space.removed >= gone
    lines = [each for name in names for each in (tmp_path / "consumed" / name).read_bytes().splitlines()]
    left = [json.loads(each)["seq"] for each in lines]
    assert left == list(range(left[0], 100))  # nothing but the beginning is missing


def test_what_is_written_is_never_removed_however_small_the_bound(tmp_path: Path) -> None:
    filled = Filled(tmp_path, 0)
    filled.write(30)
    assert filled.space.make_room() == []
    assert len(filled.names()) == 1
    last = (tmp_path / "consumed" / filled.names()[0]).read_bytes().splitlines()[-1]
    assert json.loads(last)["seq"] == 29


def test_files_of_earlier_processes_go_before_parts_of_this_one(tmp_path: Path) -> None:
    for number in range(3):
        old = tmp_path / "consumed" / f"consumer-blue-0.old{number}.jsonl"
        old.parent.mkdir(exist_ok=True)
        old.write_bytes(b"x" * 1500)
        os.utime(old, (2**32 + number,) * 2)  # by a clock that was ahead: newer than anything written now
    filled = Filled(tmp_path, 5500)
    filled.write(45)
    assert filled.told() == [f"consumed/consumer-blue-0.old{number}.jsonl" for number in range(3)]
    assert filled.names()[0] == "consumer-blue-0.new.jsonl"


def export(folder: Path, *options: str) -> dict[str, bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "workloads.records", "export", "--records-dir", str(folder), *options],
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout), mode="r:gz") as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]


def line(**values: object) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def test_export_takes_one_producer_and_what_is_torn(tmp_path: Path) -> None:
    for kind in KINDS:
        (tmp_path / kind).mkdir()
    mine, other = line(producer="p0-a", seq=1), line(producer="p0-ab", seq=1)
    spaced = b'{"producer": "p0-a", "end": 2}\n'
    (tmp_path / "produced" / "producer-0.a.jsonl").write_bytes(mine + other + spaced)
    (tmp_path / "produced" / "producer-0.ab.jsonl").write_bytes(other)
    (tmp_path / "consumed" / "c.x.jsonl").write_bytes(other + mine + b'{"color":"bl')
    (tmp_path / "consumed" / "c.y.txt").write_bytes(mine)
    (tmp_path / "events" / "c.x.jsonl").write_bytes(line(event="ACTIVE", t=5) + line(event="PAUSED", t=6))
    assert export(tmp_path, "--producer", "p0-a", "--since-ns", "6") == {
        "produced/producer-0.a.jsonl": mine + spaced,
        "consumed/c.x.jsonl": mine + b'{"color":"bl',
        "events/c.x.jsonl": line(event="PAUSED", t=6),
    }


def test_export_takes_every_producer_that_is_named(tmp_path: Path) -> None:
    """A producer that restarted in a run has two names, and the run is judged on both."""
    for kind in KINDS:
        (tmp_path / kind).mkdir()
    first, second, other = (line(producer=name, seq=1) for name in ("p0-a", "p0-b", "p0-c"))
    (tmp_path / "consumed" / "c.x.jsonl").write_bytes(first + other + second)
    assert export(tmp_path, "--producer", "p0-a", "--producer", "p0-b") == {"consumed/c.x.jsonl": first + second}


def test_export_joins_the_parts_of_a_log_and_bears_out_its_end_line(tmp_path: Path) -> None:
    consumed = tmp_path / "consumed"
    consumed.mkdir()
    mine = [line(producer="p0-a", seq=n, t=10 + n) for n in range(3)]
    other = line(producer="p0-z", seq=0, t=1)
    (consumed / "c-0.x.jsonl").write_bytes(other + other)
    (consumed / "c-0.x.0001.jsonl").write_bytes(mine[0] + mine[1])
    (consumed / "c-0.x.0002.jsonl").write_bytes(mine[2] + b'{"pod":"c-0","end":5}\n')
    (consumed / "c-0.y.jsonl").write_bytes(mine[0] + b'{"pod":"c-0","end":2}\n')  # one line is missing
    (consumed / "c-0.z.jsonl").write_bytes(other + b'{"pod":"c-0","end":1}\n')
    assert export(tmp_path, "--producer", "p0-a") == {
        "consumed/c-0.x.jsonl": b"".join(mine) + b'{"pod":"c-0","end":3}\n',
        "consumed/c-0.y.jsonl": mine[0],
    }


def test_export_shows_that_the_beginning_of_a_log_is_missing_where_it_matters(tmp_path: Path) -> None:
    consumed = tmp_path / "consumed"
    consumed.mkdir()
    mine = [line(producer="p0-a", seq=n, t=100 + n) for n in range(4)]
    (consumed / "c-0.x.0002.jsonl").write_bytes(mine[0] + mine[1])
    (consumed / "c-0.x.0003.jsonl").write_bytes(mine[2] + mine[3])
    whole = b"".join(mine)
    assert export(tmp_path, "--producer", "p0-a") == {"consumed/c-0.x.0002.jsonl": whole}
    assert export(tmp_path, "--producer", "p0-a", "--since-ns", "100") == {"consumed/c-0.x.0002.jsonl": whole}
    # What went was written before the run began.
    assert export(tmp_path, "--producer", "p0-a", "--since-ns", "101") == {"consumed/c-0.x.jsonl": whole}


def test_export_tells_of_a_removed_log_only_whom_it_concerns(tmp_path: Path) -> None:
    """A log that was last written before a run began holds nothing of that run."""
    events = tmp_path / "events"
    events.mkdir()
    began = 10**18
    before = line(event="TRUNCATED", file="consumed/a", until=began - 10**9, t=began + 5)
    during = line(event="TRUNCATED", file="consumed/b", until=began + 1, t=began + 5)
    (events / "c-0.x.jsonl").write_bytes(before + during)
    assert export(tmp_path, "--producer", "p", "--since-ns", str(began)) == {"events/c-0.x.jsonl": during}


def test_export_without_a_folder_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workloads.records", "export", "--producer", "p", "--records-dir", str(tmp_path / "no")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no records folder" in done.stderr


@given(st.lists(st.binary(max_size=20).map(lambda content: content.replace(b"\n", b"")), max_size=20), st.booleans())
def test_lines_are_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], torn: bool
) -> None:
    path = tmp_path_factory.mktemp("lines") / "f"
    written = b"\n".join(contents) + (b"" if torn else b"\n")
    path.write_bytes(written)
    found = list(lines_of(path, len(written)))
    assert b"".join(found) == written
    assert all(item.endswith(b"\n") for item in found[:-1])
    assert all(item.count(b"\n") <= 1 for item in found)

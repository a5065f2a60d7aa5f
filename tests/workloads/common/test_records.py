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

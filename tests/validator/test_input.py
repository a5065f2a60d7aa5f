"""Bad input of every kind: what cannot be judged says so, with file and line; what can be is."""

import gzip
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.validator import generate
from tools.validator import InputError, Limits, validate
from tools.validator.files import MAX_LINE_BYTES

PRODUCED = {"producer": "p", "seq": 0, "topic": "t", "partition": 0, "offset": 5, "status": "acked", "t": 7}
CONSUMED = {
    "color": "blue",
    "pod": "c",
    "epoch": 1,
    "producer": "p",
    "seq": 0,
    "topic": "t",
    "partition": 0,
    "offset": 5,
    "t": 9,
}
EVENT = {"color": "blue", "pod": "c", "epoch": 1, "event": "ACTIVE", "partitions": [["t", 0], ["t", 1, 5]], "t": 9}
GOOD = {"produced": PRODUCED, "consumed": CONSUMED, "events": EVENT}


def text(*lines: Any) -> bytes:
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


class Sides:
    """Three folders; each has one good line in ``a.jsonl`` to begin with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for side, line in GOOD.items():
            self.put(side, text(line))

    def put(self, side: str, content: bytes, name: str = "a.jsonl") -> Path:
        path = self.folder / side / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def judge(self, **options: Any) -> Any:
        given: dict[str, Any] = {side: [self.folder / side] for side in GOOD} | options
        return validate(given.pop("produced"), given.pop("consumed"), **given)

    def refused(self, **options: Any) -> InputError:
        with pytest.raises(InputError) as raised:
            self.judge(**options)
        return raised.value


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


def test_good_input_passes(sides: Sides) -> None:
    assert sides.judge().exit_code == 0


# --- files and folders ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", GOOD)
def test_a_missing_path(sides: Sides, side: str) -> None:
    path = sides.folder / "nowhere.jsonl"
    error = sides.refused(**{side: [sides.folder / side, path]})
    assert error.file == str(path)
    assert "No such file" in str(error)


@pytest.mark.parametrize("side", GOOD)
def test_a_folder_without_logs(sides: Sides, side: str) -> None:
    folder = sides.folder / "empty"
    (folder / "deeper").mkdir(parents=True)
    (folder / "deeper" / "notes.txt").write_text("x")
    error = sides.refused(**{side: [folder]})
    assert error.file == str(folder)
    assert "a folder without any *.jsonl" in error.reason


@pytest.mark.parametrize("side", ["produced", "consumed"])
def test_no_path_at_all(sides: Sides, side: str) -> None:
    assert f"no {side} log given" in sides.refused(**{side: []}).reason


def test_an_empty_consumed_side(sides: Sides) -> None:
    sides.put("consumed", b"")
    assert "no record at all" in sides.refused().reason


def test_an_empty_produced_file(sides: Sides) -> None:
    path = sides.put("produced", b"")
    error = sides.refused()
    assert error.file == str(path)
    assert "empty" in error.reason


def test_an_empty_produced_file_beside_others(sides: Sides) -> None:
    """A log that was emptied would hide what was lost; with names it is known that it is none of these."""
    path = sides.put("produced", b"", "b.jsonl")
    assert sides.refused().file == str(path)
    report = sides.judge(producers=["p"])
    assert report.exit_code == 0
    assert report.files.empty == 1


def test_an_empty_consumed_file_beside_others(sides: Sides) -> None:
    sides.put("consumed", b"", "idle.jsonl")
    report = sides.judge()
    assert report.exit_code == 0
    assert report.files.empty == 1


def test_an_end_line_is_no_record(sides: Sides) -> None:
    sides.put("produced", text({"producer": "p", "end": 0}))
    assert "the produced logs have no record at all" in sides.refused().reason


def test_a_producer_that_nobody_knows(sides: Sides) -> None:
    assert "no line of producer x, y" in sides.refused(producers=["p", "y", "x"]).reason


def test_consumers_that_handled_other_producers_only_have_lost_all(sides: Sides) -> None:
    sides.put("consumed", text({**CONSUMED, "producer": "other"}))
    report = sides.judge(producers=["p"])
    assert report.failing == ("lost",)
    assert (report.consumed, report.notes["foreign"]) == (0, 1)


def test_an_unreadable_file(sides: Sides) -> None:
    path = sides.folder / "consumed" / "gone.jsonl"
    path.symlink_to(sides.folder / "nowhere")
    error = sides.refused()
    assert error.file == str(path)
    assert "No such file" in error.reason


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_forbidden_file_and_folder(sides: Sides) -> None:
    path = sides.put("consumed", text(CONSUMED))
    path.chmod(0)
    assert sides.refused().file == str(path)
    path.chmod(0o600)
    path.parent.chmod(0)
    try:
        assert sides.refused().file == str(path.parent)
    finally:
        path.parent.chmod(0o700)


def test_folders_are_read_recursively_and_other_files_left_alone(sides: Sides) -> None:
    lines = [{**CONSUMED, "seq": seq, "offset": 5 + seq, "t": 9 + seq} for seq in range(4)]
    sides.put("produced", text(*({**PRODUCED, "seq": seq, "offset": 5 + seq, "t": seq} for seq in range(4))))
    sides.put("consumed", text(lines[0]))
    sides.put("consumed", gzip.compress(text(lines[1])), "deep/er/b.jsonl.gz")
    sides.put("consumed", zstandard.ZstdCompressor().compress(text(lines[2])), "deep/c.jsonl.zst")
    sides.put("consumed", text(lines[3]), "x.jsonl/d.jsonl")
    for other in ("notes.txt", "a.json", "deep/a.jsonl.bz2", "jsonl"):
        sides.put("consumed", b"junk", other)
    os.mkfifo(sides.folder / "consumed" / "pipe.jsonl")
    report = sides.judge()
    assert report.exit_code == 0
    assert report.consumed == 4
    assert (report.files.consumed, report.files.others) == (4, 5)


def test_a_file_that_is_named_twice_is_read_once(sides: Sides) -> None:
    path = sides.folder / "consumed" / "a.jsonl"
    link = sides.folder / "link.jsonl"
    link.symlink_to(path)
    report = sides.judge(consumed=[path, sides.folder / "consumed", path.parent / ".." / "consumed" / "a.jsonl", link])
    assert report.consumed == 1


def test_a_file_of_any_name_may_be_named(sides: Sides) -> None:
    assert sides.judge(consumed=[sides.put("other", text(CONSUMED), "log")]).exit_code == 0


def test_a_pipe_may_be_named(sides: Sides) -> None:
    path = sides.folder / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(text(CONSUMED)))
    writer.start()
    try:
        assert sides.judge(consumed=[path], limits=Limits(bucket_bytes=2 << 30)).consumed == 1
    finally:
        writer.join()


# --- compression ----------------------------------------------------------------------------------------------------


def compress(kind: str, content: bytes) -> bytes:
    return gzip.compress(content) if kind == "gz" else zstandard.ZstdCompressor(write_checksum=True).compress(content)


@pytest.mark.parametrize("kind", ["gz", "zst"])
class TestCompressed:
    def test_several_members_are_one_log(self, sides: Sides, kind: str) -> None:
        lines = [{**CONSUMED, "seq": seq, "t": 9 + seq} for seq in range(3)]
        whole = text(*lines)
        parts = [whole[:10], whole[10:150], b"", whole[150:]]
        sides.put("consumed", b"".join(compress(kind, part) for part in parts), f"b.jsonl.{kind}")
        assert sides.judge().consumed == 4

    @pytest.mark.parametrize("left", [0, 1, 10, -1, -5])
    def test_cut_short(self, sides: Sides, kind: str, left: int) -> None:
        content = compress(kind, text(*[CONSUMED] * 100))
        path = sides.put("consumed", content[:left], f"b.jsonl.{kind}")
        error = sides.refused()
        assert error.file == str(path)
        assert "cut short" in error.reason

    def test_the_second_member_cut_short(self, sides: Sides, kind: str) -> None:
        content = compress(kind, text(CONSUMED))
        path = sides.put("consumed", content + content[:-3], f"b.jsonl.{kind}")
        assert sides.refused().file == str(path)

    def test_not_compressed_at_all(self, sides: Sides, kind: str) -> None:
        path = sides.put("consumed", text(CONSUMED), f"b.jsonl.{kind}")
        error = sides.refused()
        assert error.file == str(path)
        assert "cannot be decompressed" in error.reason

    def test_damaged(self, sides: Sides, kind: str) -> None:
        content = bytearray(compress(kind, text(*({**CONSUMED, "pod": os.urandom(40).hex()} for _ in range(200)))))
        content[len(content) // 2] ^= 0xFF
        content[len(content) // 2 + 1] ^= 0xFF
        path = sides.put("consumed", bytes(content), f"b.jsonl.{kind}")
        assert sides.refused().file == str(path)

    def test_compressed_emptiness_is_an_empty_file(self, sides: Sides, kind: str) -> None:
        sides.put("consumed", compress(kind, b""), f"b.jsonl.{kind}")
        assert sides.judge().files.empty == 1

    def test_a_wrong_line_has_its_number(self, sides: Sides, kind: str) -> None:
        lines = [*[CONSUMED] * 3, b"junk", CONSUMED]
        path = sides.put("consumed", compress(kind, text(*lines)), f"b.jsonl.{kind}")
        error = sides.refused()
        assert (error.file, error.line) == (str(path), 4)


# --- lines ----------------------------------------------------------------------------------------------------------

ABSENT = object()
WRONG_INTEGERS: tuple[object, ...] = ("1", 1.0, 1.5, True, None, -1, 2**63, [1], {}, ABSENT)
WRONG_NAMES: tuple[object, ...] = ("", 5, None, True, ["a"], ABSENT)
WRONG_VALUES: dict[str, dict[str, tuple[object, ...]]] = {
    "produced": {
        "producer": WRONG_NAMES,
        "topic": WRONG_NAMES,
        "seq": WRONG_INTEGERS,
        "partition": (*WRONG_INTEGERS, 2**31),
        "offset": WRONG_INTEGERS,
        "t": WRONG_INTEGERS,
        "status": ("lost", "ACKED", "", None, 1, ABSENT, "failed", "unknown"),
        "end": (3, None),
    },
    "consumed": {
        "color": ("red", "Blue", "", None, 1, ABSENT),
        "pod": WRONG_NAMES,
        "producer": WRONG_NAMES,
        "topic": WRONG_NAMES,
        "epoch": WRONG_INTEGERS,
        "seq": WRONG_INTEGERS,
        "partition": (*WRONG_INTEGERS, 2**31),
        "offset": WRONG_INTEGERS,
        "t": WRONG_INTEGERS,
        "error": (None, 1, False, {}),
    },
    "events": {
        "color": ("red", None, ABSENT),
        "pod": WRONG_NAMES,
        "epoch": WRONG_INTEGERS,
        "event": ("active", "", None, ABSENT),
        "partitions": (
            None,
            ABSENT,
            "t",
            {},
            [[]],
            [["t"]],
            [["t", "0"]],
            [["t", 0, 1, 2]],
            [[0, "t"]],
            [["t", 0, -1]],
            [5],
        ),
        "t": WRONG_INTEGERS,
    },
}
WRONG = [
    pytest.param(side, key, value, id=f"{side}-{key}-{'absent' if value is ABSENT else json.dumps(value)}")
    for side, keys in WRONG_VALUES.items()
    for key, values in keys.items()
    for value in values
]


@pytest.mark.parametrize(("side", "key", "value"), WRONG)
def test_a_wrong_value_names_key_file_and_line(sides: Sides, side: str, key: str, value: object) -> None:
    wrong = {name: found for name, found in {**GOOD[side], key: value}.items() if found is not ABSENT}
    path = sides.put(side, text(GOOD[side], wrong, GOOD[side]), "b.jsonl")
    error = sides.refused()
    assert (error.file, error.line) == (str(path), 2)
    named = "partition" if (side, key) == ("produced", "status") and value in {"failed", "unknown"} else key
    if key != "end":
        assert f'"{named}"' in error.reason
    assert str(error).startswith(f"{path}:2: ")


@pytest.mark.parametrize(
    "line",
    [
        b"junk",
        b"",
        b"   ",
        b"5",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"color": "blue"',
        b"\xff\xfe",
        b"\xef\xbb\xbf" + json.dumps(CONSUMED).encode(),
        json.dumps(CONSUMED).encode().replace(b'"c"', b'"\xff"'),
        json.dumps(CONSUMED).encode() + b" " + json.dumps(CONSUMED).encode(),
        json.dumps(CONSUMED).encode() + b",",
        json.dumps(CONSUMED).encode().replace(b"}", b',"seq": 0}'),
        json.dumps(CONSUMED).encode().replace(b"}", b', "x": NaN}'),
        json.dumps(CONSUMED).encode().replace(b'"c"', b'"\\ud800"'),
        json.dumps(CONSUMED).encode().replace(b'"c"', b'"a\x00b"'),
        b"[" * 100_000,
        b"\x00" * 100,
        b'{"producer": "p", "end": 1}',
    ],
)
def test_junk_in_the_middle(sides: Sides, line: bytes) -> None:
    path = sides.put("consumed", text(*[CONSUMED] * 5, line, CONSUMED), "b.jsonl")
    error = sides.refused()
    assert (error.file, error.line) == (str(path), 6)


@pytest.mark.parametrize(
    "end", [{"end": 1}, {"producer": "p", "end": "1"}, {"producer": "p", "end": -1}, {"producer": 5, "end": 1}]
)
def test_a_wrong_end_line(sides: Sides, end: dict[str, object]) -> None:
    path = sides.put("produced", text(PRODUCED, end))
    error = sides.refused()
    assert (error.file, error.line) == (str(path), 2)


def test_the_line_number_is_right_far_into_a_log(sides: Sides) -> None:
    lines = [*[CONSUMED] * 700, {**CONSUMED, "offset": "x"}, *[CONSUMED] * 50]
    path = sides.put("consumed", text(*lines), "b.jsonl")
    error = sides.refused(limits=Limits(chunk_bytes=10_000))
    assert (error.file, error.line) == (str(path), 701)


def test_a_line_without_end(sides: Sides) -> None:
    path = sides.put("consumed", text(CONSUMED) + b"x" * (3 * MAX_LINE_BYTES), "b.jsonl")
    error = sides.refused()
    assert (error.file, error.line) == (str(path), 2)
    assert "a line of more than" in error.reason


def test_further_keys_and_any_order_and_spacing_are_fine(sides: Sides) -> None:
    shuffled = dict(
        reversed({**CONSUMED, "seq": 1, "offset": 6, "t": 10, "note": {"a": [None, "seq"]}, "version": "2"}.items())
    )
    sides.put(
        "produced",
        text(PRODUCED, json.dumps({**PRODUCED, "seq": 1, "offset": 6}, indent=None, separators=(",", ":")).encode()),
    )
    sides.put("consumed", text(CONSUMED, shuffled))
    assert sides.judge().exit_code == 0


def test_windows_line_ends_are_white_space(sides: Sides) -> None:
    sides.put("consumed", text(CONSUMED).replace(b"\n", b"\r\n"))
    assert sides.judge().exit_code == 0


# --- the last line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", GOOD)
@pytest.mark.parametrize("torn", [b"{", b'{"color": "blue", "po', b"\x00" * 50, b'{"pod": "\xc3'])
def test_a_torn_last_line(sides: Sides, side: str, torn: bytes) -> None:
    path = sides.put(side, text(GOOD[side]) + torn)
    report = sides.judge()
    assert report.exit_code == 0
    assert report.notes["torn"] == 1
    error = sides.refused(strict=True)
    assert (error.file, error.line) == (str(path), 2)
    assert "torn" in error.reason


@pytest.mark.parametrize("side", ["produced", "consumed"])
def test_nothing_but_a_torn_line_is_no_record(sides: Sides, side: str) -> None:
    sides.put(side, b'{"producer"')
    assert "no record at all" in sides.refused().reason


def test_a_torn_line_in_each_compressed_file(sides: Sides) -> None:
    sides.put("consumed", gzip.compress(text(CONSUMED)[:-5]), "b.jsonl.gz")
    sides.put("consumed", zstandard.ZstdCompressor().compress(text(CONSUMED)[:-5]), "c.jsonl.zst")
    assert sides.judge().notes["torn"] == 2


def test_a_torn_line_after_many_chunks(sides: Sides) -> None:
    path = sides.put("consumed", text(*[CONSUMED] * 100) + b'{"color', "b.jsonl")
    limits = Limits(chunk_bytes=1000)
    assert sides.judge(limits=limits).notes["torn"] == 1
    assert (sides.refused(limits=limits, strict=True).file, sides.refused(limits=limits, strict=True).line) == (
        str(path),
        101,
    )


@pytest.mark.parametrize("side", GOOD)
def test_a_last_line_that_only_lacks_its_newline_counts(sides: Sides, side: str) -> None:
    sides.put(side, text(GOOD[side])[:-1])
    report = sides.judge(strict=True)
    assert report.exit_code == 0
    assert report.notes["torn"] == 0
    assert (report.produced, report.consumed, report.events) == (1, 1, {"ACTIVE": 1})


@pytest.mark.parametrize("line", [b"{}", b"5", b'{"color": "red"}'])
def test_a_whole_last_line_of_another_format_is_not_torn(sides: Sides, line: bytes) -> None:
    path = sides.put("consumed", text(CONSUMED) + line)
    error = sides.refused()
    assert (error.file, error.line) == (str(path), 2)


def test_a_disk_that_is_full_is_no_verdict(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(sides.folder / "not there"))
    with pytest.raises(OSError, match="not there"):
        sides.judge()


def test_the_folder_for_temporary_files_is_left_clean(
    sides: Sides, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    generate.clean().write(sides.folder / "clean")
    clean = [sides.folder / "clean" / "produced"], [sides.folder / "clean" / "consumed"]
    assert validate(*clean, limits=Limits(held_rows=10)).exit_code == 0
    sides.put("consumed", b"junk\n")
    sides.refused(limits=Limits(held_rows=1))
    assert list(folder.iterdir()) == []

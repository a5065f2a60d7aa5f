"""The validator against the oracle, over small logs of every kind; the fast parser against the strict one."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.support.search import examples
from tests.validator import oracle
from tests.validator.generate import Line, Logs, clean, told
from tools.validator import InputError, Limits, frames, validate
from tools.validator.errors import FormatError
from tools.validator.lines import ConsumedEnd, EndLine, parse_consumed, parse_produced

PRODUCERS = ("a", "b", "c")
TOPICS = ("t", "u")
HUGE = 2**63 - 2
# Several chunks a file, rows on disk, several buckets: for a dozen lines, and for the hundred of a clean log.
TINY = Limits(chunk_bytes=300, held_rows=4, bucket_bytes=1500)
SMALL = Limits(chunk_bytes=3000, held_rows=40, bucket_bytes=6000)

small = st.integers(0, 4)
number = st.one_of(small, small, small, st.integers(HUGE - 1, HUGE))


@st.composite
def produced_lines(draw: st.DrawFn) -> Line:
    status = draw(st.sampled_from(("acked", "acked", "acked", "failed", "unknown")))
    acked = status == "acked"
    return {
        "producer": draw(st.sampled_from(PRODUCERS[:2])),
        "seq": draw(number),
        "topic": draw(st.sampled_from(TOPICS)),
        "partition": draw(st.integers(0, 1)) if acked else None,
        "offset": draw(number) if acked else None,
        "status": status,
        "t": draw(st.integers(0, 30)),
    }


@st.composite
def consumed_lines(draw: st.DrawFn) -> Line:
    epoch = draw(st.integers(0, 4))
    usual = "blue" if epoch % 3 else "green"
    line = {
        "color": draw(st.sampled_from((usual, usual, usual, usual, "blue"))),
        "pod": "pod",
        "epoch": epoch,
        "producer": draw(st.sampled_from(PRODUCERS)),
        "seq": draw(number),
        "topic": draw(st.sampled_from(TOPICS)),
        "partition": draw(st.integers(0, 1)),
        "offset": draw(number),
        "t": draw(st.integers(0, 30)),
    }
    if draw(st.integers(0, 4)) == 0:
        line["error"] = draw(st.sampled_from(("", "failed", 'a "quoted"\\ one\n')))
    if draw(st.integers(0, 2)) == 0:
        line["version"] = draw(st.sampled_from(("", "1", "1.0", "v2", "1.2.3", "true", 'a "b"')))
    return line


@st.composite
def random_logs(draw: st.DrawFn) -> Logs:
    """Anything of the format, mostly wrong in several ways at once."""
    produced = draw(st.lists(produced_lines(), min_size=1, max_size=12))
    consumed = draw(st.lists(consumed_lines(), min_size=1, max_size=12))
    if draw(st.booleans()):  # else hardly anything would be judged by time
        produced.sort(key=lambda line: int(line["t"]))
        consumed.sort(key=lambda line: int(line["t"]))
    if draw(st.booleans()):  # else hardly anything would match
        for line, (index, other) in zip(consumed, enumerate(produced), strict=False):
            line.update({key: other[key] for key in ("producer", "seq", "topic")})
            if other["offset"] is not None and draw(st.booleans()):
                line.update({key: other[key] for key in ("partition", "offset")})
            del index
    logs = Logs()
    for line in produced:
        logs.produced.setdefault(draw(st.sampled_from(("1.jsonl", "2.jsonl.gz"))), []).append(line)
    for line in consumed:
        logs.consumed.setdefault(draw(st.sampled_from(("1.jsonl", "2.jsonl.zst", "3.jsonl"))), []).append(line)
    for producer in draw(st.lists(st.sampled_from(PRODUCERS[:2]), max_size=2)):
        name = draw(st.sampled_from(sorted(logs.produced)))
        logs.produced[name].append({"producer": producer, "end": draw(st.integers(0, 3))})
    return logs


@st.composite
def nearly_clean_logs(draw: st.DrawFn) -> Logs:
    """The clean log with a few lines removed, repeated, moved, or with another value."""
    logs = clean()
    for _ in range(draw(st.integers(1, 3))):
        side = draw(st.sampled_from(("produced", "consumed")))
        lines: list[Line] = draw(st.sampled_from(list(getattr(logs, side).values())))
        assume(len(lines) > 1)
        index = draw(st.integers(0, len(lines) - 1))
        change = draw(st.sampled_from(("remove", "repeat", "move", "time", "epoch", "copy")))
        line = lines[index]
        if change == "remove":
            del lines[index]
        elif change == "repeat":
            lines.insert(draw(st.integers(0, len(lines))), dict(line))
        elif change == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(index))
        elif change == "time" and "t" in line:
            line["t"] += draw(st.integers(-3, 3)) * 20_000_000
        elif change == "epoch" and "epoch" in line:
            line["epoch"] = draw(st.integers(0, 8))
        elif change == "copy" and "t" in line:
            other = draw(st.sampled_from(lines))
            line.update({key: other[key] for key in ("seq", "partition", "offset") if key in other})
    for log in logs.produced.values():  # a copy may have made a line that is not of the format
        for line in log:
            assume("end" in line or (line["status"] == "acked") == (line.get("offset") is not None))
    return logs


PLACES = st.tuples(st.just("bluegreen"), st.integers(0, 2), st.one_of(st.none(), st.integers(0, 45)))


@st.composite
def told_logs(draw: st.DrawFn) -> Logs:
    """The clean log with all that our consumers write besides, and then left out, doubled, cut, or told otherwise."""
    logs = clean()
    for lines in logs.consumed.values():
        for index in sorted(draw(st.sets(st.integers(0, len(lines) - 1), max_size=2)), reverse=True):
            change = draw(st.sampled_from(("remove", "repeat", "fail")))
            if change == "fail":
                lines[index]["error"] = "no"
            else:
                lines[index : index + 1] = [] if change == "remove" else [lines[index], dict(lines[index])]
    told(logs)
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(sorted(logs.events)))
        change = draw(st.sampled_from(("file", "lines", "lines", "event", "event")))
        if change == "event":
            tell_otherwise(draw, logs.events[name])
        elif name in logs.consumed and change == "lines":
            shorten(draw, logs.consumed[name])
        elif name in logs.consumed and draw(st.booleans()):
            copied = draw(st.sampled_from((f"{name}.gz", "copy.x.jsonl", "copy.x.jsonl.zst")))
            logs.consumed[copied] = list(logs.consumed[name])
        elif len(logs.consumed) > 1:
            logs.consumed.pop(name, None)
    assume(any("end" not in line for log in logs.consumed.values() for line in log))
    return logs


def shorten(draw: st.DrawFn, log: list[Line]) -> None:
    """A killed process; a log cut at its end; one with a hole, whose end line does not know of it or does."""
    change = draw(st.sampled_from(("kill", "cut", "hole")))
    if change == "kill":
        log[:] = [line for line in log if "end" not in line]
    elif change == "cut":
        del log[draw(st.integers(1, max(1, len(log)))) :]
    elif log and "end" in log[-1]:
        del log[draw(st.integers(0, len(log) - 1))]
        if draw(st.booleans()) and log:
            log[-1] = {**log[-1], "end": len(log) - 1} if "end" in log[-1] else log[-1]


def tell_otherwise(draw: st.DrawFn, events: list[Line]) -> None:
    """One more event, anywhere."""
    index = draw(st.integers(0, len(events) - 1))
    kind = draw(st.sampled_from(("ASSIGNED", "COMMITTED", "END", "REVOKED", "PAUSED", "LOST", "FENCED")))
    places = draw(st.lists(PLACES, max_size=2, unique_by=lambda place: place[1]))
    partitions = [[one for one in place if one is not None] for place in places]
    events.insert(index, {**events[index], "event": kind, "partitions": partitions})


def check(logs: Logs, producers: frozenset[str], error_ns: int, limits: Limits) -> None:
    wanted = oracle.expected(logs, producers, error_ns)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        logs.write(folder)
        options: dict[str, Any] = {"producers": sorted(producers), "clock_error_ms": error_ns / 1e6, "limits": limits}
        mentioned = {line["producer"] for log in logs.produced.values() for line in log}
        if logs.events:
            options["events"] = [folder / "events"]
        if not wanted["produced"] or producers - mentioned or wanted["refused"]:
            with pytest.raises(InputError):
                validate([folder / "produced"], [folder / "consumed"], **options)
            return
        report = validate([folder / "produced"], [folder / "consumed"], **options)
    assert report.anomalies == wanted["anomalies"]
    assert report.notes == wanted["notes"]
    assert bool(report.unjudged) == wanted["unjudged"]
    assert (report.produced, report.acked, report.consumed) == tuple(
        wanted[key] for key in ("produced", "acked", "consumed")
    )
    assert report.as_json()["handled"] == wanted["handled"]
    assert report.failed == sum(one["failed"] for each in wanted["handled"].values() for one in each.values())
    failing = any(wanted["anomalies"].values())
    assert report.exit_code == (1 if failing else 2 if wanted["unjudged"] else 0)
    colors = {(line["epoch"], line["color"]) for log in logs.consumed.values() for line in log if "end" not in line}
    if len({epoch for epoch, _ in colors}) == len(colors):
        raw = report.as_json()["partitions"]
        assert raw == {place: [pytest.approx(one) for one in found] for place, found in wanted["partitions"].items()}
    for anomaly, found in report.examples.items():
        assert bool(found) == bool(report.anomalies[anomaly])
        assert len(found) <= 20


quick = settings(
    max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@quick
@given(
    random_logs(),
    st.sampled_from((frozenset(), frozenset("a"), frozenset("ab"))),
    small,
    st.sampled_from((Limits(), TINY)),
)
def test_random_logs(logs: Logs, producers: frozenset[str], error: int, limits: Limits) -> None:
    check(logs, producers, error, limits)


@quick
@given(nearly_clean_logs(), st.sampled_from((0, 20_000_000, 35_000_000)), st.sampled_from((Limits(), SMALL)))
def test_nearly_clean_logs(logs: Logs, error: int, limits: Limits) -> None:
    check(logs, frozenset(), error, limits)


@quick
@given(told_logs(), st.sampled_from((frozenset(), frozenset({"p0"}))), st.sampled_from((Limits(), SMALL)))
def test_told_logs(logs: Logs, producers: frozenset[str], limits: Limits) -> None:
    check(logs, producers, 0, limits)


# --- the fast parser ------------------------------------------------------------------------------------------------

ACK = b'{"producer": "p", "seq": 1, "topic": "t", "partition": 3, "offset": 17, "status": "acked", "t": 5}'
SHUFFLED = (
    b'{"t": 1, "seq": 1, "status": "acked", "topic": "5", "partition": 3, "offset": 7, "producer": "p\xc3\xa9\\u00e9"}'
)
HANDLED = (
    b'{"color": "blue", "pod": "c", "epoch": 7, "producer": "p", "seq": 1, "topic": "t", "partition": 3,'
    b' "offset": 1, "t": 1}'
)
GOOD = {
    "produced": (
        ACK,
        b'{"producer":"p","seq":2,"topic":"t","partition":null,"offset":null,"status":"unknown","t":6}',
        b'{"producer": "p", "end": 3}',
        SHUFFLED,
        b" " + ACK[:-1] + b', "x": {"y": []}} \r',
    ),
    "consumed": (
        HANDLED,
        HANDLED.replace(b" ", b"")[:-1] + b',"error":"no"}',
        HANDLED.replace(b"blue", b"green")[:-1] + b', "error": ""}',
        HANDLED[:-1] + b', "error": "a \\"b\\" {\\n"}',
        HANDLED.replace(b'"c"', b'"true"').replace(b'"p"', b'"1.5"').replace(b'"t",', b'"[]",'),
        HANDLED[:-1] + b', "more": "x"}',
        HANDLED[:-1] + b', "version": "1.0"}',
        HANDLED[:-1] + b',"version":"1"}',
        HANDLED[:-1] + b', "version": "v2", "error": "no"}',
        b'{"pod": "c", "end": 3}',
    ),
}
# What one reader lets pass and another does not: types, keys twice, null, numbers out of range, names like numbers.
TOKENS = (
    *(
        b'"41"',
        b"41.0",
        b"4e1",
        b"-1",
        b"-0",
        b"01",
        b"true",
        b"null",
        b"{}",
        b"[]",
        b'""',
        b"NaN",
        b"99999999999999999999",
    ),
    *(b"9223372036854775807", b"9223372036854775808", b"2147483647", b"2147483648", b'"error"', b'"end"', b'"seq"'),
    *(
        b", ",
        b'"',
        b"\\",
        b"\x00",
        b"\xff",
        b"\xc3",
        b"{",
        b"}",
        b"",
        b"\t",
        b' "seq": 5,',
        b' "end": null,',
        b'"x": 1, ',
    ),
    *(
        b'"\\ud800"',
        b'"\\u0073eq"',
        b'"error": null, ',
        b'"error": 5, ',
        b'"version": 1, ',
        b'"version": "1", ',
        b'"version": null, ',
        b'"color": "red", ',
        b"5",
        b'"a\x01b"',
        b'"inf"',
    ),
)


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """Lines of one side; some with a piece of them replaced by something tempting."""
    side = draw(st.sampled_from(("produced", "consumed")))
    lines = draw(st.lists(st.sampled_from(GOOD[side]), min_size=1, max_size=5))
    for _ in range(draw(st.integers(0, 2))):
        index = draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        cuts = [0, *(place for place, byte in enumerate(line) if byte in b'{}[]":, '), len(line)]
        start = draw(st.sampled_from(cuts)) + draw(st.integers(0, 1))
        end = draw(st.sampled_from([cut for cut in cuts if start <= cut <= start + 12] or [start]))
        lines[index] = line[:start] + draw(st.sampled_from(TOKENS)) + line[end:]
    return side, lines


@settings(max_examples=examples(1000), deadline=None)
@given(spoiled())
def test_the_fast_parser_is_the_strict_one(case: tuple[str, list[bytes]]) -> None:
    side, lines = case
    strict = parse_produced if side == "produced" else parse_consumed
    raw = b"".join(line + b"\n" for line in lines)
    rows: list[tuple[Any, ...]] = []
    ends: list[EndLine | ConsumedEnd] = []
    wrong = None
    for index, line in enumerate(lines):
        try:
            found = strict(line)
        except FormatError:
            wrong = 100 + index
            break
        if isinstance(found, EndLine | ConsumedEnd):
            ends.append(found)
        else:
            rows.append((100 + index, *found))
    if wrong is not None:
        with pytest.raises(InputError) as raised:
            frames.parse(raw, 100, len(lines), side=side, file="f")
        assert (raised.value.file, raised.value.line) == ("f", wrong)
        return
    parsed = frames.parse(raw, 100, len(lines), side=side, file="f")
    assert parsed.records.rows() == rows
    assert parsed.ends == tuple(ends)


def test_the_fast_parser_is_what_reads_ordinary_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be right, but slow."""

    def refuse(*_: object) -> None:
        raise AssertionError("a line was read one by one")

    monkeypatch.setattr(frames, "parse_produced", refuse)
    monkeypatch.setattr(frames, "parse_consumed", refuse)
    for side, kinds in (("produced", (0,)), ("consumed", (0, 1, 6, 7, 8))):
        lines = [GOOD[side][kind] for kind in kinds] * 50
        raw = b"".join(line + b"\n" for line in lines)
        assert frames.parse(raw, 1, len(lines), side=side, file="f").records.height == len(lines)
    one_of_many = [
        json.dumps({**json.loads(GOOD["consumed"][0]), "error": 'a "b"'}).encode(),
        *[GOOD["consumed"][0]] * 9,
    ]
    with pytest.raises(AssertionError):
        frames.parse(b"".join(line + b"\n" for line in one_of_many), 1, 10, side="consumed", file="f")

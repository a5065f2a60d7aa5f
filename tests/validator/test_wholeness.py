"""A judgement rests on whole logs: what is there twice, cut or missing is named and ends with 2; nothing else does."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.validator import generate
from tests.validator.generate import Line, Logs
from tools.validator import CLASSES, InputError, Report, validate

BLUE, GREEN = "consumer-blue-0.a.jsonl", "consumer-green-0.b.jsonl"


def event(name: str, kind: str, *places: tuple[int, int | None], t: int = 1) -> Line:
    """An event of the process whose logs have this name, about places (partition, offset)."""
    pod = name.partition(".")[0]
    partitions = [["bluegreen", one] if offset is None else ["bluegreen", one, offset] for one, offset in places]
    who = {"color": pod.split("-")[1], "pod": pod, "version": "v1"}
    return {**who, "epoch": 1, "event": kind, "partitions": partitions, "t": t}


def judged(logs: Logs, folder: Path, **options: Any) -> Report:
    logs.write(folder)
    events = [folder / "events"] if logs.events else []
    return validate([folder / "produced"], [folder / "consumed"], events=events, **options)


def refused(logs: Logs, folder: Path, **options: Any) -> str:
    with pytest.raises(InputError) as raised:
        judged(logs, folder, **options)
    return str(raised.value)


@pytest.fixture
def logs() -> Logs:
    """The clean log with all that our consumer writes."""
    return generate.told(generate.clean())


def test_a_whole_log_passes(logs: Logs, tmp_path: Path) -> None:
    report = judged(logs, tmp_path)
    assert report.exit_code == 0
    assert report.as_json()["handled"] == {
        "blue": {"1.0": {"handled": 58, "failed": 0}},
        "green": {"2": {"handled": 60, "failed": 1}},
    }


class TestThereTwice:
    @pytest.mark.parametrize("side", ["produced", "consumed"])
    @pytest.mark.parametrize(
        "name", ["copy.x.jsonl", "copy.x.jsonl.gz", "copy.x.jsonl.zst", "SAME.gz", "SAME.zst", "deep/SAME"]
    )
    def test_is_refused(self, logs: Logs, side: str, name: str, tmp_path: Path) -> None:
        files = getattr(logs, side)
        own = next(iter(files))
        files[name.replace("SAME", own)] = copy.deepcopy(files[own])
        text = refused(logs, tmp_path)
        assert "is there twice" in text
        assert own in text

    def test_an_older_copy_of_the_same_process_too(self, logs: Logs, tmp_path: Path) -> None:
        logs.consumed["older/" + GREEN] = logs.consumed[GREEN][:10]
        assert "pod consumer-green-0, boot id b is there twice" in refused(logs, tmp_path)

    def test_logs_without_a_record_are_all_alike(self, logs: Logs, tmp_path: Path) -> None:
        for boot in "xyz":
            logs.consumed[f"consumer-blue-1.{boot}.jsonl"] = [{"pod": "consumer-blue-1", "end": 0}]
            logs.consumed[f"consumer-blue-2.{boot}.jsonl"] = []
        assert judged(logs, tmp_path).exit_code == 0

    def test_that_only_look_alike_are_two(self, tmp_path: Path) -> None:
        """Size, number of lines, first and last line are the same."""
        logs = generate.clean()
        del logs.produced["p1.jsonl"], logs.consumed[GREEN]
        logs.consumed[BLUE] = [line for line in logs.consumed[BLUE] if line["producer"] == "p0"][:4]
        logs.consumed["consumer-blue-1.c.jsonl"] = copy.deepcopy(logs.consumed[BLUE])
        logs.consumed["consumer-blue-1.c.jsonl"][1]["t"] += 1
        assert judged(logs, tmp_path, allow_duplicates=True).anomalies["duplicate"] > 0


class TestEndLine:
    @pytest.mark.parametrize("by", [-1, 1])
    def test_a_wrong_count_is_refused(self, logs: Logs, by: int, tmp_path: Path) -> None:
        logs.consumed[GREEN][-1]["end"] += by
        text = refused(logs, tmp_path)
        assert "pod consumer-green-0, boot id b" in text
        assert f"ended after {60 + by} line(s), but has 60" in text

    def test_it_counts_what_is_foreign_too(self, logs: Logs, tmp_path: Path) -> None:
        assert judged(logs, tmp_path, producers=["p0"]).exit_code == 0

    def test_a_missing_one_alone_is_no_finding(self, logs: Logs, tmp_path: Path) -> None:
        """Interleaving 23."""
        del logs.consumed[GREEN][-1], logs.consumed[BLUE][-1]
        assert judged(logs, tmp_path).exit_code == 0

    @pytest.mark.parametrize("wrong", [{"end": 60, "seq": 1}, {"end": "60"}, {"end": -1}, {"end": 60, "pod": ""}])
    def test_of_another_format(self, logs: Logs, wrong: Line, tmp_path: Path) -> None:
        logs.consumed[GREEN][-1].update(wrong)
        assert f"{GREEN}:61: " in refused(logs, tmp_path)


class TestCommits:
    @pytest.mark.parametrize("name", [BLUE, GREEN])
    def test_a_log_left_out(self, logs: Logs, name: str, tmp_path: Path) -> None:
        del logs.consumed[name]
        text = refused(logs, tmp_path)
        pod, boot_id, _ = name.split(".")
        assert f"pod {pod}, boot id {boot_id}, bluegreen-0, offsets " in text

    def test_a_log_left_out_although_its_process_began_again_at_the_end(self, tmp_path: Path) -> None:
        """Blue's second spell starts beyond all that it committed in its first one, and handles nothing."""
        logs = generate.clean()
        logs.consumed[BLUE] = [line for line in logs.consumed[BLUE] if line["epoch"] == 1]
        generate.told(logs)
        logs.events[BLUE].append(event(BLUE, "PAUSED", (0, None), (1, None), (2, None), t=2**62))
        logs.events[BLUE].append(event(BLUE, "ASSIGNED", (0, 99), (1, 99), (2, 99), t=2**62))
        del logs.consumed[BLUE]
        assert "pod consumer-blue-0, boot id a, bluegreen-0, offsets 0 to 9" in refused(logs, tmp_path)

    def test_a_log_without_its_last_lines(self, logs: Logs, tmp_path: Path) -> None:
        last = logs.consumed[GREEN][-2]
        del logs.consumed[GREEN][-2:]
        text = refused(logs, tmp_path)
        assert f"bluegreen-{last['partition']}, offsets {last['offset']} to {last['offset']}" in text

    def test_in_a_whole_log_it_is_lost(self, logs: Logs, tmp_path: Path) -> None:
        """Blue's last record: acked, committed, and nobody handled it."""
        last = logs.consumed[BLUE].pop(-2)
        logs.consumed[BLUE][-1]["end"] -= 1
        report = judged(logs, tmp_path)
        assert report.failing == ("lost",)
        assert report.anomalies["lost"] == 1
        assert report.examples["lost"][0]["offset"] == last["offset"]

    def test_in_a_whole_log_it_is_lost_although_another_handled_it(self, logs: Logs, tmp_path: Path) -> None:
        last = logs.consumed[BLUE].pop(-2)
        logs.consumed[BLUE][-1]["end"] -= 1
        logs.consumed["consumer-blue-1.c.jsonl"] = [{**last, "pod": "consumer-blue-1"}]
        report = judged(logs, tmp_path)
        assert report.anomalies["lost"] == 1
        (example,) = report.examples["lost"]
        assert (example["pod"], example["boot_id"], example["committed"]) == (
            "consumer-blue-0",
            "a",
            last["offset"] + 1,
        )

    @pytest.mark.parametrize("kinds", [("END", "COMMITTED"), ("COMMITTED", "END")])
    def test_beyond_markers(self, logs: Logs, kinds: tuple[str, str], tmp_path: Path) -> None:
        last = logs.consumed[GREEN][-2]
        logs.events[GREEN] += [event(GREEN, kind, (last["partition"], last["offset"] + 3), t=2**62) for kind in kinds]
        assert judged(logs, tmp_path).exit_code == 0

    def test_a_start_that_is_committed_before_it_is_assigned_and_a_copy(self, logs: Logs, tmp_path: Path) -> None:
        """Strategy B: copies while it waits, then the starts, then the assignment; nothing is handled."""
        name = "consumer-green-1.c.jsonl"
        logs.events[name] = [
            event(name, "COMMITTED", (0, 12)),
            event(name, "COMMITTED", (0, 20)),
            event(name, "ASSIGNED", (0, 20)),
            event(name, "COMMITTED", (0, 20)),
        ]
        assert judged(logs, tmp_path).exit_code == 0
        logs.events[name].append(event(name, "COMMITTED", (0, 21)))
        assert "pod consumer-green-1, boot id c, bluegreen-0, offsets 20 to 20" in refused(logs, tmp_path)

    def test_a_process_that_owned_nothing(self, logs: Logs, tmp_path: Path) -> None:
        logs.events["consumer-green-1.c.jsonl"] = [event("consumer-green-1.c.jsonl", "PAUSED")]
        assert judged(logs, tmp_path).exit_code == 0

    @pytest.mark.parametrize("lines", range(0, 60, 7))
    def test_killed_at_any_moment(self, logs: Logs, lines: int, tmp_path: Path) -> None:
        """A line is with the kernel before its offset is committed; the next one, begun, may be torn."""
        kept = logs.consumed[GREEN][:lines]
        rest = logs.consumed[GREEN][lines:-1]
        logs.consumed = {BLUE: logs.consumed[BLUE], GREEN: kept}
        logs.tails[GREEN] = b'{"color": "green", "po'
        logs.events[GREEN] = generate.events_of(GREEN, kept)
        logs.consumed["consumer-green-0.again.jsonl"] = rest
        assert judged(logs, tmp_path).exit_code == 0

    def test_outside_of_what_the_producers_wrote_it_is_nobodys(self, logs: Logs, tmp_path: Path) -> None:
        """A copy of the logs may have the lines of one producer only; the next one's are committed on."""
        logs.events[BLUE].append(event(BLUE, "COMMITTED", (0, 500), t=2**62))
        assert judged(logs, tmp_path).exit_code == 0

    def test_what_another_producer_wrote_in_between_is_nobodys(self, logs: Logs, tmp_path: Path) -> None:
        """Two stacks on one topic: the export leaves the other's records out, and they are committed all the same."""
        del logs.produced["p1.jsonl"]
        for name, lines in logs.consumed.items():
            own = [line for line in lines if line.get("producer") == "p0"]
            logs.consumed[name] = [*own, {**lines[-1], "end": len(own)}]
        assert judged(logs, tmp_path).as_json()["anomalies"]["lost"] == 0
        p0 = next(line for line in reversed(logs.consumed[BLUE]) if line.get("producer") == "p0")
        logs.consumed[BLUE].remove(p0)
        logs.consumed[BLUE][-1]["end"] -= 1
        assert judged(logs, tmp_path).as_json()["anomalies"]["lost"] == 1, "its own is"


class TestParts:
    @pytest.fixture
    def cut(self, logs: Logs) -> Logs:
        """Both kinds of logs in three parts."""
        for side, name in (("consumed", GREEN), ("produced", "p0.a.jsonl")):
            files = getattr(logs, side)
            lines = files.pop(name if name in files else "p0.jsonl")
            stem = name.removesuffix(".jsonl")
            files |= {f"{stem}.jsonl": lines[:20], f"{stem}.0002.jsonl.zst": lines[40:]}
            files[f"{stem}.0001.jsonl.gz"] = lines[20:40]
        return logs

    def test_are_one_log(self, cut: Logs, tmp_path: Path) -> None:
        report = judged(cut, tmp_path)
        assert report.exit_code == 0
        assert (report.produced, report.consumed) == (120, 118)

    def test_are_in_one_order(self, cut: Logs, tmp_path: Path) -> None:
        """A lower offset in a later part is out of order; a time that falls from one part to the next is a step."""
        first, second = cut.consumed[GREEN], cut.consumed["consumer-green-0.b.0001.jsonl.gz"]
        one = first[-1]
        other = next(line for line in second if line["partition"] == one["partition"])
        for key in ("producer", "seq", "offset"):
            one[key], other[key] = other[key], one[key]
        assert judged(cut, tmp_path).failing == ("out_of_order",)
        second[0]["t"] = first[0]["t"]
        assert judged(cut, tmp_path).notes["clock_steps"] == 1

    @pytest.mark.parametrize("gone", [GREEN, "consumer-green-0.b.0001.jsonl.gz"])
    def test_that_are_not_all_there(self, cut: Logs, gone: str, tmp_path: Path) -> None:
        del cut.consumed[gone]
        text = refused(cut, tmp_path)
        assert "pod consumer-green-0, boot id b is not whole: of its parts 0 to 2" in text

    def test_the_last_one_missing_is_seen_by_the_commits(self, cut: Logs, tmp_path: Path) -> None:
        del cut.consumed["consumer-green-0.b.0002.jsonl.zst"]
        assert "not there, or not whole" in refused(cut, tmp_path)

    def test_that_had_to_go(self, logs: Logs, tmp_path: Path) -> None:
        logs.events[GREEN].append(event(GREEN, "TRUNCATED", t=2**62))
        assert "TRUNCATED" in refused(logs, tmp_path)


def test_every_record_failed(logs: Logs, tmp_path: Path) -> None:
    for lines in logs.consumed.values():
        for line in lines[:-1]:
            line["error"] = "no"
    report = judged(logs, tmp_path).as_json()
    assert (report["schema"], report["consumed"], report["failed"]) == (2, 118, 118)
    assert {
        color: sum(one["failed"] for one in versions.values()) for color, versions in report["handled"].items()
    } == {
        "blue": 58,
        "green": 60,
    }


def _older(logs: Logs) -> None:
    """As the first stage wrote it: no version, no end lines, no starts; and the export left out other producers."""
    for lines in [*logs.consumed.values(), *logs.events.values()]:
        for line in lines:
            line.pop("version", None)
            if line.get("event") == "ASSIGNED":
                line["partitions"] = [place[:2] for place in line["partitions"]]
        lines[:] = [line for line in lines if "end" not in line and line.get("event") != "END"]


def test_an_older_log_is_judged_as_ever(logs: Logs, tmp_path: Path) -> None:
    """Committed runs of the first stage: their consumers went on with the next producer, whose lines are not there."""
    _older(logs)
    logs.events[BLUE].append(event(BLUE, "COMMITTED", (0, 60), (1, 60), (2, 60), t=2**62))
    report = judged(logs, tmp_path)
    assert report.exit_code == 0
    assert report.anomalies == dict.fromkeys(CLASSES, 0)
    assert report.as_json()["handled"] == {
        "blue": {"": {"handled": 58, "failed": 0}},
        "green": {"": {"handled": 60, "failed": 1}},
    }

"""For every class a log that has exactly that anomaly, and nothing else."""

from pathlib import Path

import pytest

from tests.validator import generate, oracle
from tools.validator import CLASSES, NOTES, Report, validate

CASES = [
    pytest.param(name, change, count, id=change.__name__.lstrip("_"))
    for name, changes in generate.ANOMALIES.items()
    for change, count in changes
]


def judged(logs: generate.Logs, folder: Path, **options: object) -> Report:
    logs.write(folder)
    return validate([folder / "produced"], [folder / "consumed"], **options)  # type: ignore[arg-type]


def test_the_generator_knows_every_class_and_note() -> None:
    assert set(generate.ANOMALIES) == set(CLASSES)
    assert {*generate.NOTES, "unknown"} == set(NOTES)


def test_a_clean_log_passes(tmp_path: Path) -> None:
    report = judged(generate.clean(), tmp_path)
    assert report.exit_code == 0
    assert report.verdict == "pass"
    assert report.anomalies == dict.fromkeys(CLASSES, 0)
    assert report.notes == {**dict.fromkeys(NOTES, 0), "unknown": 2}
    assert report.unjudged == ()
    assert (report.produced, report.acked, report.consumed) == (120, 117, 118)
    assert all(not found for found in report.examples.values())


@pytest.mark.parametrize(("name", "change", "count"), CASES)
def test_one_anomaly_and_nothing_else(name: str, change: generate.Change, count: int, tmp_path: Path) -> None:
    report = judged(generate.with_anomaly(change), tmp_path)
    # What comes after a record of the other colour on its own partition does so on all of them.
    wanted = {name: count, **({"dual_active": 1} if name == "zombie" else {})}
    assert {key: found for key, found in report.anomalies.items() if found} == wanted
    assert report.verdict == "fail"
    assert report.exit_code == 1
    assert report.failing == tuple(wanted)
    assert report.unjudged == ()
    assert len(report.examples[name]) == count
    assert {key for key, found in report.examples.items() if found} == set(wanted)
    stale = name == "zombie" or change.__name__ == "_dual_active_beyond_the_next_epoch"
    assert report.notes == {**dict.fromkeys(NOTES, 0), "unknown": 2, **({"stale_epoch": 1} if stale else {})}


@pytest.mark.parametrize(("name", "change", "count"), CASES)
def test_the_oracle_agrees(name: str, change: generate.Change, count: int, tmp_path: Path) -> None:
    logs = generate.with_anomaly(change)
    report = judged(logs, tmp_path)
    wanted = oracle.expected(logs, frozenset(), 0)
    assert report.anomalies == wanted["anomalies"]
    assert report.notes == wanted["notes"]


@pytest.mark.parametrize("name", ["unlogged", "stale_epoch", "torn"])
def test_a_note_does_not_fail(name: str, tmp_path: Path) -> None:
    report = judged(generate.with_anomaly(generate.NOTES[name]), tmp_path)
    assert report.exit_code == 0
    assert report.anomalies == dict.fromkeys(CLASSES, 0)
    assert report.notes == {**dict.fromkeys(NOTES, 0), "unknown": 2, name: 1}


def test_foreign_records_are_counted_and_not_judged(tmp_path: Path) -> None:
    logs = generate.with_anomaly(generate.NOTES["foreign"])
    assert judged(logs, tmp_path).failing == ("phantom",)
    report = judged(logs, tmp_path, producers=["p0", "p1"])
    assert report.exit_code == 0
    assert report.notes["foreign"] == 1
    assert report.consumed == 118


def test_duplicates_may_be_allowed(tmp_path: Path) -> None:
    logs = generate.with_anomaly(generate.ANOMALIES["duplicate"][0][0])
    report = judged(logs, tmp_path, allow_duplicates=True)
    assert report.exit_code == 0
    assert report.verdict == "pass"
    assert report.anomalies["duplicate"] == 1


class TestClockSteps:
    def test_nothing_else_wrong_cannot_be_judged(self, tmp_path: Path) -> None:
        report = judged(generate.with_anomaly(generate.NOTES["clock_steps"]), tmp_path)
        assert report.notes["clock_steps"] == 1
        assert report.exit_code == 2
        assert report.verdict == "fail"
        assert "clock went back 1 time" in report.unjudged[0]

    def test_within_the_clock_error_it_is_none(self, tmp_path: Path) -> None:
        report = judged(generate.with_anomaly(generate.NOTES["clock_steps"]), tmp_path, clock_error_ms=50)
        assert report.notes["clock_steps"] == 0
        assert report.exit_code == 0

    def test_another_class_still_fails(self, tmp_path: Path) -> None:
        logs = generate.with_anomaly(generate.NOTES["clock_steps"])
        generate.ANOMALIES["lost"][0][0](logs)
        report = judged(logs, tmp_path)
        assert report.exit_code == 1
        assert report.failing == ("lost",)

    def test_classes_by_time_are_not_counted(self, tmp_path: Path) -> None:
        logs = generate.with_anomaly(generate.NOTES["clock_steps"])
        generate.ANOMALIES["zombie"][0][0](logs)
        report = judged(logs, tmp_path)
        assert report.exit_code == 2
        assert report.anomalies["zombie"] == 0

    def test_two_colors_in_one_epoch_need_no_clock(self, tmp_path: Path) -> None:
        logs = generate.with_anomaly(generate.NOTES["clock_steps"])
        generate.ANOMALIES["dual_active"][1][0](logs)
        report = judged(logs, tmp_path)
        assert report.anomalies["dual_active"] == 1
        assert report.exit_code == 1

    def test_in_a_produced_and_in_an_event_log_it_counts_too(self, tmp_path: Path) -> None:
        logs = generate.clean()
        logs.produced["p0.jsonl"][10]["t"] += 5 * generate.STEP
        event = {"color": "blue", "pod": "b", "epoch": 1, "event": "ACTIVE", "partitions": [["bluegreen", 0, 5]]}
        logs.events["b.jsonl"] = [{**event, "t": 5}, {**event, "t": 4}]
        logs.write(tmp_path)
        sides = [tmp_path / "produced"], [tmp_path / "consumed"]
        assert validate(*sides).notes["clock_steps"] == 1
        report = validate(*sides, events=[tmp_path / "events"])
        assert report.notes["clock_steps"] == 2
        assert report.events == {"ACTIVE": 2}

    def test_of_a_foreign_record_it_does_not_count(self, tmp_path: Path) -> None:
        logs = generate.with_anomaly(generate.NOTES["foreign"])
        logs.consumed["consumer-blue-0.a.jsonl"][-1]["t"] = 5
        assert judged(logs, tmp_path, producers=["p0", "p1"]).exit_code == 0


class TestClockError:
    def test_dual_active_must_exceed_it(self, tmp_path: Path) -> None:
        logs = generate.with_anomaly(generate.ANOMALIES["dual_active"][0][0])
        assert judged(logs, tmp_path, clock_error_ms=0).anomalies["dual_active"] == 1
        assert judged(logs, tmp_path, clock_error_ms=0.000001).anomalies["dual_active"] == 0

    def test_the_same_moment_is_not_after(self, tmp_path: Path) -> None:
        logs = generate.with_anomaly(generate.ANOMALIES["dual_active"][0][0])
        logs.consumed["consumer-green-0.b.jsonl"][0]["t"] += 1
        assert judged(logs, tmp_path).exit_code == 0

    def test_of_a_late_span_only_what_is_after(self, tmp_path: Path) -> None:
        """Three records of blue's epoch 1, at, before and after the moment of green's first on the same partition."""
        logs = generate.clean()
        first = logs.consumed["consumer-green-0.b.jsonl"][0]
        place = first["partition"]
        blue = [
            line
            for line in logs.consumed["consumer-blue-0.a.jsonl"]
            if (line["epoch"], line["partition"]) == (1, place)
        ]
        for line, late in zip(blue[-3:], (0, 1, 2), strict=True):
            logs.consumed["consumer-blue-0.a.jsonl"].remove(line)
            line["t"] = first["t"] + late
        logs.consumed["consumer-blue-1.c.jsonl"] = blue[-3:]
        assert judged(logs, tmp_path).anomalies["zombie"] == 2
        assert judged(logs, tmp_path, clock_error_ms=0.000001).anomalies["zombie"] == 1

    @pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf")])
    def test_a_wrong_one_is_refused(self, wrong: float, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="clock error"):
            judged(generate.clean(), tmp_path, clock_error_ms=wrong)


class TestDualActive:
    """Over all newer epochs and all partitions; counted per older epoch."""

    @staticmethod
    def _judged(handled: list[tuple[str, int, int, int]], folder: Path, **options: object) -> Report:
        """``handled``: colour, epoch, partition, time; a file for each colour and epoch."""
        logs = generate.Logs()
        for seq, (color, epoch, partition, t) in enumerate(sorted(handled, key=lambda one: one[3])):
            record = {"producer": "p", "seq": seq, "topic": "bluegreen", "partition": partition, "offset": seq}
            logs.produced.setdefault("p.a.jsonl", []).append({**record, "status": "acked", "t": t})
            line = {"color": color, "pod": f"{color}-{epoch}", "epoch": epoch, **record, "t": t}
            logs.consumed.setdefault(f"{color}-{epoch}.b.jsonl", []).append(line)
        return judged(logs, folder, **options)

    def test_an_epoch_of_the_own_colour_between_does_not_hide_it(self, tmp_path: Path) -> None:
        """A pod of blue stays with epoch 3 until 530, the others went on to 5; green has 7 from 300 on, elsewhere."""
        handled = [("blue", 3, 0, t) for t in range(0, 531, 10)]
        handled += [("blue", 5, 1, t) for t in range(200, 300, 10)]
        handled += [("green", 7, 2, t) for t in range(300, 600, 10)]
        report = self._judged(handled, tmp_path)
        assert report.failing == ("dual_active",)
        assert report.anomalies["dual_active"] == 1
        assert report.examples["dual_active"] == [{"from_epoch": 3, "to_epoch": 7, "overlap_seconds": 230e-9}]
        assert self._judged(handled, tmp_path, clock_error_ms=230e-6).exit_code == 0
        assert self._judged(handled, tmp_path, clock_error_ms=229e-6).exit_code == 1

    def test_each_older_epoch_counts_once(self, tmp_path: Path) -> None:
        """Blue under 3 and under 5 until after green's 7 and 9: two epochs, however many pairs and records."""
        handled = [("blue", epoch, epoch, t) for epoch in (3, 5) for t in range(0, 531, 10)]
        handled += [("green", epoch, epoch, t) for epoch in (7, 9) for t in range(300, 600, 10)]
        report = self._judged(handled, tmp_path)
        assert report.anomalies["dual_active"] == 2
        assert [(one["from_epoch"], one["to_epoch"]) for one in report.examples["dual_active"]] == [(3, 7), (5, 7)]

    def test_two_colours_under_one_epoch_that_is_overtaken_too_count_once(self, tmp_path: Path) -> None:
        handled = [("blue", 3, 0, 10), ("green", 3, 1, 10), ("green", 3, 1, 40), ("blue", 5, 2, 20)]
        report = self._judged(handled, tmp_path)
        assert report.anomalies["dual_active"] == 1

    def test_the_other_colour_later_is_none(self, tmp_path: Path) -> None:
        handled = [
            ("blue", 3, 0, 10),
            ("blue", 5, 1, 20),
            ("green", 7, 2, 20),
            ("green", 9, 2, 30),
            ("blue", 11, 0, 40),
        ]
        assert self._judged(handled, tmp_path).exit_code == 0


class TestDuplicates:
    """What counts how often."""

    def test_n_processings_count_n_minus_one(self, tmp_path: Path) -> None:
        logs = generate.clean()
        for _ in range(3):
            generate.ANOMALIES["duplicate"][0][0](logs) if _ == 0 else self._again(logs)
        report = judged(logs, tmp_path)
        assert report.anomalies["duplicate"] == 3
        (example,) = report.examples["duplicate"]
        assert example["count"] == 3
        assert len(example["processed"]) == 4

    @staticmethod
    def _again(logs: generate.Logs) -> None:
        lines = logs.consumed["consumer-blue-0.a.jsonl"]
        lines.append({**lines[-1], "t": lines[-1]["t"] + generate.STEP})

    def test_a_failed_processing_and_a_good_one_are_no_duplicate(self, tmp_path: Path) -> None:
        logs = generate.with_anomaly(generate.ANOMALIES["duplicate"][0][0])
        logs.consumed["consumer-blue-0.a.jsonl"][-1]["error"] = ""
        assert judged(logs, tmp_path).exit_code == 0

    def test_handled_with_an_error_only_is_not_lost(self, tmp_path: Path) -> None:
        logs = generate.clean()
        logs.line("p1", 3)["error"] = "no"
        assert judged(logs, tmp_path).exit_code == 0

    def test_acked_twice_and_handled_twice_at_one_of_them_is_both(self, tmp_path: Path) -> None:
        logs = generate.with_anomaly(generate.ANOMALIES["producer_duplicate"][0][0])
        self._again(logs)
        report = judged(logs, tmp_path)
        assert (report.anomalies["producer_duplicate"], report.anomalies["duplicate"]) == (1, 1)


class TestProducedLogs:
    """A produced log that is not the whole never leads to a pass."""

    def test_a_missing_line_of_an_ended_producer(self, tmp_path: Path) -> None:
        logs = generate.clean()
        del logs.produced["p0.jsonl"][11]  # of unknown fate and not handled: nothing else shows it
        report = judged(logs, tmp_path)
        assert report.exit_code == 2
        assert "p0 ended after 60 sequences, but its log has 59, the highest 59" in report.unjudged[0]

    def test_a_missing_line_of_a_killed_producer(self, tmp_path: Path) -> None:
        logs = generate.clean()
        del logs.produced["p1.jsonl"][11]
        report = judged(logs, tmp_path)
        assert report.exit_code == 0
        assert report.notes["unlogged"] == 1

    def test_a_handled_record_missing_in_an_ended_log_is_no_phantom(self, tmp_path: Path) -> None:
        """The log was cut; what of it is left says nothing of what became of the records."""
        logs = generate.clean()
        del logs.produced["p0.jsonl"][20]
        generate.ANOMALIES["lost"][0][0](logs)
        report = judged(logs, tmp_path)
        assert report.exit_code == 2
        assert report.anomalies == dict.fromkeys(CLASSES, 0)
        assert not any(report.examples.values())
        assert "p0 ended after 60 sequences, but its log has 59" in report.unjudged[0]

    def test_a_sequence_beyond_the_end(self, tmp_path: Path) -> None:
        logs = generate.clean()
        logs.produced["p0.jsonl"][-1]["end"] = generate.RECORDS - 1
        report = judged(logs, tmp_path)
        assert report.exit_code == 2
        assert "ended after 59 sequences, but its log has 60" in report.unjudged[0]

    def test_two_ends_that_differ(self, tmp_path: Path) -> None:
        logs = generate.clean()
        logs.produced["p0.jsonl"].append({"producer": "p0", "end": 61})
        report = judged(logs, tmp_path)
        assert report.exit_code == 2
        assert "end lines that differ: 60, 61" in report.unjudged[0]

    @pytest.mark.parametrize("change", [{}, {"status": "unknown", "partition": None, "offset": None}])
    def test_a_fate_that_is_written_down_twice(self, change: dict[str, object], tmp_path: Path) -> None:
        logs = generate.clean()
        lines = logs.produced["p0.jsonl"]
        lines.insert(6, {**lines[5], **change})
        report = judged(logs, tmp_path)
        assert report.exit_code == 2
        assert "the fate of 1 record(s) is written down more than once: p0/5 at" in report.unjudged[0]
        assert "p0.jsonl:6" in report.unjudged[0]
        assert "p0.jsonl:7" in report.unjudged[0]

    def test_of_a_foreign_producer_it_does_not_matter(self, tmp_path: Path) -> None:
        logs = generate.clean()
        logs.produced["old.jsonl"] = [{"producer": "an older run", "end": 5}]
        assert judged(logs, tmp_path).exit_code == 2
        assert judged(logs, tmp_path, producers=["p0", "p1"]).exit_code == 0

    def test_an_ended_producer_without_records_is_fine(self, tmp_path: Path) -> None:
        logs = generate.clean()
        logs.produced["p2.jsonl"] = [{"producer": "p2", "end": 0}]
        assert judged(logs, tmp_path).exit_code == 0

    def test_a_huge_sequence_number_is_judged_like_any_other(self, tmp_path: Path) -> None:
        logs = generate.clean()
        last = logs.produced["p1.jsonl"][-1]
        for seq in (2**63 - 1, 2**62, 2**43):
            last = {**last, "seq": seq, "offset": last["offset"] + 2**60, "t": last["t"] + 1}
            logs.produced["p1.jsonl"].append(last)
        report = judged(logs, tmp_path)
        assert report.anomalies == {**dict.fromkeys(CLASSES, 0), "lost": 3}
        assert [example["seq"] for example in report.examples["lost"]] == [2**63 - 1, 2**62, 2**43]
        assert report.examples["lost"][0]["offset"] == logs.produced["p1.jsonl"][-3]["offset"]


def test_hand_offs(tmp_path: Path) -> None:
    report = judged(generate.clean(), tmp_path)
    assert sorted(report.partitions) == ["bluegreen-0", "bluegreen-1", "bluegreen-2"]
    for found in report.partitions.values():
        assert [(one.from_epoch, one.to_epoch, one.from_color, one.to_color) for one in found] == [
            (1, 3, "blue", "green"),
            (5, 7, "green", "blue"),
        ]
        for one in found:
            assert one.gap_seconds == pytest.approx(0.03)
            assert one.spacing_seconds == pytest.approx(0.03, rel=0.2)


def test_examples_are_few_and_name_file_and_line(tmp_path: Path) -> None:
    logs = generate.clean()
    kept = logs.consumed["consumer-green-0.b.jsonl"]
    del kept[5:]
    report = judged(logs, tmp_path)
    assert report.anomalies["lost"] == 55
    assert len(report.examples["lost"]) == 20
    first = report.examples["lost"][0]
    line = logs.produced["p0.jsonl"][first["line"] - 1]
    assert first["file"] == str(tmp_path / "produced" / "p0.jsonl")
    assert {key: first[key] for key in ("producer", "seq", "partition", "offset")} == {
        key: line[key] for key in ("producer", "seq", "partition", "offset")
    }

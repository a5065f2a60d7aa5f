import json
from pathlib import Path
from typing import Any

import pytest

from experiments import verdict
from experiments.errors import CollectionError
from experiments.measurements import Verdict, handoffs

PRODUCER = "p0-ab"


def entry(epoch: int, gap: float, spacing: float | None) -> dict[str, object]:
    return {
        "from_epoch": epoch - 2,
        "to_epoch": epoch,
        "from": "blue",
        "to": "green",
        "gap_seconds": gap,
        "spacing_seconds": spacing,
    }


def test_the_worst_partition_speaks_for_a_hand_off() -> None:
    found = handoffs({"t-0": [entry(3, 0.1, 0.2), entry(5, 0.9, 0.3)], "t-1": [entry(3, 0.4, None)], "t-2": []})
    assert {epoch: (h.partitions, h.gap_seconds, h.spacing_seconds) for epoch, h in found.items()} == {
        3: (2, 0.4, 0.2),
        5: (1, 0.9, 0.3),
    }


def test_without_a_record_pair_there_is_no_spacing() -> None:
    assert handoffs({"t-0": [entry(3, 0.1, None)]})[3].spacing_seconds is None


def write(logs: Path, *, skip: int | None = None, end: int = 20) -> None:
    for kind in ("produced", "consumed"):
        (logs / kind).mkdir(parents=True)
    produced = [
        {
            "producer": PRODUCER,
            "seq": n,
            "topic": "t",
            "partition": n % 2,
            "offset": n // 2,
            "status": "acked",
            "t": 1000 + n,
        }
        for n in range(20)
    ]
    consumed: dict[str, list[object]] = {"blue": [], "green": []}
    for n in range(20):
        color, epoch = ("blue", 1) if n < 10 else ("green", 3)
        line = {"color": color, "pod": f"{color}-0", "epoch": epoch, "producer": PRODUCER, "seq": n, "topic": "t"}
        if n != skip:
            consumed[color].append({**line, "partition": n % 2, "offset": n // 2, "t": 2_000_000_000 + n * 100_000_000})
    lines = [*produced, {"producer": PRODUCER, "end": end}]
    (logs / "produced" / "producer-0.ab.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for color, handled in consumed.items():
        (logs / "consumed" / f"{color}-0.ab.jsonl").write_text("".join(json.dumps(line) + "\n" for line in handled))


def test_the_validators_own_verdict_on_real_files(tmp_path: Path) -> None:
    write(tmp_path)
    found = verdict.validate(tmp_path, [PRODUCER], tmp_path / "validator.json")
    assert (found.verdict, found.produced, found.acked, found.consumed) == ("pass", 20, 20, 20)
    assert set(found.anomalies.values()) == {0}
    assert found.handoffs[3].partitions == 2
    assert found.handoffs[3].gap_seconds == pytest.approx(0.2)
    assert found.handoffs[3].spacing_seconds == pytest.approx(0.2)
    assert json.loads((tmp_path / "validator.json").read_text())["verdict"] == "pass"


def test_an_anomaly_is_a_result(tmp_path: Path) -> None:
    write(tmp_path, skip=7)
    found = verdict.validate(tmp_path, [PRODUCER], tmp_path / "validator.json")
    assert found.verdict == "fail"
    assert found.anomalies["lost"] == 1
    assert str(tmp_path.parent) not in (tmp_path / "validator.json").read_text()  # a kept run is no machine's


@pytest.mark.parametrize("end", [19, 21])
def test_logs_that_cannot_be_judged_are_no_result(tmp_path: Path, end: int) -> None:
    write(tmp_path, end=end)
    with pytest.raises(CollectionError, match="cannot be judged"):
        verdict.validate(tmp_path, [PRODUCER], tmp_path / "validator.json")


def test_no_logs_are_no_result(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="cannot be judged"):
        verdict.validate(tmp_path, [PRODUCER], tmp_path / "validator.json")


def _dump(file: Path, *lines: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_unjudged(logs: Path, why: str, *, lost: bool = False) -> None:
    """One record is handled twice, and either a time goes back (`clock`), so nobody counts that both colours
    are at work at once; or the fate of a record is written down twice (`fate`).
    """

    def line(seq: int, seconds: int, **more: object) -> dict[str, Any]:
        place = {"producer": PRODUCER, "seq": seq, "topic": "t", "partition": 0, "offset": seq}
        return {**place, **more, "t": seconds * 10**9}

    written = [*range(4 + lost), *([3] if why == "fate" else [])]
    fates = [line(seq, 0, status="acked") for seq in written]
    _dump(logs / "produced" / "producer-0.ab.jsonl", *fates, {"producer": PRODUCER, "end": 4 + lost})
    blue, green = {"color": "blue", "pod": "blue-0", "epoch": 3}, {"color": "green", "pod": "green-0", "epoch": 5}
    last, first, second = (9, 2, 1) if why == "clock" else (2, 3, 4)
    handled = [line(0, 1, **blue), line(0, 1, **blue), line(1, last, **blue)]
    _dump(logs / "consumed" / "blue-0.ab.jsonl", *handled)
    _dump(logs / "consumed" / "green-0.ab.jsonl", line(2, first, **green), line(3, second, **green))


UNJUDGED = {"clock": "a clock went back 1 time", "fate": "the fate of 1 record"}


@pytest.mark.parametrize("why", sorted(UNJUDGED))
def test_what_could_not_be_judged_is_excused_by_no_class_that_is_tolerated(tmp_path: Path, why: str) -> None:
    write_unjudged(tmp_path, why)
    with pytest.raises(CollectionError, match=f"cannot be judged: {UNJUDGED[why]}"):
        verdict.validate(tmp_path, [PRODUCER], tmp_path / "validator.json", tolerated={"duplicate"})
    told = json.loads((tmp_path / "validator.json").read_text())
    assert (told["failing"], len(told["unjudged"])) == (["duplicate"], 1)


@pytest.mark.parametrize("why", sorted(UNJUDGED))
@pytest.mark.parametrize(("lost", "tolerated"), [(True, {"duplicate"}), (False, set[str]())])
def test_a_class_that_is_not_tolerated_fails_whatever_could_not_be_judged(
    tmp_path: Path, why: str, lost: bool, tolerated: set[str]
) -> None:
    write_unjudged(tmp_path, why, lost=lost)
    found = verdict.validate(tmp_path, [PRODUCER], tmp_path / "validator.json", tolerated=tolerated)
    assert found.failing == (("lost", "duplicate") if lost else ("duplicate",))
    assert UNJUDGED[why] in found.unjudged[0]
    assert str(tmp_path.parent) not in found.unjudged[0]  # it goes into a result


def test_a_verdict_that_was_kept_before_it_told_what_was_not_judged_can_be_read(tmp_path: Path) -> None:
    write(tmp_path)
    verdict.validate(tmp_path, [PRODUCER], tmp_path / "validator.json")
    told = json.loads((tmp_path / "validator.json").read_text())
    assert Verdict.of({**told, "unjudged": ["why"]}).unjudged == ("why",)
    del told["unjudged"]
    assert Verdict.of(told).unjudged == ()

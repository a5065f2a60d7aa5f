import json
from pathlib import Path

import pytest

from experiments import verdict
from experiments.errors import CollectionError
from experiments.measurements import handoffs

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

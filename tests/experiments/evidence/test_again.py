"""Committed runs judged again, their logs as columns, their seals; and what is found where a result was edited."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments import observed
from experiments.collection import notes, tables
from experiments.conclusion import conclude
from experiments.errors import CollectionError, ExperimentError
from experiments.evidence import columns, seals
from experiments.evidence.again import judged_again
from experiments.evidence.command import committed_runs, looked_at, tracked_below
from experiments.folders import RESULT_FILE
from experiments.records import KINDS, by_process, write_compressed
from experiments.results import from_json
from experiments.scenarios import SCENARIOS
from tests.experiments.test_conclusion import SEEN, SUBJECT

ROOT = Path(__file__).parents[3]
DATA = ROOT / "report" / "data"
_CONSUMED = (
    '{"color":"blue","pod":"consumer-blue-0","epoch":2,"producer":"p0","seq":0,"topic":"t","partition":3,"offset":17'
)
_EVENT = '{"color":"blue","pod":"consumer-blue-0","epoch":2,"event":"ASSIGNED","partitions":[["t",3,17],["t",4]]'
LINES = {
    "produced/producer-0.aa.jsonl.zst": [
        '{"producer":"p0","seq":0,"topic":"t","partition":3,"offset":17,"status":"acked","t":1795871925873978400}',
        '{"producer":"p0","seq":1,"topic":"t","partition":null,"offset":null,"status":"failed","t":1795871925883978411}',
        '{"producer":"p0","end":2}',
    ],
    "consumed/consumer-blue-0.bb.jsonl.zst": [
        _CONSUMED + ',"t":1795871925893978400}',
        _CONSUMED + ',"t":1795871925893978300,"error":"made to fail"}',
        '{"pod":"consumer-blue-0","end":2}',
    ],
    "events/consumer-blue-0.bb.jsonl.zst": [
        _EVENT + ',"t":1795871925893978400}',
    ],
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run that was judged with what stands in the tests of conclusions."""
    folder = tmp_path / SUBJECT.run
    folder.mkdir()
    result = conclude(SUBJECT, SEEN, SCENARIOS[SUBJECT.scenario].judge)
    told = result.to_json().replace('"rate": 100', '"rate": 100, "replicas": 3')
    (folder / RESULT_FILE).write_text(told)
    judged = SEEN.judged
    (folder / "validator.json").write_text(
        json.dumps(
            {
                "verdict": judged.verdict,
                "produced": judged.produced,
                "acked": judged.acked,
                "consumed": judged.consumed,
                "anomalies": judged.anomalies,
                "failing": [],
                "failed": judged.failed,
                "partitions": {
                    f"t-{partition}": [
                        {"to_epoch": one.epoch, "gap_seconds": one.gap_seconds, "spacing_seconds": one.spacing_seconds}
                        for one in judged.handoffs.values()
                    ]
                    for partition in range(12)
                },
            }
        )
    )
    notes(SEEN.switches, SEEN.samples, folder)
    tables({observed.FILE: observed.as_json(SEEN)}, folder)
    return folder


def edited(folder: Path, file: str, *path: str | int, to: Any) -> None:
    target = content = json.loads((folder / file).read_text())
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = to
    (folder / file).write_text(json.dumps(content))


def test_a_run_is_judged_again_and_comes_to_the_same(run: Path) -> None:
    again = judged_again(run)
    assert (again.differences, again.untold, again.limits, again.logs) == ((), (), (), False)


def test_a_run_of_before_times_of_lines_were_told_by_their_nodes_is_judged_as_it_was(run: Path) -> None:
    told = json.loads((run / observed.FILE).read_text())
    told["clocks"]["between_nodes"] = told["clocks"].pop("between_lines")
    (run / observed.FILE).write_text(json.dumps(told))
    assert judged_again(run).differences == ()


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(one, (*path, key))
    elif isinstance(value, int | float):
        yield path


def test_a_wrong_figure_that_is_planted_in_a_result_is_found(run: Path) -> None:
    """Each number of it, one at a time; the environment is that of the result itself, and is sealed."""
    result = json.loads((run / RESULT_FILE).read_text())
    planted = [path for path in _paths(result) if path[0] not in ("environment", "schema")]
    assert len(planted) > 50
    for path in planted:
        value: Any = result
        for key in path:
            value = value[key]
        edited(run, RESULT_FILE, *path, to=(not value) if isinstance(value, bool) else value + 1)
        assert judged_again(run).differences, path
        (run / RESULT_FILE).write_text(json.dumps(result))


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("measurements", "lost"), 1),
        (("measurements", "acked"), 3001),
        (("measurements", "max_lag"), 39),
        (("switches", 0, "handoff_seconds"), 0.03),
        (("switches", 1, "gap_seconds"), 0.03),
        (("switches", 1, "switch_seconds"), 0.9),
        (("criteria", 1, "measured"), 1.4),
        (("passed",), False),
    ],
)
def test_without_what_it_was_judged_by_the_rest_is_compared(run: Path, path: tuple[str | int, ...], to: Any) -> None:
    """As with runs of before there was `observed.json`."""
    (run / observed.FILE).unlink()
    again = judged_again(run)
    assert again.differences == ()
    assert "clocks_agree" in again.untold
    edited(run, RESULT_FILE, *path, to=to)
    assert judged_again(run).differences


def test_another_limit_of_today_is_told_and_is_no_difference(run: Path) -> None:
    edited(run, RESULT_FILE, "criteria", 1, "limit", to="< 7 s")
    again = judged_again(run)
    assert again.differences == ()
    assert again.limits == ("switch_seconds_worst: '< 7 s' then, '< 5 s' today",)


def test_a_run_that_lacks_a_file_or_a_scenario_is_told(run: Path) -> None:
    edited(run, RESULT_FILE, "scenario", to="17")
    with pytest.raises(ExperimentError, match="there is no scenario 17 any more"):
        judged_again(run)
    edited(run, RESULT_FILE, "scenario", to="1")
    (run / "switches.json").unlink()
    with pytest.raises(ExperimentError, match="cannot be judged again"):
        judged_again(run)


def logs(folder: Path, lines: dict[str, list[str]] = LINES, torn: str = "") -> Path:
    for name, text in lines.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_compressed(folder / name, ("\n".join(text) + "\n" + torn).encode())
    return folder


@pytest.mark.parametrize("torn", ["", '{"producer":"p0","se'])
def test_logs_come_back_from_columns_as_they_are(tmp_path: Path, torn: str) -> None:
    source = logs(tmp_path / "logs", torn=torn)
    assert columns.pack(source, tmp_path / columns.FOLDER) > 0
    shutil.rmtree(source)
    assert columns.kept(tmp_path)
    with columns.logs_of(tmp_path) as back:
        for kind in KINDS:
            told = {name.partition(".jsonl")[0] for name in LINES if name.startswith(kind)}
            assert {f"{kind}/{name}" for name, _ in by_process(back, kind)} == told
            found = [line for _, line in by_process(back, kind)]
            assert found == [json.loads(line) for name in LINES if name.startswith(kind) for line in LINES[name]]


def test_events_alone_are_no_logs(tmp_path: Path) -> None:
    columns.pack(logs(tmp_path / "logs"), tmp_path / columns.FOLDER, ["events"])
    shutil.rmtree(tmp_path / "logs")
    assert not columns.kept(tmp_path)
    with columns.events_of(tmp_path) as back:
        assert len(list(by_process(back, "events"))) == 1
    with pytest.raises(CollectionError, match="are not kept"), columns.logs_of(tmp_path):
        pass


def test_logs_that_would_not_come_back_are_not_packed(tmp_path: Path) -> None:
    odd = {"produced/p.a.jsonl.zst": ['{"producer":"p0","seq":0,"topic":null,"t":1}']}
    with pytest.raises(ExperimentError, match="do not come back"):
        columns.pack(logs(tmp_path, odd), tmp_path / columns.FOLDER)
    with pytest.raises(ExperimentError, match="no logs of what was produced"):
        columns.pack(tmp_path / "none", tmp_path / columns.FOLDER)
    assert not (tmp_path / columns.FOLDER).exists()


def test_a_sealed_file_that_was_changed_is_found_and_not_sealed_again(run: Path) -> None:
    data = run.parent
    assert seals.broken(data, [run]) == [f"{run.name} is not sealed: python -m experiments evidence --seal"]
    assert seals.seal(data, [run]) == len(seals.sealed_files(run)) == 4
    assert seals.broken(data, [run]) == []
    edited(run, RESULT_FILE, "environment", "rate", to=101)
    assert "was changed after it was sealed" in seals.broken(data, [run])[0]
    with pytest.raises(ExperimentError, match="changed since it was sealed"):
        seals.seal(data, [run])
    (run / RESULT_FILE).unlink()
    assert "it is sealed, and not there" in seals.broken(data, [run])[0]
    shutil.rmtree(run)
    assert seals.broken(data, []) == []
    assert seals.seal(data, []) == 0
    assert seals.read(data) == {}


def test_a_page_of_the_plan_is_looked_at_where_it_has_names_and_whole_where_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "report" / "data").mkdir(parents=True)
    (tmp_path / "plan").mkdir()
    page = tmp_path / "plan" / "design.md"
    page.write_text("It takes 5 s, and lost 0<!--= none measurements.lost -->.\n")
    wrong = looked_at(tmp_path, lambda _: True).wrong
    assert [line.partition(": ")[0] for line in wrong] == ["plan/design.md"]
    page.write_text("It takes 5 s.\n")
    assert looked_at(tmp_path, lambda _: True).wrong == ()
    page.write_text("It takes 5 s.\n\n<!-- every figure is named -->\n")
    assert "'5 s' has no name" in looked_at(tmp_path, lambda _: True).wrong[0]


def test_what_is_committed_holds() -> None:
    """What `make evidence` says."""
    tracked = tracked_below(ROOT)
    found = looked_at(ROOT, tracked)
    assert found.wrong == ()
    assert len(found.judged) == len(committed_runs(DATA, tracked)) > 10
    assert any(one.logs for one in found.judged)
    assert found.named > 150
    assert found.columns_bytes < 2_000_000


def test_a_committed_run_is_found_edited_through_its_logs(tmp_path: Path) -> None:
    """From its columns alone: what its files say is edited in each of them."""
    source = next(
        folder for folder in sorted(DATA.glob("*")) if (folder / columns.FOLDER / "produced.parquet").exists()
    )
    folder = tmp_path / source.name
    shutil.copytree(source, folder)
    assert judged_again(folder).logs
    result = from_json((folder / RESULT_FILE).read_text())
    acked = result.measurements["acked"]
    assert isinstance(acked, int)
    edited(folder, RESULT_FILE, "measurements", "acked", to=acked + 1)
    edited(folder, "validator.json", "acked", to=acked + 1)
    assert any(f"{acked + 1} there, {acked} judged again" in line for line in judged_again(folder).differences)

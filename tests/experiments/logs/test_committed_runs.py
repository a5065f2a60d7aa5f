"""The queries on what committed runs of scenario 1 have kept: lines that real pods wrote, on a real VictoriaLogs."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from components.names import CONTROLLER, KAFKA, PLATFORM_NAMESPACE
from components.settings import StackName, strategy_settings
from components.strategies.base import strategy
from experiments.logs.items import ITEMS, Situation
from experiments.logs.queries import CONTAINER_FIELD, NAMESPACE_FIELD, POD_FIELD, Place, judged, place_of, query, rows
from experiments.records import compressed_text
from experiments.results import RunResult, from_json
from tests.support.victorialogs import INSERT, Program
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("victorialogs")]

DATA = Path(__file__).parents[3] / "report" / "data"


def _runs() -> list[tuple[Path, RunResult]]:
    found = [(file.parent, from_json(file.read_text())) for file in sorted(DATA.glob("*/result.json"))]
    return [(folder, run) for folder, run in found if run.scenario == "1"]


RUNS = _runs()
#: Of the controller and the broker, whose logs every run keeps.
OF_ALL = {"phases", "lease", "rebalances"}
#: Of workers and the colour that stays, where there are agents and workers.
OF_CONNECTORS = {"assignments", "failures", "changes_seen"}
#: Of agents, one of which went with its colour in the middle, and its log with it.
OF_AGENTS = {"lifecycle_calls", "requests"}


def _place(folder: Path, run: RunResult) -> Place:
    """Where its lines are in the store: in a namespace of the run's own name."""
    (file,) = folder.glob("Pulumi.strategy-*.yaml")
    name = StackName(file.name.split(".")[1])
    given = {key: str(run.environment[key]) for key in ("control", "connect") if run.environment.get(key)}
    settings = strategy_settings({"strategy": run.strategy, **given}, f"strategy-{run.strategy}")
    chosen = strategy(run.strategy)
    return place_of(folder.name, chosen.groups(name).values(), chosen.parts(settings, name))


def _lines(folder: Path, place: Place) -> Iterator[str]:
    """The kept logs as the collector would have sent them."""
    for file in folder.glob("*.log.zst"):
        pod = file.name.removesuffix(".log.zst")
        namespace, container = place.namespace, place.member
        if pod.startswith(KAFKA):
            namespace, container = PLATFORM_NAMESPACE, KAFKA
        elif pod == CONTROLLER:
            container = CONTROLLER
        elif pod.rpartition("-")[0] in place.workers:
            container = pod.rpartition("-")[0]
        elif not pod.startswith("agent"):
            continue
        where = {NAMESPACE_FIELD: namespace, CONTAINER_FIELD: container, POD_FIELD: f"{pod}-of-{folder.name}"}
        for line in compressed_text(file).splitlines():
            stamp, _, text = line.partition(" ")
            said = json.loads(text) if text.startswith("{") else {"message": text}
            yield json.dumps({"_time": said.pop("time", stamp), "_msg": said.pop("message"), **said, **where})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("committed")
    made = Program("victoria-logs", [f"-storageDataPath={folder / 'data'}", "-retentionPeriod=100y"], folder)
    total = 0
    for run, result in RUNS:
        lines = list(_lines(run, _place(run, result)))
        total += sum(not line.isspace() for line in lines)
        made.post(INSERT, "\n".join(lines).encode())
    made.flush()
    until(f"{total} lines to be searchable", lambda: made.count("*") >= total, 120, 0.2)
    yield made
    made.close()


@pytest.mark.parametrize(("folder", "run"), RUNS, ids=[folder.name for folder, _ in RUNS])
def test_what_a_normal_run_said_is_found_and_normal(store: Program, folder: Path, run: RunResult) -> None:
    place, members = _place(folder, run), int(str(run.environment["replicas"]))
    now = Situation(len(run.switches), 1 if place.of_connectors else members, members)
    span = (datetime.fromisoformat(run.started_at).timestamp(), datetime.fromisoformat(run.finished_at).timestamp())
    said = {item.key: judged(item, place, rows(store.ask(query(item, place, *span))), now, ours=True) for item in ITEMS}
    wanted = OF_ALL | (OF_CONNECTORS if place.of_connectors else set())
    assert {key: said[key] for key in wanted if not said[key]["normal"]} == {}
    if place.of_connectors:
        assert all(said[key]["lines"] >= len(run.switches) and not said[key]["bad"] for key in OF_AGENTS), said
    # One grant taken and one given for each switch, no more.
    assert said["lease"]["lines"] == 2 * len(run.switches)
    assert {row["what"]: row["lines"] for row in said["phases"]["rows"]}["switch"] == len(run.switches)
    if run.membership == "takeover":
        assert said["rebalances"]["rows"][0]["replaced"] >= members * len(run.switches)

"""What an agent reaches by HTTP, and what it makes of it: Connect's REST API, workers' metrics, recorders, settings."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.loopback import Answer, Scripted
from tests.support.waiting import until
from workloads.sidecar.connect.config import body, differs, epoch_of
from workloads.sidecar.connect.control import NotNowError, RefusedError, SilentError
from workloads.sidecar.connect.http import ConnectHttp
from workloads.sidecar.connect.ledger import START, Ledger
from workloads.sidecar.connect.recorders import Handled, Recorders
from workloads.sidecar.connect.rest import ConnectorAddress, RestControl
from workloads.sidecar.connect.seen import Worker
from workloads.sidecar.connect.settings import ConnectSettings
from workloads.sidecar.connect.workers import Counts, Pod, Workers, counted_by, understood

CONFIG = {"connector.class": "C", "topics": "t"}
NAME = "/connectors/green"


class Scene:
    def __init__(self) -> None:
        self.server = Scripted()
        self.pods = [Pod("w-0", "uid-0", "127.0.0.1")]
        self.ledger = Ledger()
        self.http = ConnectHttp(lambda _: self.pods, self.server.port, self.ledger)
        self.control = RestControl(
            ConnectorAddress("green", self.http), ConnectorAddress("blue", self.http), CONFIG, self.ledger
        )
        self.says("STOPPED")

    def says(self, state: str, *tasks: str, epoch: int = 5) -> None:
        status = {"connector": {"state": state}, "tasks": [{"id": n, "state": word} for n, word in enumerate(tasks)]}
        config = {**CONFIG, "name": "green", "transforms.epoch.static.value": str(epoch)}
        self.server.answers |= {("GET", f"{NAME}/status"): (200, status), ("GET", f"{NAME}/config"): (200, config)}

    def will(self, method: str, path: str, status: int, said: object = None) -> None:
        self.server.answers[method, path] = (status, None if status == 204 else said or {})


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.server.close()


def test_a_connector_by_rest(scene: Scene) -> None:
    scene.says("RUNNING", "RUNNING", "FAILED")
    own = scene.control.own(1)
    assert (own.state, own.tasks, own.epoch) == ("RUNNING", ((0, "RUNNING"), (1, "FAILED")), 5)
    assert (own.group, own.drift) == ("connect-green", False)
    other = scene.control.other(1)
    assert (other.state, other.group, other.stopped) == ("ABSENT", "connect-blue", True)


def test_of_a_cluster_without_workers_it_is_known_that_nothing_of_it_runs(scene: Scene) -> None:
    pods = [Pod("v-0", "uid-9", "")]
    others = ConnectHttp(lambda _: pods, scene.server.port, Ledger())
    control = RestControl(ConnectorAddress("green", scene.http), ConnectorAddress("blue", others), CONFIG, scene.ledger)
    with pytest.raises(SilentError):  # a worker that nobody can ask may have anything
        control.other(1)
    pods.clear()
    other = control.other(1)
    assert (other.state, other.group, other.stopped) == ("ABSENT", "connect-blue", True)


def test_a_stop_counts_once_every_start_has_its_answer(scene: Scene) -> None:
    control = scene.control
    assert control.own(1).asked == ""
    scene.will("PUT", f"{NAME}/stop", 204)
    control.stop(6, 1)
    assert control.own(1).asked == "STOPPED"
    scene.server.gate.clear()
    with pytest.raises(SilentError):
        control.start(7, 0.1)
    assert control.own(1).asked == ""
    assert control.unanswered() == ("start at w-0",)
    scene.server.gate.set()
    scene.will("PUT", f"{NAME}/resume", 202)
    until("the late answer", lambda: not control.unanswered())
    assert control.own(1).asked == ""  # it may run by now: only another stop counts
    control.stop(8, 1)
    assert control.own(1).asked == "STOPPED"


def slowly(_: object) -> Answer:
    time.sleep(0.5)
    return 202, {}


def test_a_stop_before_the_answer_of_a_start_does_not_count(scene: Scene) -> None:
    scene.server.gate.clear()
    with pytest.raises(SilentError):
        scene.control.start(7, 0.1)
    scene.will("PUT", f"{NAME}/stop", 204)
    threading.Timer(0.1, scene.server.gate.set).start()
    scene.server.answers["PUT", f"{NAME}/resume"] = slowly
    scene.control.stop(8, 5)
    assert scene.control.own(1).asked == ""


def test_after_a_start_a_stop_has_to_be_a_new_one(scene: Scene) -> None:
    scene.will("PUT", f"{NAME}/resume", 202)
    scene.control.start(7, 1)
    scene.control.own(1)
    assert scene.control.quiet_in() > 1
    scene.says("RUNNING", "RUNNING")
    scene.control.own(1)
    assert scene.control.quiet_in() == 0


def test_an_unanswered_start_is_settled_by_the_end_of_its_process(scene: Scene) -> None:
    scene.server.gate.clear()
    with pytest.raises(SilentError):
        scene.control.start(7, 0.1)
    scene.pods = [Pod("w-0", "uid-other", "127.0.0.1")]
    assert scene.control.unanswered() == ()


def test_an_error_of_connect_is_no_answer_to_a_start(scene: Scene) -> None:
    """Connect stops waiting, and its producer goes on."""
    scene.will("PUT", f"{NAME}/resume", 500, {"message": "Request timed out"})
    with pytest.raises(SilentError, match="Request timed out"):
        scene.control.start(7, 1)
    assert scene.control.unanswered() == ("start at w-0",)
    scene.will("PUT", f"{NAME}/resume", 202)
    scene.control.start(7, 1)
    assert scene.control.unanswered() == ()


def test_a_rebalance_is_not_now(scene: Scene) -> None:
    scene.will("PUT", f"{NAME}/stop", 409, {"message": "rebalance in process"})
    with pytest.raises(NotNowError, match="rebalance"):
        scene.control.stop(6, 1)
    assert scene.control.unanswered() == ()


def test_a_worker_that_is_down_is_passed_over(scene: Scene) -> None:
    scene.pods = [Pod("w-down", "d", "127.0.0.2"), *scene.pods]
    scene.will("PUT", f"{NAME}/stop", 204)
    assert scene.control.own(3).state == "STOPPED"
    scene.control.stop(6, 3)
    assert scene.control.unanswered() == ()
    scene.pods = scene.pods[:1]
    nobody = ConnectHttp(lambda _: scene.pods, scene.server.port, Ledger())
    with pytest.raises(SilentError, match="w-down"):
        nobody.read(NAME, 1)


def test_a_connector_is_made_stopped_and_refusals_are_remembered(scene: Scene) -> None:
    scene.server.answers.clear()
    assert scene.control.own(1).state == "ABSENT"
    scene.will("POST", "/connectors", 400, {"message": "Failed to find any class"})
    with pytest.raises(RefusedError):
        scene.control.create(1)
    assert "any class" in scene.control.own(1).refused
    scene.will("POST", "/connectors", 201)
    scene.control.create(1)
    made = scene.server.requests[-1][3]
    assert made["initial_state"] == "STOPPED"
    assert made["config"] == {**CONFIG, "transforms.epoch.static.value": "-1"}
    assert scene.control.own(1).refused == ""


def test_configuration_and_epoch(scene: Scene) -> None:
    assert epoch_of({}) == -1
    assert epoch_of({"transforms.epoch.static.value": "1073741823"}) == 1073741823
    for none in ("rubbish", "-7", "1073741824", "9" * 5000):  # one that no Lease can have come to would be heard of
        assert epoch_of({"transforms.epoch.static.value": none}) == -1
    assert not differs({**CONFIG, "name": "x", "transforms.epoch.static.value": "3"}, CONFIG)
    assert differs({**CONFIG, "tasks.max": "3"}, CONFIG)
    scene.will("PUT", f"{NAME}/config", 200)
    scene.will("PATCH", f"{NAME}/offsets", 200)
    scene.control.bear(9, 1)
    scene.control.alter(9, {("t", 1): None}, 1)
    assert [(method, path, sent) for method, path, _, sent in scene.server.requests[-2:]] == [
        ("PUT", f"{NAME}/config", {**CONFIG, "transforms.epoch.static.value": "9"}),
        ("PATCH", f"{NAME}/offsets", body({("t", 1): None})),
    ]


METRICS = """\
# HELP kafka_connect_worker_task_count tasks
kafka_connect_worker_task_count 2.0
kafka_connect_rebalance_epoch 7.0
kafka_connect_rebalance_rebalancing 0.0
kafka_connect_task_batch_size_avg{connector="green",task="0",} NaN
kafka_connect_task_batch_size_avg{connector="green-2",task="5",} 1.0
kafka_consumer_connection_count{client_id="connector-consumer-green-1",} 2.0
kafka_consumer_connection_count{client_id="connector-consumer-green-2-4",} 2.0
"""


def test_what_a_worker_says_of_its_tasks() -> None:
    assert understood("w", METRICS, "green") == Worker("w", (0, 1), "", 7, rebalancing=False)
    assert understood("w", METRICS, "blue") == Worker("w", (), "", 7, rebalancing=False)
    assert understood("w", METRICS.replace("rebalancing 0", "rebalancing 1"), "blue").rebalancing
    # A task that outlived its stop is off Connect's list; its consumer is not closed.
    assert understood("w", METRICS.replace("connector=", "x="), "green").tasks == (1,)


def test_metrics_that_say_nothing_of_tasks_confirm_nothing() -> None:
    assert "kafka_connect_worker_task_count" in understood("w", "jvm_threads 3\n", "green").problem


def test_workers_are_asked_each_for_itself(scene: Scene) -> None:
    scene.server.answers["GET", "/metrics"] = (200, METRICS.encode())
    scene.pods += [Pod("w-down", "d", "127.0.0.2"), Pod("w-new", "n", "")]
    found = {worker.pod: worker for worker in Workers(lambda _: scene.pods, scene.server.port).ask("green", 2)}
    assert found["w-0"].tasks == (0, 1)
    assert found["w-down"].problem
    assert found["w-new"].problem == "has no address"


COUNTED = (
    METRICS
    + """\
kafka_connect_sink_records_sent_total{color="green",connector="green",task="0",} 120.0
kafka_connect_sink_records_sent_total{color="green",connector="green",task="1",} NaN
kafka_connect_sink_records_sent_total{color="green",connector="green-2",task="0",} 9.0
kafka_consumer_errors_total{color="green",connector="green",task="0",} 1.2E2
kafka_consumer_errors_total{color="green",connector="green",task="1",} 0.0
"""
)


def test_what_a_workers_tasks_have_counted() -> None:
    assert counted_by(COUNTED, "green") == {0: Counts(120, 120), 1: Counts(0, 0)}
    assert counted_by(METRICS, "green") == {}


@pytest.mark.parametrize("series", ["kafka_consumer_errors_total", "kafka_connect_sink_records_sent_total"])
def test_of_a_task_that_begins_or_ends_half_is_nothing(series: str) -> None:
    """Without its errors, or with them alone, it would seem to have begun anew, and be counted once more."""
    half = "\n".join(line for line in COUNTED.splitlines() if not (line.startswith(series) and 'task="0"' in line))
    assert counted_by(half, "green") == {1: Counts(0, 0)}


def test_counts_of_all_workers_are_had_or_it_is_said_whose_are_not(scene: Scene) -> None:
    scene.server.answers["GET", "/metrics"] = (200, COUNTED.encode())
    workers = Workers(lambda _: scene.pods, scene.server.port)
    assert workers.counts("green", 2) == {("uid-0", 0): Counts(120, 120), ("uid-0", 1): Counts(0, 0)}
    scene.pods.append(Pod("w-new", "n", ""))
    with pytest.raises(SilentError, match="w-new does not say what its tasks have counted: has no address"):
        workers.counts("green", 2)


def test_recorders_are_marked_and_say_how_far_they_came(scene: Scene) -> None:
    url = scene.server.url
    scene.will("POST", "/mark", 200, {"epoch": 7, "next": {"0": 12}, "lines": 3})
    assert Recorders(lambda _: [url]).mark(8, 1) == Handled(7, {0: 12})
    method, path, _, sent = scene.server.requests[-1]
    assert (method, path, sent) == ("POST", "/mark", {"epoch": 8})
    assert Recorders(lambda _: []).mark(8, 1) is None
    scene.will("POST", "/mark", 500, {"error": "it shrank"})
    with pytest.raises(SilentError, match="it shrank"):
        Recorders(lambda _: [url]).mark(8, 1)


def test_the_ledger_keeps_starts_until_they_are_settled() -> None:
    ledger = Ledger()
    stop, start = ledger.begins("stop", "a", "w-a"), ledger.begins(START, "a", "w-a")
    ledger.broken(stop)
    ledger.broken(start)
    assert ledger.unanswered() == ("start at w-a",)
    ledger.answered(ledger.begins(START, "b", "w-b"), accepted=True)
    assert ledger.unanswered() == ("start at w-a",)
    ledger.answered(ledger.begins(START, "a", "w-a"), accepted=True)
    assert ledger.unanswered() == ()


SETTINGS: dict[str, Any] = {
    "control": "rest",
    "own": {"name": "green", "workers": "app=green"},
    "other": {"name": "blue", "workers": "app=blue"},
    "bootstrap_servers": "k:9092",
    "topic": "t",
    "partitions": 12,
    "config": CONFIG,
}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"other": SETTINGS["own"]}, "the same connector"),
        ({"config": {}}, "config must be given"),
        ({"control": "strimzi"}, "config must be given"),
        ({"config": {**CONFIG, "consumer.override.group.id": "x"}}, "the protocol owns consumer.override.group.id"),
        ({"config": {**CONFIG, "transforms.epoch.static.value": "1"}}, "the protocol owns transforms.epoch"),
        ({"partitions": 0}, "partitions"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(change: dict[str, Any], why: str) -> None:
    ConnectSettings.model_validate(SETTINGS)
    with pytest.raises(ValidationError, match=why):
        ConnectSettings.model_validate(SETTINGS | change)

"""What the controller says of a switch and its pods, in a scrape."""

from prometheus_client.core import Metric

from tests.workloads.controller.samples import pod_object, switch_object
from tests.workloads.controller.script import Script
from workloads.common.lease import Grant
from workloads.common.metrics import Families
from workloads.common.states import Color, Outcome, Phase, State
from workloads.controller.observe import Pods, read_switch
from workloads.controller.stages import STAGES, Stage, Stages
from workloads.controller.telemetry import Telemetry

Told = dict[tuple[str, ...], float]


def told(families: list[Metric], name: str, *labels: str) -> Told:
    """Values of a metric by these labels."""
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    assert samples, name
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in samples}


def stages(made: Stages) -> tuple[str, Told, float]:
    """The stage that holds, how often each began, and since when one is under way."""
    families = list(made.metrics(Families(pod="p")))
    (held,) = [stage for (stage,), value in told(families, "bg_switch_stage", "stage").items() if value] or [""]
    (since,) = told(families, "bg_switch_under_way_seconds").values()
    return held, told(families, "bg_switch_stages_total", "stage"), since


def test_every_phase_is_one_of_the_plans_four_words() -> None:
    assert set(STAGES) == set(Phase)
    assert set(STAGES.values()) == set(Stage)


def test_a_switch_is_under_way_from_its_preparation_to_its_end_and_every_stage_is_counted() -> None:
    now = 100.0
    made = Stages(lambda: now)
    assert stages(made) == ("", {("preparing",): 0, ("switching",): 0, ("done",): 0, ("rolling-back",): 0}, 0.0)
    made.stands(Phase.READY)
    assert stages(made)[::2] == ("done", 0.0)
    made.stands(Phase.WAITING_FOR_READY)
    now = 101.0
    made.stands(Phase.WAITING_FOR_LAG)
    made.stands(Phase.PAUSING)
    now = 103.0
    assert stages(made)[::2] == ("switching", 3.0)
    made.stands(Phase.ROLLING_BACK)
    assert stages(made)[::2] == ("rolling-back", 3.0)
    made.stands(Phase.FAILED)
    counts = {("preparing",): 1, ("switching",): 1, ("done",): 2, ("rolling-back",): 1}
    assert stages(made) == ("done", counts, 0.0)


def test_pods_are_counted_as_the_watch_has_them_by_colour() -> None:
    pods = Pods(read_switch(switch_object()))
    starting = pod_object("blue-1", 6)
    starting["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
    placed = pod_object("green-0", 7, "green")
    placed["status"] = {"phase": "Pending"}
    whole = pod_object("blue-0", 5)
    whole["status"]["phase"] = "Running"
    pods.listed([whole, starting, placed], 8)
    telemetry = Telemetry()
    telemetry.stands(None, Phase.READY, "c", ready=False, members=pods.members())
    assert told(list(telemetry.metrics("p", {})), "bg_pods", "color", "condition") == {
        ("blue", "Running"): 2,
        ("blue", "Ready"): 1,
        ("green", "Running"): 0,
        ("green", "Ready"): 0,
    }


def test_a_count_is_there_before_its_first_event() -> None:
    families = list(Telemetry().metrics("p", {}))
    switches = told(families, "bg_switches_total", "direction", "outcome")
    assert switches == {(f"{c}-{c.other}", outcome): 0 for c in Color for outcome in Outcome}
    durations = told(families, "bg_switch_duration_seconds_count", "direction", "outcome")
    assert durations == {(f"{c}-{c.other}", end): 0 for c in Color for end in ("Switched", "RolledBack")}


def test_a_switch_is_counted_however_short_it_was() -> None:
    """There and taken back: what was between two scrapes is in the counts, by the loop's own turns."""

    def counts() -> Told:
        return told(list(script.telemetry.metrics("p", {})), "bg_switch_stages_total", "stage")

    script = Script()
    script.begins(Grant(Color.BLUE, 2, Color.BLUE, None, 1, Outcome.SWITCHED))
    script.turn()
    before = counts()
    script.asks("green", 2)
    script.turn()
    script.stands(Color.BLUE, State.PAUSED, 3)
    script.lists()
    script.turn()
    script.stands(Color.GREEN, State.ACTIVE, 4)
    script.turn()
    assert {stage: n - before[stage] for stage, n in counts().items()} == {
        ("preparing",): 0,
        ("switching",): 1,
        ("done",): 1,
        ("rolling-back",): 0,
    }
    switches = told(list(script.telemetry.metrics("p", {})), "bg_switches_total", "direction", "outcome")
    assert {key for key, n in switches.items() if n} == {("blue-green", "Switched")}

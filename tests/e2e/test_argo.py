"""A switch that an AnalysisRun judges: the real controller and the real API server, with a test in the place of Argo's
own controller, which would take minutes to compile. What that one makes of the stack's templates, scenario `5-argo`
shows.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.argo import crds
from tests.support.cluster import DEFINITIONS, World, world
from tests.support.cluster_use import shared
from tests.support.field import Ground
from tests.support.waiting import until
from workloads.common.kube import ApiError, Kube, Object, access

pytestmark = pytest.mark.e2e

_ANALYSIS = {"templates": ["mine"], "timeoutSeconds": 60}
BOTH = (True, False)
_MERGE = "application/merge-patch+json"
# Should Argo's controller be there, it does not measure before the test is over.
_TEMPLATE = {
    "apiVersion": crds.GROUP_VERSION,
    "kind": "AnalysisTemplate",
    "metadata": {"name": "mine"},
    "spec": {
        "args": [{"name": "color"}, {"name": "since"}],
        "metrics": [
            {
                "name": "bad",
                "initialDelay": "1h",
                "count": 1,
                "provider": {"prometheus": {"address": "http://nowhere", "query": "up{color='{{args.color}}'}"}},
            }
        ],
    },
}


@pytest.fixture(scope="module")
def definitions(ground: Ground) -> Iterator[None]:
    """Argo's kinds; taken away again if they were not there."""
    kube = Kube(access(), "kafka-bluegreen-tests")
    made = []
    with shared():
        for content in crds.definitions():
            try:
                kube.post(DEFINITIONS, content)
                made.append(content["metadata"]["name"])
            except ApiError as error:
                if error.status != 409:
                    raise
        yield
        for name in made:
            kube.delete(f"{DEFINITIONS}/{name}")


class Judged:
    """Two colours with blue active, and green judged by AnalysisRuns."""

    def __init__(self, place: World) -> None:
        self.place = place
        self.path = f"/apis/{crds.GROUP_VERSION}/namespaces/{place.namespace}"
        until("Argo's kinds are served", self._serves, 30)
        place.start_all(analysis=_ANALYSIS)

    def _serves(self) -> bool:
        try:
            self.place.kube.post(f"{self.path}/analysistemplates", _TEMPLATE)
        except ApiError as error:
            return error.status == 409
        return True

    def runs(self) -> list[Object]:
        """All of them."""
        found: list[Object] = self.place.kube.list(f"{self.path}/analysisruns")["items"]
        return found

    def begun(self) -> Object:
        """The run of the switch that has just been asked for."""
        until("an AnalysisRun", lambda: bool(self.runs()))
        (run,) = self.runs()
        return run

    def says(self, run: Object, phase: str) -> None:
        """What Argo's controller would."""
        result = {"name": "bad", "phase": phase, "successful": int(phase == "Successful"), "measurements": []}
        status = {"phase": phase, "message": f"bad assessed {phase}", "metricResults": [result]}
        self.place.kube.patch(self._of(run), {"status": status}, content_type=_MERGE)

    def delete(self, run: Object) -> None:
        self.place.kube.delete(self._of(run))

    def _of(self, run: Object) -> str:
        return f"{self.path}/analysisruns/{run['metadata']['name']}"

    def ended(self, generation: int, outcome: str, active: str) -> dict[str, Any]:
        """The status once that is how it ended."""
        status = self.place.settled(generation)
        settled = self.place.condition(status, "Settled")
        assert (settled["reason"], status["active"]) == (outcome, active), settled
        return settled


@pytest.fixture
def judged(definitions: None, tmp_path: Path) -> Iterator[Judged]:
    with world(tmp_path) as place:
        yield Judged(place)


def test_a_run_that_failed_takes_the_switch_back_and_says_why(judged: Judged) -> None:
    generation = judged.place.ask("green")
    run = judged.begun()
    (owner,) = run["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("KafkaConsumerSwitch", judged.place.switch()["metadata"]["uid"])
    assert {"name": "color", "value": "green"} in run["spec"]["args"]
    judged.says(run, "Failed")
    settled = judged.ended(generation, "RolledBack", "blue")
    assert settled["message"].startswith(
        f"AnalysisFailed: AnalysisRun {run['metadata']['name']} is Failed; bad assessed"
    )


def test_a_controller_that_is_killed_in_the_middle_goes_on_with_the_same_run(judged: Judged) -> None:
    generation = judged.place.ask("green")
    run = judged.begun()
    judged.place.processes["controller"].kill()
    judged.says(run, "Successful")
    judged.place.processes["controller"].start()
    judged.ended(generation, "Switched", "green")
    assert [one["metadata"]["name"] for one in judged.runs()] == [run["metadata"]["name"]]


def test_a_run_that_is_deleted_is_no_pass(judged: Judged) -> None:
    generation = judged.place.ask("green")
    judged.delete(judged.begun())
    assert "was deleted" in judged.ended(generation, "RolledBack", "blue")["message"]


def test_a_run_that_nobody_waits_for_any_more_is_ended(judged: Judged) -> None:
    """Asked back in the middle of it: green is withdrawn from, and its run measures no further; blue has its own."""
    judged.place.ask("green")
    name = judged.begun()["metadata"]["name"]
    generation = judged.place.ask("blue")
    until("a run of its own", lambda: len(judged.runs()) > 1)
    (before,), (after,) = ([run for run in judged.runs() if (run["metadata"]["name"] == name) is own] for own in BOTH)
    assert before["spec"]["terminate"] is True
    assert {"name": "color", "value": "blue"} in after["spec"]["args"]
    judged.says(after, "Successful")
    judged.ended(generation, "Switched", "blue")

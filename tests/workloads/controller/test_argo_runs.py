"""AnalysisRuns over real HTTP: made once, taken over, watched, ended."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from tests.workloads.controller.test_argo import ASKED, ORDER, template
from workloads.common.kube import Access, Kube, Object
from workloads.controller.argo_runs import AnalysisRuns
from workloads.controller.measured import MeasureError
from workloads.controller.terms import Analysis

NAMESPACE = "/apis/argoproj.io/v1alpha1/namespaces/n"
RUNS, TEMPLATE = f"{NAMESPACE}/analysisruns", f"{NAMESPACE}/analysistemplates/error-rate"
RUN = f"{RUNS}/{ORDER.name}"


class World:
    """An API server with a template, and whoever judges by it."""

    def __init__(self, api: FakeApi, kube: Kube) -> None:
        self.api, self.kube = api, kube
        self.told = threading.Event()
        api.put(TEMPLATE, template())
        self.runs = self.process()

    def process(self) -> AnalysisRuns:
        """A controller's process that knows nothing."""
        made = AnalysisRuns(self.kube.sibling(), "n", "consumer")
        made.on_change(self.told.set)
        return made

    def argo(self, phase: str, **changes: object) -> None:
        """What Argo's controller writes."""
        results = [
            {"name": "error-rate", "phase": phase, "successful": 3, "measurements": [{"phase": phase, "value": "1"}]}
        ]
        status = {"phase": phase, "metricResults": results}
        self.api.put(RUN, {**self.api.objects[RUN], "status": status, **changes})

    def verdict(self) -> Analysis:
        return self.runs.look(ORDER)[0]

    @property
    def run(self) -> Object:
        return self.api.objects[RUN]


@pytest.fixture
def world() -> Iterator[World]:
    api = FakeApi()
    try:
        yield World(api, Kube(Access(api.url), "test"))
    finally:
        api.close()


def test_one_is_made_watched_and_believed(world: World) -> None:
    assert world.verdict() is Analysis.PENDING
    assert world.run["spec"]["metrics"] == template()["spec"]["metrics"]
    until("watched", lambda: world.api.watching == 1)
    world.told.clear()
    world.argo("Running")
    assert world.told.wait(10), "whoever waits is told"
    assert world.verdict() is Analysis.PENDING
    world.argo("Successful")
    until("passed", lambda: world.verdict() is Analysis.PASSED)
    assert world.api.count("POST", "/analysisruns") == 1


def test_another_process_takes_over_what_is_there_and_goes_on(world: World) -> None:
    world.verdict()
    world.argo("Running")
    world.api.remove(TEMPLATE)  # what the run judges by is in it
    world.runs = world.process()
    assert world.verdict() is Analysis.PENDING
    world.argo("Failed")
    until("failed", lambda: world.verdict() is Analysis.FAILED)
    assert world.api.count("POST", "/analysisruns") == 1


def test_another_process_believes_a_verdict_that_came_while_nobody_was_there(world: World) -> None:
    world.verdict()
    world.argo("Failed")
    world.runs = world.process()
    assert world.verdict() is Analysis.FAILED


def test_one_that_is_deleted_shows_nothing_and_is_not_made_again(world: World) -> None:
    world.verdict()
    until("watched", lambda: world.api.watching == 1)
    world.api.remove(RUN)
    until("inconclusive", lambda: world.verdict() is Analysis.INCONCLUSIVE)
    assert "was deleted" in world.runs.look(ORDER)[1]
    assert world.api.count("POST", "/analysisruns") == 1


def test_one_that_is_deleted_while_the_watch_is_broken_shows_nothing(world: World) -> None:
    world.verdict()
    until("watched", lambda: world.api.watching == 1)
    with world.api.lock:
        world.api.remove(RUN)
        world.api.oldest = world.api.version + 1  # the watch cannot go on from where it was: everything is read anew
        world.api.log.clear()
    world.api.break_watches()
    until("inconclusive", lambda: world.verdict() is Analysis.INCONCLUSIVE, 30)


def test_somebody_elses_of_the_same_name_is_not_believed(world: World) -> None:
    world.api.put(RUN, {"spec": {}, "status": {"phase": "Successful"}})
    assert world.runs.look(ORDER) == (
        Analysis.INCONCLUSIVE,
        f"AnalysisRun {ORDER.name} is there, and is not this switch's",
    )


def test_a_template_that_is_not_there_is_named_at_once(world: World) -> None:
    world.api.remove(TEMPLATE)
    analysis, why = world.runs.look(ORDER)
    assert analysis is Analysis.INCONCLUSIVE
    assert "analysistemplates/error-rate: 404" in why


def test_a_template_that_cannot_be_used_is_named_at_once(world: World) -> None:
    world.api.put(TEMPLATE, template(metrics=[]))
    assert world.runs.look(ORDER)[0] is Analysis.INCONCLUSIVE
    assert RUN not in world.api.objects


@pytest.mark.parametrize("status", [403, 422])
def test_what_the_api_server_will_never_take_is_named_at_once(world: World, status: int) -> None:
    world.api.failures = [status]
    assert world.runs.look(ORDER)[0] is Analysis.INCONCLUSIVE


@pytest.mark.parametrize("status", [409, 500, 503])
def test_what_passes_is_tried_again(world: World, status: int) -> None:
    world.api.failures = [status]
    with pytest.raises(MeasureError, match=ORDER.name):
        world.runs.look(ORDER)
    assert world.verdict() is Analysis.PENDING


def test_one_that_nobody_waits_for_any_more_is_ended(world: World) -> None:
    world.verdict()
    world.runs.end(ORDER)
    assert world.run["spec"]["terminate"] is True
    # Argo's controller then says Successful of what it has seen: whoever comes later does not take it for a pass.
    world.argo("Successful")
    world.runs = world.process()
    assert world.verdict() is Analysis.INCONCLUSIVE


def test_one_that_is_over_is_left_as_it_is(world: World) -> None:
    world.verdict()
    world.argo("Failed")
    until("failed", lambda: world.verdict() is Analysis.FAILED)
    world.runs.end(ORDER)
    assert "terminate" not in world.run["spec"]
    assert ASKED.templates == ("error-rate",)


def test_the_end_of_one_that_was_never_made_asks_nothing(world: World) -> None:
    world.runs.end(ORDER)
    assert world.api.requests == []

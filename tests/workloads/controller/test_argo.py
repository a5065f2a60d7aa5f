"""An AnalysisRun as the judge: what is asked for, and what follows from each state of it. Nothing but a pass passes."""

from dataclasses import replace
from typing import Any

import pytest

from workloads.common.kube import Object
from workloads.controller.argo import Order, OrderError, judged, run
from workloads.controller.observe import TemplateAnalysis
from workloads.controller.terms import Analysis

ASKED = TemplateAnalysis(("error-rate",), (("limit", "0.1"),), 60.0)
ORDER = Order("consumer", "u1", 7, ASKED, (("color", "green"), ("since", "1700000000")))


def template(name: str = "error-rate", **spec: Any) -> Object:
    made = {
        "args": [{"name": "color"}, {"name": "limit", "value": "0.05"}, {"name": "window", "value": "5s"}],
        "metrics": [{"name": name, "count": 3, "provider": {"prometheus": {"query": "{{args.color}}"}}}],
    }
    return {"metadata": {"name": name}, "spec": {**made, **spec}}


def test_its_name_is_the_same_again_in_another_process_and_another_for_another_switch() -> None:
    again = Order("consumer", "u1", 7, TemplateAnalysis(("error-rate",), (("limit", "0.1"),), 60.0), (("since", "9"),))
    assert ORDER.name == again.name
    assert ORDER.name.startswith("consumer-7-")
    others = (
        replace(ORDER, epoch=8),
        replace(ORDER, uid="u2"),
        replace(ORDER, asked=replace(ASKED, templates=("lag",))),
        replace(ORDER, asked=replace(ASKED, args=())),
        replace(ORDER, asked=replace(ASKED, timeout=61.0)),
    )
    assert len({ORDER.name, *(other.name for other in others)}) == 6


def test_a_run_is_its_templates_merged_and_the_switchs_own() -> None:
    made = run(ORDER, [template(), template("lag", args=[{"name": "since"}], dryRun=[{"metricName": "lag"}])])
    assert made["metadata"] == {
        "name": ORDER.name,
        "labels": {"kafka-bluegreen.io/switch": "consumer"},
        "ownerReferences": [
            {
                "apiVersion": "kafka-bluegreen.io/v1alpha1",
                "kind": "KafkaConsumerSwitch",
                "name": "consumer",
                "uid": "u1",
                "controller": True,
            }
        ],
    }
    assert [metric["name"] for metric in made["spec"]["metrics"]] == ["error-rate", "lag"]
    assert made["spec"]["dryRun"] == [{"metricName": "lag"}]
    # The stack's own value before the controller's, that before the template's default.
    values = {arg["name"]: arg["value"] for arg in made["spec"]["args"]}
    assert values == {"color": "green", "limit": "0.1", "window": "5s", "since": "1700000000"}


def test_an_argument_has_its_value_from_whichever_template_has_one() -> None:
    made = run(
        ORDER, [template(args=[{"name": "x"}, {"name": "limit"}]), template("b", args=[{"name": "x", "value": "1"}])]
    )
    assert {"name": "x", "value": "1"} in made["spec"]["args"]
    secret = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    assert secret in run(ORDER, [template(args=[secret, {"name": "limit"}])])["spec"]["args"]


@pytest.mark.parametrize(
    ("templates", "said"),
    [
        ([template(), template()], r"metrics 'error-rate' is in .*one name, one metric"),
        (
            [template(args=[{"name": "limit"}, {"name": "x"}])],
            r"AnalysisTemplate error-rate: argument 'x' has no value",
        ),
        ([template(args=[])], r"spec\.analysis\.args: limit: no argument of AnalysisTemplate error-rate"),
        ([template(metrics=[])], "nothing would be judged"),
        ([template(dryRun=[{"metricName": "error-rate"}])], "nothing would be judged"),
        ([template(dryRun=[{"metricName": ".*"}])], "nothing would be judged"),
        ([template(dryRun=[{"metricName": "rate"}])], "nothing would be judged"),
        ([template(dryRun=[{"metricName": "("}])], r"dryRun: '\(' is no regular expression"),
        ([template(templates=[{"templateName": "more"}])], "refers to other templates"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(templates: list[Object], said: str) -> None:
    with pytest.raises(OrderError, match=said):
        run(ORDER, templates)


def seen(phase: str | None = "Successful", **changes: Any) -> Object:
    """The run as Argo's controller leaves it."""
    made = run(ORDER, [template()])
    result = {
        "name": "error-rate",
        "phase": phase,
        "successful": 3,
        "measurements": [{"phase": phase, "value": "[0.01]"}],
    }
    status = {"phase": phase, "metricResults": [result]} if phase else {}
    return {**made, "status": status, **changes}


def test_a_run_that_measured_to_its_end_and_found_nothing_passes() -> None:
    analysis, why = judged(ORDER, seen())
    assert analysis is Analysis.PASSED
    assert why == f"AnalysisRun {ORDER.name} is Successful; error-rate [0.01]"


@pytest.mark.parametrize("phase", [None, "", "Pending", "Running", "Unheard"])
def test_one_that_is_not_over_is_waited_for(phase: str | None) -> None:
    assert judged(ORDER, seen(phase))[0] is Analysis.PENDING


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("Failed", Analysis.FAILED),
        ("Error", Analysis.INCONCLUSIVE),
        ("Inconclusive", Analysis.INCONCLUSIVE),
    ],
)
def test_what_is_no_success_is_told_with_its_message_and_last_value(phase: str, expected: Analysis) -> None:
    obj = seen(phase)
    obj["status"]["message"] = "error-rate assessed so"
    assert judged(ORDER, obj) == (
        expected,
        f"AnalysisRun {ORDER.name} is {phase}; error-rate assessed so; error-rate [0.01]",
    )


def _terminated() -> Object:
    obj = seen()
    obj["spec"]["terminate"] = True
    return obj


def _without(what: str) -> Object:
    obj = seen()
    if what == "owner":
        obj["metadata"]["ownerReferences"][0]["uid"] = "another"
    elif what == "measurement":
        obj["status"]["metricResults"] = []
    elif what == "success":
        obj["status"]["metricResults"][0]["successful"] = 0
    elif what == "end":
        obj["status"]["metricResults"][0]["phase"] = "Running"
    elif what == "metric":
        obj["spec"]["metrics"] = []
    elif what == "effect":
        obj["status"]["metricResults"][0]["dryRun"] = True
    elif what == "life":
        obj["metadata"]["deletionTimestamp"] = "2026-11-28T00:00:00Z"
    return obj


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (None, "was deleted before it had judged"),
        (_without("life"), "was deleted"),
        (_without("owner"), "is not this switch's"),
        (_terminated(), "was terminated before its end"),
        (_without("measurement"), "not by a measurement of error-rate"),
        (_without("success"), "not by a measurement of error-rate"),
        (_without("end"), "not by a measurement of error-rate"),
        (_without("metric"), "not by a measurement of anything"),
        (_without("effect"), "not by a measurement of anything"),
    ],
)
def test_a_success_that_is_none_shows_nothing(obj: Object | None, said: str) -> None:
    analysis, why = judged(ORDER, obj)
    assert analysis is Analysis.INCONCLUSIVE
    assert said in why

"""An AnalysisRun of Argo Rollouts as the judge of a colour: what is asked for, as an object, and what its state says.

No I/O; `argo_runs` makes it and watches it. Argo's own controller takes no templates: whoever makes a run merges them
into it (https://argo-rollouts.readthedocs.io/en/stable/features/analysis), which is what `run` does.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workloads.common.kube import Object
from workloads.controller.observe import API_VERSION, KIND, TemplateAnalysis
from workloads.controller.terms import Analysis

GROUP_VERSION = "argoproj.io/v1alpha1"
SWITCH_LABEL = "kafka-bluegreen.io/switch"
# Of one that is over, for whoever wants to know why; with its switch it goes in any case.
KEPT_SECONDS = 7 * 24 * 3600


class OrderError(ValueError):
    """An AnalysisRun that cannot be made of what was asked for, however often it is tried; the message says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """One AnalysisRun: of the switch `switch` (its name and UID) to what it holds under `epoch`. said: the arguments
    that the controller gives to templates which declare them.
    """

    switch: str
    uid: str
    epoch: int
    asked: TemplateAnalysis
    said: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The run's; the same one again for the same switch, epoch and `spec.analysis`, in whichever process."""
        asked = [self.uid, self.epoch, self.asked.templates, self.asked.args, self.asked.timeout]
        digest = hashlib.sha256(json.dumps(asked, separators=(",", ":")).encode()).hexdigest()
        return f"{self.switch}-{self.epoch}-{digest[:10]}"


def run(order: Order, templates: Sequence[Object]) -> Object:
    """The AnalysisRun that these AnalysisTemplates make, merged. Raises OrderError."""
    metrics = list(_of_all(templates, "metrics", key="name"))
    dry = list(_of_all(templates, "dryRun", key="metricName"))
    if not _counting(metrics, dry):
        raise OrderError(f"{_named(templates)}: no metric but those of dryRun, so nothing would be judged")
    for template in templates:
        if (template.get("spec") or {}).get("templates"):
            raise OrderError(f"{_named([template])} refers to other templates; name these in spec.analysis.templates")
    spec: Object = {
        "metrics": metrics,
        "args": _arguments(order, templates),
        "ttlStrategy": {"secondsAfterCompletion": KEPT_SECONDS},
    }
    if dry:
        spec["dryRun"] = dry
    if retained := list(_of_all(templates, "measurementRetention", key="metricName")):
        spec["measurementRetention"] = retained
    owner = {"apiVersion": API_VERSION, "kind": KIND, "name": order.switch, "uid": order.uid, "controller": True}
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "AnalysisRun",
        "metadata": {"name": order.name, "labels": {SWITCH_LABEL: order.switch}, "ownerReferences": [owner]},
        "spec": spec,
    }


def _of_all(templates: Sequence[Object], field: str, *, key: str) -> Iterator[Object]:
    """What all templates have in a list. Metrics are told apart by their names: two of one are refused."""
    seen: dict[str, str] = {}
    for template in templates:
        for item in (template.get("spec") or {}).get(field) or ():
            if (before := seen.get(item[key])) is not None:
                raise OrderError(
                    f"{field} {item[key]!r} is in {before} and in {_named([template])}; one name, one metric"
                )
            seen[item[key]] = _named([template])
            yield item


def _arguments(order: Order, templates: Sequence[Object]) -> list[Object]:
    """Every argument that a template declares, with its value: what the stack gives, else what the controller says,
    else the template's default. Raises OrderError for one without a value, and for a value that nobody declares.
    """
    said, given = dict(order.said), dict(order.asked.args)
    found: dict[str, Object] = {}
    lacking: dict[str, Object] = {}
    for template in templates:
        for declared in (template.get("spec") or {}).get("args") or ():
            name = declared["name"]
            value = given.get(name, said.get(name))
            made = declared if value is None else {"name": name, "value": value}
            if "value" in made or "valueFrom" in made:
                found.setdefault(name, made)
            else:
                lacking.setdefault(name, template)
    for name, template in lacking.items():
        if name not in found:
            raise OrderError(
                f"{_named([template])}: argument {name!r} has no value; give it in spec.analysis.args "
                f"(the controller says: {', '.join(sorted(said))})"
            )
    if unknown := sorted(set(given) - set(found)):
        raise OrderError(f"spec.analysis.args: {', '.join(unknown)}: no argument of {_named(templates)}")
    return list(found.values())


def _named(templates: Sequence[Object]) -> str:
    return f"AnalysisTemplate {', '.join(template['metadata']['name'] for template in templates)}"


def _counting(metrics: Sequence[Object], dry: Sequence[Object]) -> list[str]:
    """The names of the metrics that count: not those that a metricName of dryRun, an expression, is found in."""
    try:
        idle = [re.compile(str(entry["metricName"])) for entry in dry]
    except re.error as error:
        raise OrderError(f"dryRun: {error.pattern!r} is no regular expression") from error
    names = [str(metric["name"]) for metric in metrics]
    return [name for name in names if not any(expression.search(name) for expression in idle)]


def judged(order: Order, seen: Object | None) -> tuple[Analysis, str]:
    """What follows from the run as it is now, and why; None: it was there, and is not any more.

    A pass is one only of a run that is the switch's own, that nobody ended early, and in which every metric that counts
    was measured to its end.
    """
    told = f"AnalysisRun {order.name}"
    if seen is None or "deletionTimestamp" in seen["metadata"]:
        return Analysis.INCONCLUSIVE, f"{told} was deleted before it had judged"
    if not any(owner.get("uid") == order.uid for owner in seen["metadata"].get("ownerReferences") or ()):
        return Analysis.INCONCLUSIVE, f"{told} is there, and is not this switch's"
    spec, status = seen.get("spec") or {}, seen.get("status") or {}
    phase, message = str(status.get("phase") or "Pending"), str(status.get("message") or "")
    results = {str(result.get("name")): result for result in status.get("metricResults") or ()}
    said = "; ".join(filter(None, (f"{told} is {phase}", message, *map(_measured, results.values()))))
    if phase == "Failed":
        return Analysis.FAILED, said
    if phase in {"Error", "Inconclusive"}:
        return Analysis.INCONCLUSIVE, said
    if phase != "Successful":
        return Analysis.PENDING, said
    if spec.get("terminate"):
        return Analysis.INCONCLUSIVE, f"{said}, but it was terminated before its end"
    names = [str(metric["name"]) for metric in spec.get("metrics") or ()]
    counts = [name for name in names if not (results.get(name) or {}).get("dryRun")]
    open_ones = [name for name in counts if not _passed(results.get(name) or {})]
    if open_ones or not counts:
        return Analysis.INCONCLUSIVE, f"{said}, but not by a measurement of {', '.join(open_ones) or 'anything'}"
    return Analysis.PASSED, said


def _passed(result: Mapping[str, Any]) -> bool:
    return result.get("phase") == "Successful" and int(result.get("successful") or 0) > 0


def _measured(result: Mapping[str, Any]) -> str:
    """A metric's last measurement: its value, or how it ended."""
    measurements = result.get("measurements") or ()
    if not measurements:
        return ""
    last = measurements[-1]
    return f"{result.get('name')} {last.get('value') or last.get('phase')}"

"""Scenario 5 of the plan with an Argo Rollouts AnalysisRun as the judge, in place of the built-in analysis.

What is done, and what green does wrong, is scenario 5's (`failed_switch`). The verdict is by the stack's own
AnalysisTemplates against the metrics store: a share of 0.05 may fail, the rate has to be nine tenths of the old
colour's before the switch, and lag may be 500. The controller makes one AnalysisRun for each switch, and obeys it.

Besides scenario 5's criteria each round has to be of the run: there is exactly one of the switch's epoch, the switch's
own, made after the grant, Failed, and the reason of the rollback names it. The mended colour's run is Successful.
"""

import time
from typing import Any

from components.argo.crds import GROUP_VERSION
from components.argo.templates import NAMES
from components.names import SWITCH_NAME
from components.observability.names import RECORDS
from experiments import metrics
from experiments.criteria import Observations
from experiments.errors import DeadlineError
from experiments.lab import Lab
from experiments.measurements import SwitchRecord
from experiments.results import Criterion
from experiments.scenarios import failed_switch
from experiments.scenarios.base import Scenario

_RUNS = f"/apis/{GROUP_VERSION}/namespaces/{{}}/analysisruns"
# By when the templates have failed a colour that does its work badly, with the measurements before it and the time in
# which a scrape, a query and the two controllers see each other.
_VERDICT_SECONDS = 20
_TIMEOUT_SECONDS = 60
_SCRAPED_SECONDS, _LOOK_SECONDS = 90.0, 1.0
_FAILED, _SUCCESSFUL = "Failed", "Successful"


def perform(lab: Lab, switches: int) -> None:
    """Scenario 5's, once the metrics store has seen every pod at work: of a fresh pod it learns some seconds late, and
    on what it has not seen nobody is judged.
    """
    wanted = 2 * lab.settings.replicas
    until = time.monotonic() + _SCRAPED_SECONDS
    query = f'count(count by (pod) ({RECORDS}{{namespace="{lab.namespace}"}}))'
    while (seen := metrics.value(lab.cluster, query) or 0) < wanted:
        if time.monotonic() > until:
            raise DeadlineError(f"{wanted} pods in the metrics store", _SCRAPED_SECONDS, f"{seen:g}")
        time.sleep(_LOOK_SECONDS)
    failed_switch.perform(lab, switches, seconds=_VERDICT_SECONDS, look=run_of)


def run_of(lab: Lab, record: SwitchRecord) -> dict[str, Any]:
    """The AnalysisRun that judged a switch: name, phase, and the metric that decided; what is wrong about it."""
    if record.last is None:
        return {}
    runs = lab.cluster.get(_RUNS.format(lab.namespace))["items"]
    beginning = f"{SWITCH_NAME}-{_granted(record)}-"
    own = [run for run in runs if run["metadata"]["name"].startswith(beginning)]
    if len(own) != 1:
        return {"wrong": f"{len(own)} AnalysisRuns are called {beginning}…, in place of one"}
    (run,) = own
    name, status = run["metadata"]["name"], run.get("status") or {}
    phase, wanted = status.get("phase"), _SUCCESSFUL if record.switched else _FAILED
    results = status.get("metricResults") or ()
    row: dict[str, Any] = {
        "analysis_run": name,
        "phase": phase,
        "failed_metric": ", ".join(result["name"] for result in results if result.get("phase") == _FAILED) or None,
    }
    if phase != wanted:
        row["wrong"] = f"AnalysisRun {name} is {phase}, in place of {wanted}: {status.get('message')}"
    elif not record.switched and name not in record.reason:
        row["wrong"] = f"the switch ended by another reason than AnalysisRun {name}: {record.reason}"
    return row


def _granted(record: SwitchRecord) -> int:
    """The epoch under which the new colour was judged: a way back is two further on."""
    epoch = record.last.epoch if record.last else 0
    return epoch if record.switched else epoch - 2


def judge(seen: Observations) -> list[Criterion]:
    found = failed_switch.judge(seen)
    told = seen.measured.get("analysis_runs_failed")
    return [*found, Criterion("analysis_runs_failed", f"= {seen.switches_asked}", told, told == seen.switches_asked)]


def observe(notes: Any, logs: Any) -> dict[str, Any]:
    rows = notes.tables.get(failed_switch.TABLE, [])
    failed = {row["analysis_run"] for row in rows if row.get("phase") == _FAILED}
    by = [row.get("failed_metric") or "" for row in rows]
    decided = {f"rounds_failed_by_{name}": sum(name in each for each in by) for name in NAMES}
    return {**failed_switch.observe(notes, logs), "analysis_runs_failed": len(failed), **decided}


SCENARIO = Scenario(
    "5-argo",
    "failed switch, and the way back by an Argo Rollouts AnalysisRun",
    default_switches=failed_switch.SCENARIO.default_switches,
    step=failed_switch.SCENARIO.step,
    perform=perform,
    judge=judge,
    observe=observe,
    faults=True,
    configuration={"analysis": {"templates": list(NAMES), "timeoutSeconds": _TIMEOUT_SECONDS}},
    platform={"argo": True},
    moment="taken back",
)

"""The topic's Job run once more, when the topic may have gone.

Pulumi does not see a topic: to it, a Job that has ended well is done. So when a switch that had ended well is not Ready
any more, the Job is run again as it is, under a name of its own. It makes the topic if it is not there, and else it
changes nothing.
"""

import copy
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from components import names
from components.cluster.access import AccessError, ClusterAccess
from components.cluster.client import ApiError, KubernetesApi
from components.live_switch import Expectation, condition

_SETTLED_WELL = "Switched"
_LOOK_SECONDS = 0.5
_WAIT_SECONDS = 120.0
_KEPT_SECONDS = 60
#: What a Job writes into its pods' labels: another one has others.
_OF_ONE_JOB = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")

Object = Mapping[str, Any]


class Api(Protocol):
    """What is needed of `KubernetesApi`."""

    def get(self, path: str) -> dict[str, Any]: ...

    def post(self, path: str, body: object) -> dict[str, Any]: ...


def make_again(expected: Expectation, access: ClusterAccess, say: Callable[[str], None]) -> bool:
    """Run the Job again if the topic may be what is missing. True when it was run and ended well. Raises nothing."""
    try:
        return run_again(KubernetesApi(access, agent=names.UPDATE_AGENT), expected, say)
    except (AccessError, ApiError):
        return False


def may_be_missing(switch: Object) -> bool:
    """Whether the switch has ended well, and all the same its colour is not as it has to be."""
    status = switch.get("status") or {}
    settled, ready = condition(status, "Settled"), condition(status, "Ready")
    generation = switch["metadata"]["generation"]
    ended = (settled.get("status"), settled.get("reason"), settled.get("observedGeneration"))
    return ended == ("True", _SETTLED_WELL, generation) and ready.get("status") == "False"


def again(job: Object) -> dict[str, Any]:
    """The same Job, to be made under another name."""
    spec = copy.deepcopy(dict(job["spec"]))
    spec.pop("selector", None)
    labels = spec["template"]["metadata"].get("labels") or {}
    spec["template"]["metadata"]["labels"] = {k: v for k, v in labels.items() if k not in _OF_ONE_JOB}
    return {
        "apiVersion": job["apiVersion"],
        "kind": job["kind"],
        "metadata": {
            "generateName": f"{job['metadata']['name']}-again-",
            "labels": dict(job["metadata"].get("labels") or {}),
        },
        "spec": {**spec, "ttlSecondsAfterFinished": _KEPT_SECONDS},
    }


def run_again(
    api: Api, expected: Expectation, say: Callable[[str], None], pause: Callable[[float], None] = time.sleep
) -> bool:
    """`make_again` of this API server. Raises ApiError."""
    if not may_be_missing(api.get(f"{names.switches(expected.namespace)}/{expected.name}")):
        return False
    jobs = f"/apis/batch/v1/namespaces/{expected.namespace}/jobs"
    name = api.post(jobs, again(api.get(f"{jobs}/{names.TOPIC}")))["metadata"]["name"]
    say(f"{expected} is not Ready: the Job that makes the topic is run again, as {name}")
    for _ in range(int(_WAIT_SECONDS / _LOOK_SECONDS)):
        ended = {
            said["type"]
            for said in (api.get(f"{jobs}/{name}").get("status") or {}).get("conditions") or ()
            if said["status"] == "True"
        }
        if ended & {"Complete", "Failed"}:
            return "Complete" in ended
        pause(_LOOK_SECONDS)
    return False

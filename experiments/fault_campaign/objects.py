"""Objects that somebody else writes: the Lease, the switch, the controller's Deployment; and the group, which somebody
else enters.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.names import CONTROLLER, LEASE_NAME
from experiments import by_hand
from experiments.errors import PreconditionError
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Inject, Scene, happens
from experiments.kubectl import converse, program_in
from experiments.lab import Lab
from experiments.producer import CONTAINER, POD

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}"
_STRANGER = Path(__file__).parents[1] / "in_pod" / "foreign_member.py"
_ENTERED_SECONDS = 20.0
_LEFT_SECONDS = 20.0


def _delete_lease(scene: Scene, _injection: Injection) -> str:
    scene.lab.cluster.request("DELETE", _LEASES.format(scene.namespace, LEASE_NAME))
    return LEASE_NAME


def _edit_lease(scene: Scene, _injection: Injection) -> str:
    lease = f"leases.coordination.k8s.io/{LEASE_NAME}"
    by_hand.touch(scene.namespace, lease, "example.com/touched", str(time.time_ns()))
    return LEASE_NAME


def _flip(scene: Scene, _injection: Injection) -> str:
    """The other colour is asked for, and then again the one that was: two more generations."""
    wanted = scene.lab.cluster.switch(scene.namespace).wanted
    by_hand.activate(scene.namespace, scene.source if wanted == scene.target else scene.target)
    by_hand.activate(scene.namespace, wanted)
    return f"{wanted} again"


@contextmanager
def _two_controllers(scene: Scene, _injection: Injection) -> Iterator[str]:
    deployment = f"deployments.apps/{CONTROLLER}"
    try:
        # Also one that is not answered may have been heard.
        by_hand.scale(scene.namespace, deployment, 2)
        yield deployment
    finally:
        by_hand.scale(scene.namespace, deployment, 1)


@contextmanager
def _stranger(scene: Scene, injection: Injection) -> Iterator[str]:
    """A member in a process of its own, in the producer's pod; its input's end ends it, and so does its own time."""
    live = scene.lab.cluster.switch(scene.namespace)
    group = live.groups.get(scene.source, "")
    seconds = str(injection.seconds + _LEFT_SECONDS)
    arguments = [scene.bootstrap, group, scene.lab.settings.topic, seconds]
    member = converse(program_in(scene.namespace, POD, CONTAINER, _STRANGER, arguments))
    try:
        if not member.stdout.readline():
            raise PreconditionError(f"a member of others could not be begun in {POD} for group {group}")
        yield group
        member.stdin.close()
        member.process.wait(_LEFT_SECONDS)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"the member of others in {POD} did not leave in time\n")
    finally:
        member.end()


def take_back(lab: Lab) -> Iterator[str]:
    """One controller is enough. A member of others leaves by itself, when its input ends or its time is over."""
    deployment = lab.cluster.get(f"/apis/apps/v1/namespaces/{lab.namespace}/deployments/{CONTROLLER}")
    if (there := deployment["spec"]["replicas"]) != 1:
        by_hand.scale(lab.namespace, f"deployments.apps/{CONTROLLER}", 1)
        yield f"{there} controllers"


INJECT: dict[str, Inject] = {
    "lease-delete": happens(_delete_lease),
    "lease-edit": happens(_edit_lease),
    "spec-flip": happens(_flip),
    "two-controllers": _two_controllers,
    "foreign-member": _stranger,
}

"""Objects that somebody else writes: the Lease, the switch, the controller's Deployment; and the group, which somebody
else enters.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.names import CONTROLLER, LEASE_NAME
from experiments import by_hand
from experiments.cluster import ClusterError
from experiments.errors import ExperimentError, PreconditionError
from experiments.fault_campaign.plan import Injection
from experiments.fault_campaign.scene import Inject, Scene, happens
from experiments.kubectl import converse, program_in
from experiments.lab import Lab
from experiments.producer import CONTAINER, POD

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}"
_STRANGER = Path(__file__).parents[1] / "in_pod" / "foreign_member.py"
_LEFT_SECONDS = 20.0
_UNDO_SECONDS = 60.0
_RETRY_SECONDS = 0.5
_TRIES = 5
_CONFLICT = 409
#: As whom no colour is known.
_NOBODY = "nobody-that-there-is"


def _delete_lease(scene: Scene, _injection: Injection) -> str:
    scene.lab.cluster.request("DELETE", _LEASES.format(scene.namespace, LEASE_NAME))
    return LEASE_NAME


def _edit_lease(scene: Scene, _injection: Injection) -> str:
    lease = f"leases.coordination.k8s.io/{LEASE_NAME}"
    by_hand.touch(scene.namespace, lease, "example.com/touched", str(time.time_ns()))
    return LEASE_NAME


def _write_lease(scene: Scene, change: Callable[[dict[str, Any]], None]) -> str:
    """As whoever writes it: with the version that was read, and again where somebody else was first."""
    path = _LEASES.format(scene.namespace, LEASE_NAME)
    for _ in range(_TRIES):
        lease = scene.lab.cluster.get(path)
        change(lease)
        try:
            scene.lab.cluster.request("PUT", path, body=lease)
        except ClusterError as error:
            if error.status != _CONFLICT:
                raise
        else:
            return LEASE_NAME
    raise PreconditionError(f"the Lease {LEASE_NAME} changes all the time")


def _raise_epoch(scene: Scene, _injection: Injection) -> str:
    """By two: then none of the epochs in between was anybody's."""

    def change(lease: dict[str, Any]) -> None:
        lease["spec"]["leaseTransitions"] = int(lease["spec"].get("leaseTransitions") or 0) + 2

    return _write_lease(scene, change)


def _withdraw(scene: Scene, _injection: Injection) -> str:
    def change(lease: dict[str, Any]) -> None:
        holder = lease["spec"].pop("holderIdentity", "")
        if not holder:
            raise PreconditionError("nobody holds the grant, so nobody can be taken out of the Lease")
        lease["spec"]["leaseTransitions"] = int(lease["spec"].get("leaseTransitions") or 0) + 1
        lease["metadata"].setdefault("annotations", {})["last-holder"] = holder

    return _write_lease(scene, change)


@contextmanager
def _unreadable(scene: Scene, _injection: Injection) -> Iterator[str]:
    """The controller says who has to do what: delete it. So that is part of the fault, and no hand that is missing."""

    def change(lease: dict[str, Any]) -> None:
        lease["spec"]["holderIdentity"] = _NOBODY

    try:
        yield _write_lease(scene, change)
    finally:
        _until_done(lambda: _delete_unreadable(scene.lab))


def _delete_unreadable(lab: Lab) -> bool:
    """Whether it was one."""
    path = _LEASES.format(lab.namespace, LEASE_NAME)
    try:
        if lab.cluster.get(path)["spec"].get("holderIdentity") != _NOBODY:
            return False
        lab.cluster.request("DELETE", path)
    except ClusterError as error:
        if not error.not_found:
            raise
        return False
    return True


def _until_done(undo: Callable[[], object]) -> None:
    """Again, as long as an API server that was hit as well does not answer. Raises ExperimentError."""
    ends = time.monotonic() + _UNDO_SECONDS
    while True:
        try:
            undo()
        except ExperimentError:
            if time.monotonic() > ends:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


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
        _until_done(lambda: by_hand.scale(scene.namespace, deployment, 1))


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
    """One controller is enough, and a Lease that nobody can read is deleted. A member of others leaves by itself, when
    its input ends or its time is over.
    """
    if _delete_unreadable(lab):
        yield "a Lease that nobody can read"
    deployment = lab.cluster.get(f"/apis/apps/v1/namespaces/{lab.namespace}/deployments/{CONTROLLER}")
    if (there := deployment["spec"]["replicas"]) != 1:
        by_hand.scale(lab.namespace, f"deployments.apps/{CONTROLLER}", 1)
        yield f"{there} controllers"


INJECT: dict[str, Inject] = {
    "lease-delete": happens(_delete_lease),
    "lease-edit": happens(_edit_lease),
    "lease-epoch": happens(_raise_epoch),
    "lease-withdraw": happens(_withdraw),
    "lease-unreadable": _unreadable,
    "spec-flip": happens(_flip),
    "two-controllers": _two_controllers,
    "foreign-member": _stranger,
}

"""What a user does beside Pulumi, with kubectl: another colour asked for on the live object, a set of another size.

`kubectl patch` and not the scale subresource: Pulumi's provider takes back fields that kubectl wrote to the object
itself, and never those that came through a subresource. It is the way that is left while an update of the stack runs:
Pulumi's lock keeps a second update out until the first one has returned.
"""

import json
import subprocess
from typing import Any

from components.names import GROUP, SWITCH_NAME, SWITCH_PLURAL
from experiments.errors import ExperimentError

_SECONDS = 30.0
#: The field manager of what is written here, so that it is told from what anybody else writes with kubectl. Pulumi's
#: provider takes over the fields of managers whose names begin with `kubectl`, and of no others of these.
MANAGER = "kubectl-kafka-bluegreen-experiments"
_AS_OURS = f"--field-manager={MANAGER}"


class ByHandError(ExperimentError):
    """kubectl refused; the message is what it said."""


def activate(namespace: str, color: str) -> None:
    """Ask for another colour: a second writer of the field that Pulumi writes. Raises ByHandError."""
    _patch(namespace, f"{SWITCH_PLURAL}.{GROUP}/{SWITCH_NAME}", {"spec": {"active": color}})


def ask(namespace: str, **spec: object) -> None:
    """Ask for other values of the switch's spec, all in one write. Raises ByHandError."""
    _patch(namespace, f"{SWITCH_PLURAL}.{GROUP}/{SWITCH_NAME}", {"spec": spec})


def scale(namespace: str, what: str, replicas: int) -> None:
    """Give a set another number of pods; returns when the API server has it. what: the object that says the number, as
    kubectl is told of it. Raises ByHandError.
    """
    _patch(namespace, what, {"spec": {"replicas": replicas}})


def restart(namespace: str, what: str) -> None:
    """Have a set replace its pods by its own rolling update, one after the other; returns when the API server has it.
    what: as for `scale`. Raises ByHandError.
    """
    _kubectl("rollout", "restart", "-n", namespace, what, _AS_OURS)


def ask_for_state(namespace: str, connector: str, state: str) -> None:
    """Ask for another state of a connector by its resource: `running`, `paused` or `stopped`. Raises ByHandError."""
    _patch(namespace, connector, {"spec": {"state": state}})


def touch(namespace: str, what: str, annotation: str, value: str) -> None:
    """Write an annotation that nobody reads: an event for whoever watches the object. Raises ByHandError."""
    _patch(namespace, what, {"metadata": {"annotations": {annotation: value}}})


def _patch(namespace: str, what: str, change: dict[str, Any]) -> None:
    _kubectl("patch", "-n", namespace, what, _AS_OURS, "--type", "merge", "-p", json.dumps(change))


def _kubectl(*arguments: str) -> None:
    command = ["kubectl", *arguments]
    try:
        # A session of its own: a Ctrl-C at the terminal is the runner's to handle.
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False, start_new_session=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ByHandError(f"{' '.join(command[:5])}: {error}") from error
    if done.returncode != 0:
        raise ByHandError(f"{' '.join(command[:5])}: exit code {done.returncode}: {done.stderr.strip()}")

"""Waits, in the program, until a StatefulSet has rolled out whose number of pods is not Pulumi's to know.

Where the number is the configuration's, Pulumi waits by it (`pods.until_rolled_out`). A scaler's changes while nobody
looks, and a path of a waited-for condition cannot be compared with another one.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Protocol

import pulumi

from components import names
from components.cluster.access import AccessError, ClusterAccess
from components.cluster.errors import ApiError

ROLLOUT_SECONDS = 300.0
_LOOK_SECONDS = 0.5


class RolloutError(RuntimeError):
    """The pods are not the new ones, or not ready, in time. The message says what is missing."""


class Api(Protocol):
    """What is needed of `KubernetesApi`."""

    def get(self, path: str) -> dict[str, Any]: ...


def lacking(live: Mapping[str, Any]) -> str:
    """What is missing for a StatefulSet to have rolled out; empty for nothing."""
    status, wanted = live.get("status") or {}, int(live["spec"].get("replicas", 1))
    if int(status.get("observedGeneration") or 0) < int(live["metadata"]["generation"]):
        return "its newest template is not looked at yet"
    counts = {name: int(status.get(f"{name}Replicas") or 0) for name in ("updated", "ready")}
    late = [f"{count} of {wanted} pods are {name}" for name, count in counts.items() if count < wanted]
    return ", ".join(late)


def wait(api: Api, path: str, seconds: float = ROLLOUT_SECONDS) -> None:
    """Until the StatefulSet at `path` has rolled out. Blocks; raises `RolloutError`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            missing = lacking(api.get(path))
        except ApiError as error:
            missing = str(error)
        if not missing:
            return
        if time.monotonic() >= deadline:
            name = path.rpartition("/")[2]
            raise RolloutError(f"StatefulSet {name} has not rolled out within {seconds:g} s: {missing}")
        time.sleep(_LOOK_SECONDS)


def rolled_out(made: pulumi.Resource, after: pulumi.Output[str], path: str, access: ClusterAccess) -> Any:
    """`made`, once the set at `path` has rolled out, as an Output. after: known when the set is written. In a preview
    it is there at once.
    """

    async def look(_: str) -> pulumi.Resource:
        if not pulumi.runtime.is_dry_run():
            try:
                await asyncio.to_thread(_wait, path, access)
            except (AccessError, RolloutError) as error:
                raise pulumi.RunError(str(error)) from None
        return made

    return after.apply(look)


def _wait(path: str, access: ClusterAccess) -> None:
    from components.cluster.client import KubernetesApi  # noqa: PLC0415 - its import takes time

    wait(KubernetesApi(access, agent=names.UPDATE_AGENT), path)

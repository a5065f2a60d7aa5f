"""Faults of consumers, changed while they run, by their own API (`PUT /faults`), which listens on the pod's loopback.

Fault injection is off unless a colour is configured with `faults`; so a scenario that injects some says so.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from components.names import COLORS, LIFECYCLE_PORT
from components.settings import registry
from experiments.errors import ExperimentError
from experiments.kubectl import CommandError, output_of

_PROGRAM = Path(__file__).parent / "in_pod" / "put_faults.py"
_SECONDS = 30.0

Fault = float | bool


class FaultError(ExperimentError):
    """A consumer that did not take its faults; the message names it, and what it said."""


def enabled(letter: str) -> dict[str, dict[str, dict[str, Fault]]]:
    """The keys by which both colours of a strategy take faults; none where its members handle no records."""
    models = registry.models()[letter].model_fields
    return {
        color: {"faults": {}} for color in COLORS if "faults" in getattr(models[color].annotation, "model_fields", {})
    }


def slow(share: float, replicas: int, rate: int) -> float:
    """The `processing_delay_ms` by which so many pods handle this share of a rate (records/s), and no more."""
    return 1000 * replicas / (share * rate)


def put(namespace: str, container: str, pods: Sequence[str], faults: Mapping[str, Fault]) -> None:
    """Change these faults of these pods, at the same time; returns when all of them have them. Raises FaultError."""

    def one(pod: str) -> None:
        command = ["python3", "-c", _PROGRAM.read_text(), str(LIFECYCLE_PORT), json.dumps(dict(faults))]
        try:
            output_of(namespace, pod, container, command, seconds=_SECONDS)
        except CommandError as error:
            raise FaultError(f"{pod} did not take {dict(faults)}: {error.said}") from None

    with ThreadPoolExecutor(max(1, len(pods))) as pool:
        for ended in [pool.submit(one, pod) for pod in pods]:
            ended.result()

"""What a run does to consumer groups from outside, as an operator would, by a small program in a pod."""

import json
from pathlib import Path
from typing import Any

from components.names import SETTINGS_DIRECTORY, SETTINGS_FILE
from experiments.errors import DeadlineError
from experiments.kubectl import output_of
from experiments.producer import CONTAINER, POD

_PROGRAM = Path(__file__).parent / "in_pod" / "group_offsets.py"
_SETTINGS = f"{SETTINGS_DIRECTORY}/{SETTINGS_FILE}"
_SECONDS = 60.0


def wait_empty(namespace: str, group: str, seconds: float) -> None:
    """Wait until a group has no members: a static one that was closed stays for its session timeout.

    Raises DeadlineError, CollectionError.
    """
    found = _ask(namespace, seconds + _SECONDS, "empty", group, str(seconds))
    if not found["empty"]:
        raise DeadlineError(f"consumer group {group} to have no members", seconds, f"{found['members']} members")


def copy_offsets(namespace: str, source: str, target: str, topic: str, partitions: int) -> dict[int, int]:
    """Copy the committed offsets of a topic from one group to another, which has no members; returns what was copied,
    by partition. Raises CollectionError with what the broker said.
    """
    found = _ask(namespace, _SECONDS, "copy", source, target, topic, str(partitions))
    return {int(partition): int(offset) for partition, offset in found["offsets"].items()}


def _ask(namespace: str, seconds: float, what: str, *arguments: str) -> Any:
    command = ["python3", "-c", _PROGRAM.read_text(), what, _SETTINGS, *arguments]
    return json.loads(output_of(namespace, POD, CONTAINER, command, seconds=seconds))

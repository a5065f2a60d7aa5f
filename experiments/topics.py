"""What a run does to a topic from outside, by a small program in a pod."""

from pathlib import Path

from components.names import SETTINGS_DIRECTORY, SETTINGS_FILE
from experiments.cluster import output_of
from experiments.producer import CONTAINER, POD

_PROGRAM = Path(__file__).parent / "in_pod" / "delete_topic.py"
_SECONDS = 60.0


def delete(namespace: str, topic: str) -> None:
    """Delete a topic; fine if there is none. Raises CollectionError with what the broker said."""
    command = ["python3", "-c", _PROGRAM.read_text(), f"{SETTINGS_DIRECTORY}/{SETTINGS_FILE}", topic]
    output_of(namespace, POD, CONTAINER, command, seconds=_SECONDS)

"""What a run does to topics from outside, by a small program in a pod."""

from pathlib import Path

from components.names import SETTINGS_DIRECTORY, SETTINGS_FILE
from experiments.kubectl import output_of
from experiments.producer import CONTAINER, POD

_PROGRAM = Path(__file__).parent / "in_pod" / "delete_topics.py"
_SECONDS = 60.0


def delete(namespace: str, topic: str) -> None:
    """Delete a stack's topic, and those that bear the stack's name, as its Connect clusters' do; fine if there is none.
    Raises CollectionError with what the broker said.
    """
    settings = f"{SETTINGS_DIRECTORY}/{SETTINGS_FILE}"
    command = ["python3", "-c", _PROGRAM.read_text(), settings, topic, f"{namespace}-"]
    output_of(namespace, POD, CONTAINER, command, seconds=_SECONDS)

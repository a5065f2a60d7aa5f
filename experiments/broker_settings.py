"""What the brokers themselves say that they are set to, by a small program in a pod."""

from pathlib import Path

from components.names import SETTINGS_DIRECTORY, SETTINGS_FILE
from experiments.kubectl import output_of
from experiments.producer import CONTAINER, POD

_PROGRAM = Path(__file__).parent / "in_pod" / "broker_setting.py"
_SECONDS = 60.0
#: By KIP-848 a member's session is the brokers' to say.
CONSUMER_SESSION = "group.consumer.session.timeout.ms"


def value_of(namespace: str, name: str) -> str:
    """The value of a setting. namespace: of a stack whose producer is up. Raises CollectionError with what was said."""
    command = ["python3", "-c", _PROGRAM.read_text(), f"{SETTINGS_DIRECTORY}/{SETTINGS_FILE}", name]
    return output_of(namespace, POD, CONTAINER, command, seconds=_SECONDS).decode().strip()


def consumer_session_seconds(namespace: str) -> float:
    """The session of members by KIP-848. Raises as `value_of`."""
    return int(value_of(namespace, CONSUMER_SESSION)) / 1000

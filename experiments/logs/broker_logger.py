"""A broker tells of a commit only in a logger that is silent below DEBUG: it speaks while a run is recorded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.names import SETTINGS_DIRECTORY, SETTINGS_FILE
from experiments.errors import ExperimentError
from experiments.kubectl import output_of
from experiments.producer import CONTAINER, POD
from experiments.progress import Progress

#: https://github.com/apache/kafka/blob/4.3.1/group-coordinator/src/main/java/org/apache/kafka/coordinator/group/OffsetMetadataManager.java
LOGGER = "org.apache.kafka.coordinator.group.OffsetMetadataManager"
_PROGRAM = Path(__file__).parents[1] / "in_pod" / "set_logger.py"
_SECONDS = 60.0


@contextmanager
def telling_of_commits(namespace: str, progress: Progress) -> Iterator[bool]:
    """Have the brokers tell of commits for a time; gives whether they do. namespace: of a stack whose producer is up.

    The level goes back to that of the broker's configuration, whatever happened meanwhile. What fails is said, and ends
    nothing: the lines are beside the run's verdict.
    """
    told = _set(namespace, "DEBUG", progress)
    try:
        yield told
    finally:
        _set(namespace, "", progress)


def _set(namespace: str, level: str, progress: Progress) -> bool:
    settings = f"{SETTINGS_DIRECTORY}/{SETTINGS_FILE}"
    try:
        command = ["python3", "-c", _PROGRAM.read_text(encoding="utf-8"), settings, LOGGER, level]
        output_of(namespace, POD, CONTAINER, command, seconds=_SECONDS)
    except ExperimentError as error:
        progress.say(f"the brokers' logger of commits is not {level or 'as it was'}: {error}")
        return False
    return True

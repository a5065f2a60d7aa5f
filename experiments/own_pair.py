"""A pair that a run makes for itself: when it needs one, and how that is taken away."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments import faults, topics
from experiments.cluster import Cluster, ClusterError
from experiments.errors import ExperimentError
from experiments.options import Options, shape_attributes
from experiments.preflight import strategy_settings_of
from experiments.progress import Progress
from experiments.stacks import Configuration, Stack, UpdateError


def own_pair(options: Options, repository: Path) -> str:
    """What names the pair that a run makes for itself; empty where it runs on the standing one.

    It needs one if it makes its pair of something else than the standing one is made of: that could not be taken back
    there, for partitions can only be added. Nor can faults be taken from the colour that is active, which would be
    restarted by it. Raises PreflightError for settings that are refused.
    """
    with TemporaryDirectory() as folder:
        configuration = Configuration(repository, options.standing, Path(folder) / "standing.yaml")
        before = strategy_settings_of(configuration)
        configuration.set(**{**options.scenario.configured(options.strategy), **options.overrides})
        after = strategy_settings_of(configuration)
    injects = options.scenario.faults and bool(faults.enabled(options.strategy))
    changed = any(getattr(before, name, None) != getattr(after, name, None) for name in shape_attributes())
    return f"run-{datetime.now(UTC):%Y%m%dt%H%M%S}" if changed or injects or options.scenario.reshapes else ""


def is_left(cluster: Cluster, namespace: str) -> bool:
    """Whether there is one that a run has left which was killed: made of whatever it had come to. Raises
    ClusterError.
    """
    try:
        cluster.get(f"/api/v1/namespaces/{namespace}")
    except ClusterError as error:
        if error.not_found:
            return False
        raise
    return True


def take_away(stack: Stack, topic: str, progress: Progress) -> None:
    """The pair, and its topics where its own has a name; they stay, and are told, if their broker is not reached.
    Raises UpdateError.
    """
    try:
        if topic:
            topics.delete(stack.name, topic)
    except ExperimentError as error:
        progress.say(f"topic {topic} stays: {error}")
    if (problem := stack.take_away()) is not None:
        raise UpdateError(f"stack {stack.name}, made for a run, cannot be taken away:\n{problem}")

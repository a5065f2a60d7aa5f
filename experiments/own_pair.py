"""Whether a run needs a pair of its own, and what names it."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.options import Options, shape_attributes
from experiments.preflight import strategy_settings_of
from experiments.stacks import Configuration


def own_pair(options: Options, repository: Path) -> str:
    """What names the pair that a run makes for itself; empty where it runs on the standing one.

    It needs one if it makes its pair of something else than the standing one is made of: that could not be taken back
    there, for partitions can only be added. Raises PreflightError for settings that are refused.
    """
    with TemporaryDirectory() as folder:
        configuration = Configuration(repository, options.standing, Path(folder) / "standing.yaml")
        before = strategy_settings_of(configuration)
        configuration.set(**{**options.scenario.configuration, **options.overrides})
        after = strategy_settings_of(configuration)
    changed = any(getattr(before, name, None) != getattr(after, name, None) for name in shape_attributes())
    return f"run-{datetime.now(UTC):%Y%m%dt%H%M%S}" if changed or options.scenario.reshapes else ""

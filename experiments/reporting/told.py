"""Figures as the report tells them: each with the name of what it is taken from, as `evidence` reads it."""

from collections.abc import Sequence

from experiments.evidence.sources import SourceError, Sources
from experiments.results import Criterion, RunResult

NOTHING = "-"
_SEPARATED = 10_000


class Told:
    """Writes figures down. A value that a result does not have is told as a dash."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def figure(
        self,
        runs: str | Sequence[str],
        expression: str,
        *statistics: str,
        unit: str = "",
        decimals: int | None = None,
    ) -> str:
        """The values of an expression, or statistics of it, with their name. decimals: None for as many as a whole
        number has, or two.
        """
        sources = (runs,) if isinstance(runs, str) else tuple(runs)
        try:
            values = self._sources.numbers(sources, expression, statistics, unit)
        except SourceError:
            return NOTHING
        name = f"{'+'.join(sources)} {expression}"
        name += f" : {', '.join(statistics)}" if statistics else ""
        name += f" in {unit}" if unit else ""
        return f"{' · '.join(_shown(value, decimals) for value in values)}<!--= {name} -->"

    def measured(self, result: RunResult, criterion: Criterion) -> str:
        """What a criterion measured."""
        if isinstance(criterion.measured, int | float) and not isinstance(criterion.measured, bool):
            return self.figure(
                result.run, f"criteria[?name=='{criterion.name}'].measured", "worst", decimals=_places(criterion)
            )
        return NOTHING if criterion.measured is None else f"`{criterion.measured}`"


def _shown(value: float, decimals: int | None) -> str:
    places = decimals if decimals is not None else 0 if float(value).is_integer() else 2
    return f"{value:{',' if abs(value) >= _SEPARATED else ''}.{places}f}"


def _places(criterion: Criterion) -> int:
    return 0 if isinstance(criterion.measured, int) else 3

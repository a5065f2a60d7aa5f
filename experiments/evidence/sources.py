"""What a name of a figure leads to: a value in a committed result, found by JMESPath."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jmespath
from jmespath import exceptions, functions

from experiments.folders import RESULT_FILE
from experiments.measurements import Distribution

#: A figure that is told in another unit than the result has it in: by the end of the field's name and the unit.
_FACTORS = {
    ("_seconds", "s"): 1.0,
    ("_seconds", "ms"): 1e3,
    ("_seconds", "min"): 1 / 60,
    ("_ms", "ms"): 1.0,
    ("_ms", "s"): 1e-3,
    ("_mib", "MiB"): 1.0,
    ("", "%"): 100.0,
}
_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "median": lambda values: _spread(values).median,
    "p95": lambda values: _spread(values).p95,
    "worst": lambda values: _spread(values).worst,
    "min": min,
    "count": len,
    "sum": sum,
}


class SourceError(Exception):
    """A name that leads nowhere, by what is wrong with it."""


def _spread(values: list[float]) -> Distribution:
    found = Distribution.of(values)
    if found is None:
        raise SourceError("nothing was measured there")
    return found


class _Functions(functions.Functions):
    """JMESPath's functions, and those of distributions."""

    @functions.signature({"types": ["array-number"]})
    def _func_median(self, values: list[float]) -> float | None:
        return _spread(values).median if values else None

    @functions.signature({"types": ["array-number"]})
    def _func_p95(self, values: list[float]) -> float | None:
        return _spread(values).p95 if values else None


class Sources:
    """Committed results by name.

    data: the folder of the runs. A source is a run (its `result.json`), a run's table (`RUN/cases.json`), another file
    of the folder (`benchmarks/consumer.json`), or what is made of a run (`RUN/handoff`). made: by name, what makes it
    of a run's folder; it raises ExperimentError. committed: whether a folder or file of `data` counts.
    """

    def __init__(
        self,
        data: Path,
        made: Mapping[str, Callable[[Path], Any]] | None = None,
        committed: Callable[[Path], bool] = lambda _: True,
    ) -> None:
        self._data = data
        self._made = made or {}
        self._committed = committed
        self._read: dict[str, Any] = {}
        self._options = jmespath.Options(custom_functions=_Functions())

    def content(self, source: str) -> Any:
        """The JSON of a source. Raises SourceError."""
        if source not in self._read:
            self._read[source] = self._load(source)
        return self._read[source]

    def _load(self, source: str) -> Any:
        first, _, rest = source.partition("/")
        if rest in self._made:
            folder = self._folder(first)
            try:
                return self._made[rest](folder)
            except Exception as error:
                raise SourceError(f"{source}: {error}") from error
        file = self._data / source if rest else self._folder(first) / RESULT_FILE
        if not file.resolve().is_relative_to(self._data.resolve()) or not file.is_file():
            raise SourceError(f"{source}: there is no {file.relative_to(self._data)} among the results")
        if not self._committed(file):
            raise SourceError(f"{source}: {file.relative_to(self._data)} is not committed")
        return json.loads(file.read_text())

    def _folder(self, run: str) -> Path:
        folder = self._data / run
        if not (folder / RESULT_FILE).is_file() or not self._committed(folder):
            raise SourceError(f"{run}: there is no committed run of this name")
        return folder

    def value(self, source: str, expression: str) -> Any:
        """What an expression finds in a source. Raises SourceError, also where it finds nothing."""
        try:
            found = jmespath.search(expression, self.content(source), options=self._options)
        except exceptions.JMESPathError as error:
            raise SourceError(f"{expression!r}: {error}") from error
        if found is None or found == []:
            raise SourceError(f"{source} has no {expression}")
        return found

    def numbers(self, sources: tuple[str, ...], expression: str, statistics: tuple[str, ...], unit: str) -> list[float]:
        """The values of a name, in the unit that it is told in; of several sources, added up, or all their values
        together where statistics are asked for. Raises SourceError.
        """
        found = [self.value(source, expression) for source in sources]
        factor = _factor(expression, unit)
        if not statistics:
            for value in found:
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise SourceError(f"{expression} is no number but {json.dumps(value)[:60]}")
            return [sum(found) * factor]
        values = [value for one in found for value in (one if isinstance(one, list) else [one])]
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            raise SourceError(f"{expression} are not all numbers")
        wrong = [name for name in statistics if name not in _STATISTICS]
        if wrong:
            raise SourceError(f"{', '.join(wrong)}: none of {', '.join(_STATISTICS)}")
        return [_STATISTICS[name](values) * (1.0 if name == "count" else factor) for name in statistics]


def _factor(expression: str, unit: str) -> float:
    if not unit:
        return 1.0
    field = expression.rstrip("])@ ").replace(")", "")
    for (end, told), factor in _FACTORS.items():
        if told == unit and (end in field.rpartition(".")[2] if end else True):
            return factor
    raise SourceError(f"{expression} cannot be told in {unit}; a field's name says its unit at its end")

"""That nothing of a committed run was edited since it was taken up: checksums in `report/data/SHA256SUMS`, in the form
of sha256sum(1), so that `sha256sum --check` reads them, too.

Sealed is what figures are taken from, JSON files and columns, and what is shown: pictures. A run that is gone takes its
lines with it.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from experiments.errors import ExperimentError

FILE = "SHA256SUMS"
_SUFFIXES = frozenset({".json", ".parquet", ".png"})


def sealed_files(run: Path) -> list[Path]:
    """Those of a run's files that are sealed."""
    return sorted(file for file in run.rglob("*") if file.suffix in _SUFFIXES and file.is_file())


def read(data: Path) -> dict[str, str]:
    """The checksums by path below `data`. Raises ExperimentError for a line that is none."""
    file = data / FILE
    found: dict[str, str] = {}
    for number, line in enumerate(file.read_text().splitlines() if file.is_file() else [], 1):
        checksum, separator, path = line.partition("  ")
        if not separator or len(checksum) != hashlib.sha256().digest_size * 2:
            raise ExperimentError(f"{file}: line {number} is no checksum and path: {line!r}")
        found[path] = checksum
    return found


def broken(data: Path, runs: Iterable[Path]) -> list[str]:
    """What is wrong with these runs' files, a line each."""
    known = read(data)
    wrong = []
    for run in runs:
        files = {str(file.relative_to(data)): file for file in sealed_files(run)}
        of_run = {path for path in known if path.startswith(f"{run.name}/")}
        if not of_run:
            wrong.append(f"{run.name} is not sealed: python -m experiments evidence --seal")
            continue
        wrong += [f"{path}: it is sealed, and not there" for path in sorted(of_run - files.keys())]
        for path, file in files.items():
            if path not in known:
                wrong.append(f"{path} is not sealed: python -m experiments evidence --seal")
            elif known[path] != _checksum(file):
                wrong.append(f"{path} was changed after it was sealed: a result is not edited, a run is made again")
    return wrong


def seal(data: Path, runs: Iterable[Path]) -> int:
    """Seal what is not sealed yet, and forget the runs that are gone; returns how many files are new.

    Raises ExperimentError for a file that was changed since it was sealed; nothing is written then.
    """
    known = read(data)
    runs = list(runs)
    files = {str(file.relative_to(data)): _checksum(file) for run in runs for file in sealed_files(run)}
    if changed := [path for path, checksum in files.items() if known.get(path, checksum) != checksum]:
        raise ExperimentError(f"changed since it was sealed, and not sealed again: {', '.join(changed)}")
    stay = {path: checksum for path, checksum in known.items() if (data / path.partition("/")[0]).is_dir()}
    (data / FILE).write_text("".join(f"{sum_}  {path}\n" for path, sum_ in sorted({**stay, **files}.items())))
    return len(files.keys() - known.keys())


def _checksum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

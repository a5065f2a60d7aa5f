"""Logs as a run keeps them."""

from collections.abc import Iterable
from pathlib import Path

from experiments.records import write_compressed


def log(file: Path, lines: Iterable[str]) -> None:
    """One of these lines, compressed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_compressed(file, "".join(f"{line}\n" for line in lines).encode())

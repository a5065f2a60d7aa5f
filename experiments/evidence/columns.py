"""The record logs of a run as columns, small enough to be committed: `evidence/<kind>.parquet` in the run's folder.

One row a line, one column a key, in the lines' order; numbers as the difference to the row before, under the key's name
with `.d`, which leaves little of them but the jitter of their times. Nothing is left out: what is unpacked is the same
lines, and packing refuses logs that it cannot give back.
"""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import zstandard

from experiments.errors import CollectionError, ExperimentError
from experiments.records import EVENTS, KINDS, PRODUCED, write_compressed

FOLDER = "evidence"
_LEVEL = 22
_DIFFERENCE = ".d"
_FILE, _TEXT = "#file", "#text"
#: Keys that a line of a produced record has even where they are null.
_NULLABLE = ("partition", "offset")
_RECORD = "status"


def kept(run: Path) -> bool:
    """Whether a run's folder has its record logs, in either form."""
    return (run / "logs" / PRODUCED).is_dir() or (run / FOLDER / f"{PRODUCED}.parquet").is_file()


@contextmanager
def logs_of(run: Path) -> Iterator[Path]:
    """The folder of a run's record logs; for columns a temporary one. Raises CollectionError where none are kept."""
    if (run / "logs" / PRODUCED).is_dir():
        yield run / "logs"
        return
    if not kept(run):
        raise CollectionError(f"the record logs of {run.name} are not kept")
    with TemporaryDirectory(prefix="evidence-") as scratch:
        unpack(run / FOLDER, Path(scratch))
        yield Path(scratch)


@contextmanager
def events_of(run: Path) -> Iterator[Path]:
    """The same for the members' events alone, which may be all that is kept."""
    if (run / "logs" / EVENTS).is_dir():
        yield run / "logs"
    elif (run / FOLDER / f"{EVENTS}.parquet").is_file():
        with TemporaryDirectory(prefix="evidence-") as scratch:
            unpack(run / FOLDER, Path(scratch), (EVENTS,))
            yield Path(scratch)
    else:
        with logs_of(run) as logs:
            yield logs


def pack(logs: Path, target: Path, kinds: Sequence[str] = KINDS) -> int:
    """Write the logs of a run as columns; returns their bytes. Raises ExperimentError for logs that would not come back
    as they are, and where one of these kinds is not there.
    """
    frames = {}
    for kind in kinds:
        lines = [(file.name, line) for file in sorted((logs / kind).glob("*.jsonl*")) for line in _lines(file)]
        if not lines:
            continue
        frame = _packed(lines)
        if list(_unpacked(frame)) != [(name, _object(line)) for name, line in lines]:
            raise ExperimentError(f"{logs / kind}: these lines do not come back from columns as they are")
        frames[kind] = frame
    if kinds[0] not in frames:
        raise ExperimentError(f"{logs}: there are no logs of what was {kinds[0]}")
    target.mkdir(exist_ok=True)
    for kind, frame in frames.items():
        frame.write_parquet(target / f"{kind}.parquet", compression="zstd", compression_level=_LEVEL)
    return sum((target / f"{kind}.parquet").stat().st_size for kind in frames)


def unpack(columns: Path, target: Path, kinds: Sequence[str] = KINDS) -> None:
    """Write columns as record logs again, one file for each that there was."""
    for kind in kinds:
        file = columns / f"{kind}.parquet"
        if not file.is_file():
            continue
        (target / kind).mkdir(parents=True)
        texts: dict[str, list[str]] = {}
        for name, line in _unpacked(pl.read_parquet(file)):
            texts.setdefault(name, []).append(line if isinstance(line, str) else json.dumps(line) + "\n")
        for name, lines in texts.items():
            write_compressed(target / kind / f"{name.partition('.jsonl')[0]}.jsonl.zst", "".join(lines).encode())


def _lines(file: Path) -> Iterator[str]:
    content = file.read_bytes()
    if file.suffix == ".zst":
        content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
    yield from content.decode().splitlines(keepends=True)


def _object(line: str) -> dict[str, Any] | str:
    """A line's object; its text where it is none, as a torn one."""
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        return line
    return found if isinstance(found, dict) and line.endswith("\n") else line


def _packed(lines: list[tuple[str, str]]) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for name, line in lines:
        found = _object(line)
        told = {_TEXT: found} if isinstance(found, str) else found
        rows.append({_FILE: name, **{k: json.dumps(v) if isinstance(v, list) else v for k, v in told.items()}})
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.select(
        _difference(name).alias(f"{name}{_DIFFERENCE}") if frame[name].dtype == pl.Int64 else pl.col(name)
        for name in frame.columns
    )


def _difference(name: str) -> pl.Expr:
    filled = pl.col(name).forward_fill().fill_null(0)
    return pl.when(pl.col(name).is_null()).then(None).otherwise(filled - filled.shift(1).fill_null(0))


def _unpacked(frame: pl.DataFrame) -> Iterator[tuple[str, dict[str, Any] | str]]:
    plain = frame.select(
        pl.when(pl.col(name).is_null())
        .then(None)
        .otherwise(pl.col(name).fill_null(0).cum_sum())
        .alias(name.removesuffix(_DIFFERENCE))
        if name.endswith(_DIFFERENCE)
        else pl.col(name)
        for name in frame.columns
    )
    for row in plain.iter_rows(named=True):
        name, text = row.pop(_FILE), row.pop(_TEXT, None)
        if text is not None:
            yield name, text
            continue
        line = {
            key: json.loads(value) if key == "partitions" else value
            for key, value in row.items()
            if value is not None or (row.get(_RECORD) is not None and key in _NULLABLE)
        }
        yield name, line

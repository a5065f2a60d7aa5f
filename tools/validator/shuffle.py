"""Rows into buckets, so that what belongs together is in one bucket, and one bucket at a time in memory.

Few rows never leave memory. Many go to one file a bucket, as Arrow streams one after the other; the file is nobody
else's and lives as long as the run.
"""

import io
from pathlib import Path
from typing import NamedTuple

import polars as pl


class _Segment(NamedTuple):
    start: int
    length: int


class Shuffle:
    """Buckets 0 ... ``buckets``-1 of rows of one schema; ``bucket`` computes the bucket from the row."""

    def __init__(
        self,
        folder: Path,
        bucket: pl.Expr,
        buckets: int,
        schema: dict[str, type[pl.DataType]],
        held_rows: int,
    ) -> None:
        folder.mkdir()
        self._folder = folder
        self._bucket = (bucket % buckets).alias("bucket")
        self._schema = schema
        self._held_rows = held_rows
        self._held: list[pl.DataFrame] = []
        self._rows = 0
        self._segments: dict[int, list[_Segment]] = {}
        self.buckets = buckets

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows over. Raises OSError when the disk is full."""
        self._held.append(rows)
        self._rows += rows.height
        if self._rows >= self._held_rows:
            self._spill()

    def read(self, bucket: int) -> pl.DataFrame:
        """All rows of one bucket, in no particular order."""
        parts = [rows.filter(self._bucket == bucket) if self.buckets > 1 else rows for rows in self._held]
        segments = self._segments.get(bucket, [])
        if segments:
            with self._path(bucket).open("rb") as file:
                for segment in segments:
                    file.seek(segment.start)
                    parts.append(pl.read_ipc_stream(io.BytesIO(file.read(segment.length))))
        return pl.concat(parts, rechunk=True) if parts else pl.DataFrame(schema=self._schema)

    def _spill(self) -> None:
        rows = pl.concat(self._held).with_columns(self._bucket)
        for (bucket,), part in rows.partition_by("bucket", as_dict=True, include_key=False).items():
            with self._path(int(bucket)).open("ab") as file:
                start = file.tell()
                part.write_ipc_stream(file, compression="lz4")
                self._segments.setdefault(int(bucket), []).append(_Segment(start, file.tell() - start))
        self._held, self._rows = [], 0

    def _path(self, bucket: int) -> Path:
        return self._folder / str(bucket)

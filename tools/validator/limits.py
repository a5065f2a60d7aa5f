"""How much is in memory at a time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Text in one chunk, rows of one kind before they go to disk, text behind one bucket."""

    chunk_bytes: int = 8 << 20
    held_rows: int = 250_000
    bucket_bytes: int = 48 << 20  # some 300,000 lines

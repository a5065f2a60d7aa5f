"""The lifecycle logs: of the format, their clocks watched, and what they say of committed offsets."""

import polars as pl

from tools.validator.errors import FormatError, InputError
from tools.validator.files import Found, chunks
from tools.validator.lines import EventLine, parse_event
from tools.validator.reading import Asked, ClockWatch, Counts, Progress, whole
from tools.validator.sources import Source
from tools.validator.tables import Catalog
from tools.validator.wholeness import Commits

_LEFT = ("REVOKED", "PAUSED")  # the partitions that they name
_OUT = ("LOST", "FENCED")  # all


class Events:
    """Reads lifecycle logs. ``kinds`` counts the events, ``commits`` is by (process, pod) and place; the process is
    empty where the file's name does not say it.
    """

    def __init__(self, asked: Asked, catalog: Catalog) -> None:
        self._asked = asked
        self._catalog = catalog
        self.counts = Counts()
        self.kinds: dict[str, int] = {}
        self.commits: dict[tuple[str, str], dict[int, Commits]] = {}

    def read(self, found: Found, progress: Progress) -> None:
        """Raises InputError, also for a log that says that a part of the logs had to go."""
        total, done = found.size(), 0
        clock = ClockWatch(self._asked.clock_error)
        for source in found.files:
            lines = 0
            for chunk in chunks(source.path, self._asked.chunk_bytes):
                raw, torn = whole(chunk, source.path, self._asked)
                self.counts.torn += torn
                texts = raw.split(b"\n")[:-1]
                events = [_event(text, source, chunk.first_line + index) for index, text in enumerate(texts)]
                for event in events:
                    self.kinds[event.event] = self.kinds.get(event.event, 0) + 1
                    self._take(event, source)
                clock.see(pl.Series([event.t for event in events], dtype=pl.Int64))
                lines += len(texts) + torn
                done += chunk.read
                progress("reading event logs", done, total)
            self.counts.empty += lines == 0
            if source.final:
                self.counts.clock_steps += clock.steps
                clock = ClockWatch(self._asked.clock_error)

    def _take(self, event: EventLine, source: Source) -> None:
        known = self.commits.setdefault((source.process, event.pod), {})
        if event.event in _OUT:
            for commits in known.values():
                commits.holds = False
        if event.event not in {"ASSIGNED", "COMMITTED", "END", *_LEFT}:
            return
        for topic, partition, offset in event.partitions:
            commits = known.setdefault(self._catalog.places.number((topic, partition)), Commits())
            if event.event == "ASSIGNED":
                commits.assigned(offset)
            elif event.event in _LEFT:
                commits.holds = False
            elif offset is not None:
                if event.event == "COMMITTED":
                    commits.committed(offset)
                else:
                    commits.end = max(offset, commits.end)


def _event(text: bytes, source: Source, line: int) -> EventLine:
    try:
        event = parse_event(text)
    except FormatError as error:
        raise InputError(str(error), str(source.path), line) from None
    if event.event == "TRUNCATED":
        raise InputError(
            f"pod {event.pod} had to remove a part of its logs (TRUNCATED): they are not whole", str(source.path), line
        )
    return event

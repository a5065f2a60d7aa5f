"""JSON logs on standard output: one object a line, so that a log store can filter by field.

`logger.info("message", extra=fields(epoch=7))` gives `{"time": …, "level": "info", "logger": …, "message": …, "epoch":
7}`; an exception adds `stack`. Times are RFC 3339 in UTC with microseconds.

Lines are written some at a time: each write wakes the container runtime, three times over, and a hand-off has some
seventy lines. What is a warning or worse is written at once, with all that came before it.
"""

import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

import orjson

HOLD_SECONDS = 0.25
_FIELDS = "_fields"
_RESERVED = frozenset({"time", "level", "logger", "message", "stack"})


def fields(**values: object) -> dict[str, object]:
    """Named values for one line, as `extra` of a logging call."""
    return {_FIELDS: values}


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object; `common` stands in every line (the pod, the colour)."""

    def __init__(self, common: Mapping[str, object]) -> None:
        super().__init__()
        self._common = dict(common)

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="microseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._common,
        }
        for name, value in getattr(record, _FIELDS, {}).items():
            line[f"{name}_" if name in _RESERVED else name] = value
        if record.exc_info:
            line["stack"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class HeldHandler(logging.Handler):
    """Writes lines below WARNING up to `hold` seconds late, together with those that came meanwhile.

    They are formatted when they are written: a value in `fields` must not change after the call. A process that is
    killed loses what it held; every other end writes it (`logging.shutdown`).
    """

    def __init__(self, stream: TextIO, hold: float = HOLD_SECONDS) -> None:
        super().__init__()
        self._stream = stream
        self._hold = hold
        self._held: list[logging.LogRecord] = []
        self._some = threading.Event()
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="logs", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hold the line, or write it with all that are held. The handler's lock is held."""
        self._held.append(record)
        if record.levelno >= logging.WARNING:
            self.flush()
        elif len(self._held) == 1:
            self._some.set()

    def flush(self) -> None:
        """Write what is held."""
        self.acquire()
        try:
            held, self._held = self._held, []
            self._write(held)
        finally:
            self.release()

    def close(self) -> None:
        """Hold nothing any more."""
        self._ended.set()
        self._some.set()
        super().close()

    def _write(self, held: list[logging.LogRecord]) -> None:
        lines = []
        for record in held:
            try:
                lines.append(self.format(record) + "\n")
            except Exception:  # noqa: BLE001 - as logging's own handlers: a line that cannot be formatted is told
                self.handleError(record)
        if lines:
            try:
                self._stream.write("".join(lines))
                self._stream.flush()
            except (OSError, ValueError):  # nobody reads it any more
                self.handleError(held[-1])

    def _run(self) -> None:
        while not self._ended.is_set():
            self._some.wait()
            self._some.clear()
            self._ended.wait(self._hold)
            self.flush()


def configure(level: int = logging.INFO, stream: TextIO | None = None, **common: object) -> None:
    """Send every logger's lines to `stream` (default: standard output) as JSON, with `common` in each."""
    handler = HeldHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter(common))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)

"""JSON logs on standard output: one object a line, so that a log store can filter by field.

`logger.info("message", extra=fields(epoch=7))` gives `{"time": …, "level": "info", "logger": …, "message": …, "epoch":
7}`; an exception adds `stack`. Times are RFC 3339 in UTC with microseconds.
"""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

import orjson

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


def configure(level: int = logging.INFO, stream: TextIO | None = None, **common: object) -> None:
    """Send every logger's lines to `stream` (default: standard output) as JSON, with `common` in each."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter(common))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)

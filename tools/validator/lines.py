"""The format of one line, strictly. What this module says is the authority; ``frames.py`` is only faster.

Integers are within 0 ... 2^63-1 (a partition: 2^31-1). Python's ``bool`` is an ``int``, hence the checks by ``type``.
"""

import json
from typing import Any, NamedTuple

from tools.validator.errors import FormatError

COLORS = ("blue", "green")
STATUSES = ("acked", "failed", "unknown")
EVENTS = ("ACTIVE", "DRAINING", "PAUSED", "ASSIGNED", "REVOKED", "LOST", "FENCED", "COMMITTED", "END", "TRUNCATED")
MAX_INT = 2**63 - 1
MAX_PARTITION = 2**31 - 1


class ProducedLine(NamedTuple):
    """One record as its producer saw it; ``partition`` and ``offset`` are None unless acked."""

    producer: str
    seq: int
    topic: str
    partition: int | None
    offset: int | None
    status: str
    t: int


class EndLine(NamedTuple):
    """A producer's clean end: it used the sequences 0 ... end-1."""

    producer: str
    end: int


class ConsumedEnd(NamedTuple):
    """A consumer's clean end: its process handled ``end`` records, over all parts of its log."""

    pod: str
    end: int


class ConsumedLine(NamedTuple):
    """One handled record; ``failed`` if its processing ended in an error, ``version`` empty if the line bears none."""

    color: str
    pod: str
    epoch: int
    producer: str
    seq: int
    topic: str
    partition: int
    offset: int
    t: int
    version: str
    failed: bool


class Place(NamedTuple):
    """A partition, and the offset that an event is about, where it says one."""

    topic: str
    partition: int
    offset: int | None


class EventLine(NamedTuple):
    """One lifecycle event."""

    color: str
    pod: str
    epoch: int
    event: str
    partitions: tuple[Place, ...]
    t: int


def parse_produced(raw: bytes) -> ProducedLine | EndLine:
    """A line of a producer's log. Raises FormatError."""
    found = _object(raw)
    if "end" in found:
        _no_record(found, ProducedLine._fields, but="producer")
        return EndLine(_name(found, "producer"), _integer(found, "end"))
    status = _one_of(found, "status", STATUSES)
    partition: int | None
    offset: int | None
    if status == "acked":
        partition, offset = _integer(found, "partition", MAX_PARTITION), _integer(found, "offset")
    else:
        partition, offset = None, None
        for key in ("partition", "offset"):
            if _value(found, key) is not None:
                raise FormatError(f'"{key}" must be null when the status is {status}, not {_shown(found[key])}')
    return ProducedLine(
        _name(found, "producer"),
        _integer(found, "seq"),
        _name(found, "topic"),
        partition,
        offset,
        status,
        _integer(found, "t"),
    )


def parse_consumed(raw: bytes) -> ConsumedLine | ConsumedEnd:
    """A line of a consumer's record log. Raises FormatError."""
    found = _object(raw)
    if "end" in found:
        _no_record(found, (*ConsumedLine._fields, "error"), but="pod")
        return ConsumedEnd(_name(found, "pod"), _integer(found, "end"))
    _optional_text(found, "error")
    return ConsumedLine(
        _one_of(found, "color", COLORS),
        _name(found, "pod"),
        _integer(found, "epoch"),
        _name(found, "producer"),
        _integer(found, "seq"),
        _name(found, "topic"),
        _integer(found, "partition", MAX_PARTITION),
        _integer(found, "offset"),
        _integer(found, "t"),
        _optional_text(found, "version"),
        "error" in found,
    )


def parse_event(raw: bytes) -> EventLine:
    """A line of a lifecycle log. Raises FormatError."""
    found = _object(raw)
    partitions = _value(found, "partitions")
    if type(partitions) is not list or not all(_is_place(entry) for entry in partitions):
        raise FormatError(f'"partitions" must be a list of [topic, partition, offset?], not {_shown(partitions)}')
    return EventLine(
        _one_of(found, "color", COLORS),
        _name(found, "pod"),
        _integer(found, "epoch"),
        _one_of(found, "event", EVENTS),
        tuple(Place(entry[0], entry[1], entry[2] if len(entry) == 3 else None) for entry in partitions),
        _integer(found, "t"),
    )


def is_json(raw: bytes) -> bool:
    """Whether a last line without a newline is a whole one (of whatever format) or a torn one."""
    try:
        json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return True


def _object(raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 (byte {error.start + 1} of the line)") from None
    if not text.strip():
        raise FormatError("blank line")
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg} (column {error.colno})") from None
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:  # an integer of thousands of digits, nesting without end
        raise FormatError(f"not JSON that can be read: {error}") from None
    if type(found) is not dict:
        raise FormatError(f"not a JSON object but {_shown(found)}")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise FormatError(f'key "{twice}" stands twice')
    return found


def _no_constant(text: str) -> None:
    raise FormatError(f"not JSON: {text}")


def _no_record(found: dict[str, Any], record: tuple[str, ...], *, but: str) -> None:
    """A line is about a record, or it is an end line."""
    both = [key for key in record if key not in {but, "version"} and key in found]
    if both:
        raise FormatError(f'an end line must not have "{both[0]}"')


def _optional_text(found: dict[str, Any], key: str) -> str:
    value = found.get(key, "")
    if type(value) is not str or not _encodable(value):
        raise FormatError(f'"{key}" must be a string where it stands, not {_shown(value)}')
    return value


def _value(found: dict[str, Any], key: str) -> Any:
    if key not in found:
        raise FormatError(f'key "{key}" is missing')
    return found[key]


def _integer(found: dict[str, Any], key: str, most: int = MAX_INT) -> int:
    value = _value(found, key)
    if type(value) is not int or not 0 <= value <= most:
        raise FormatError(f'"{key}" must be an integer from 0 to {most}, not {_shown(value)}')
    return value


def _name(found: dict[str, Any], key: str) -> str:
    value = _value(found, key)
    if type(value) is not str or not value or not _encodable(value):
        raise FormatError(f'"{key}" must be a non-empty string, not {_shown(value)}')
    return value


def _one_of(found: dict[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = _value(found, key)
    if type(value) is not str or value not in allowed:
        raise FormatError(f'"{key}" must be one of {", ".join(allowed)}, not {_shown(value)}')
    return value


def _is_place(entry: object) -> bool:
    if type(entry) is not list or len(entry) not in (2, 3):
        return False
    topic, partition, *offset = entry
    return (
        type(topic) is str
        and bool(topic)
        and type(partition) is int
        and 0 <= partition <= MAX_PARTITION
        and all(type(one) is int and 0 <= one <= MAX_INT for one in offset)
    )


def _encodable(value: str) -> bool:
    """A lone surrogate, written as an escape, is JSON by its grammar, but no text."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."

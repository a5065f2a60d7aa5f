"""A line of the sink's file, understood.

The connector's transforms put into every record what the sink's file would not have: `HoistField$Value` (field `v`,
the value as text), `InsertField$Value` (partition `p`, offset `o`, timestamp `ts`) and another one whose static value
is the epoch (`e`), with string converters. FileStreamSink writes the struct as Java shows it, one line a record:
`Struct{v={"producer":"p0-3f","seq":41,…},p=4,o=17,ts=…,e=7}`.
"""

import re
from dataclasses import dataclass

import orjson

VALUE, PARTITION, OFFSET, EPOCH = b"v", b"p", b"o", b"e"
# What a line of the log says of a record whose value carries no producer.
UNREADABLE = "unreadable"

_START = b"Struct{" + VALUE + b"="
_FIELDS = re.compile(rb"((?:,\w+=[^,=]*)+)\}$")
_HEAD = re.compile(rb'\{"producer":"([^"\\\x00-\x1f\x7f-\xff]+)","seq":(0|[1-9][0-9]{0,17})[,}]')


class LineError(ValueError):
    """The line is not one of a sink with these transforms."""


@dataclass(frozen=True, slots=True)
class Handled:
    """A record that the sink has written. problem: why its value says nothing of who sent it; empty: it does.

    torn: the line begins with what is left of another one, whose writer was killed in the middle of it.
    """

    epoch: int
    partition: int
    offset: int
    producer: str
    seq: int
    problem: str = ""
    torn: bool = False


def understood(line: bytes) -> Handled:
    """The record in a line (without its newline). Raises LineError."""
    # What a killed worker left of its last line has no newline: the next worker's first line stands behind it.
    begin = line.rfind(_START)
    fields = _FIELDS.search(line)
    if begin < 0 or fields is None or fields.start() < begin:
        raise LineError(f"not a record of the sink: {line[:200]!r}")
    found = dict(part.split(b"=", 1) for part in fields[1].split(b",")[1:])
    value = line[begin + len(_START) : fields.start()]
    producer, seq, problem = _sender(value)
    try:
        return Handled(
            int(found[EPOCH]), int(found[PARTITION]), int(found[OFFSET]), producer, seq, problem, torn=begin > 0
        )
    except (KeyError, ValueError) as error:
        raise LineError(f"no epoch, partition or offset ({error!r}): {line[-200:]!r}") from error


def _sender(value: bytes) -> tuple[str, int, str]:
    """(producer, seq, problem)."""
    head = _HEAD.match(value)
    if head is not None:
        return head[1].decode(), int(head[2]), ""
    try:
        content = orjson.loads(value)
        producer, seq = content["producer"], content["seq"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        return UNREADABLE, 0, f"the record's value carries no producer and seq: {error!r}"
    if not isinstance(producer, str) or not producer or type(seq) is not int or seq < 0:
        return UNREADABLE, 0, "the record's producer must be a string, and its seq an integer from 0"
    return producer, seq, ""

"""Produced log x consumed log -> verdict. A program of its own: it imports nothing of the rest of the project.

    python -m tools.validator --produced PATH... --consumed PATH... [--events PATH...] [--producer NAME...]
                              [--clock-error-ms N=0] [--allow-duplicates] [--strict] [--json FILE]

From Python: :func:`validate`. This docstring is the specification; ``anomalies.py`` has one function per class.

Input
=====
PATH is a file, or a folder that is read recursively for ``*.jsonl``, ``*.jsonl.gz`` and ``*.jsonl.zst``; other files in
it are counted and left alone. A file that is named twice, also through a folder, is read once. JSON Lines, UTF-8, one
object a line, times in integer nanoseconds of CLOCK_REALTIME, one log per process: ``<pod>.<boot id>.jsonl`` and, where
it was cut while it grew, its further parts ``<pod>.<boot id>.0001.jsonl``, ..., which are read as one.

* produced: ``{"producer", "seq", "topic", "partition", "offset", "status": "acked"|"failed"|"unknown", "t"}``, with
  ``partition`` and ``offset`` null unless acked; and, at a clean end, ``{"producer", "end": n}``.
* consumed: ``{"color": "blue"|"green", "pod", "epoch", "producer", "seq", "topic", "partition", "offset", "t"}``,
  with ``"error": "..."`` when processing failed: the record was *handled*, but not *processed*; with ``"version":
  "..."``, the application's, if the writer knows it; and, at a clean end, ``{"pod", "end": n}``, n the lines of all
  parts.
* events: ``{"color", "pod", "epoch", "event", "partitions": [[topic, partition, offset?], ...], "t"}``. Of them
  count: ``COMMITTED`` (acknowledged, the next offset), ``ASSIGNED`` (where reading starts, if it is known), ``END``
  (the end of the partition, met in order, as next offset), ``TRUNCATED`` (a part of the logs had to go).

Types are checked strictly. Integers are JSON integers (no ``41.0``, no ``"41"``, no ``true``) from 0 to 2^63-1, a
partition to 2^31-1. Names are non-empty strings. ``error`` and ``version`` are strings, possibly empty, never null. A
missing key, a key that stands twice, an unknown colour, status or event, a blank line: not of the format. Further
keys are tolerated, so that a writer may say more without breaking its judge; a record line that also has ``end`` is
refused.

A **torn** line is the last of a file, has no newline and is not JSON: its writer was killed. It is counted, and an
error with ``--strict``. A last line that only lacks its newline is a line like any other.

With ``--producer``, lines of other producers are read, checked and counted as ``foreign``, and take part in nothing
else.

Exit code
=========
0: nothing wrong. 1: an anomaly. 2: the input cannot be judged. 2 is decided at once, with file and line number, for
what is missing, unreadable, cut short (a truncated .gz or .zst) or not of the format, for a folder without logs and for
a side without a single record. A file without a line beside others that have some is what a consumer leaves that never
handled anything, and accepted; on the produced side only together with ``--producer``, as without it nobody can tell
whose log it should have been.

Whole logs
----------
What became of records is told by whole logs only. So 2 is decided at once, with every count null, for

* a produced or consumed log that is there twice: two files of one process (by their names) or of the same content,
  plain or compressed. Files without a record are all alike, and do not count;
* parts of a log that are not all there from the first to the last one, and an event ``TRUNCATED``;
* a consumed log with an end line that does not say how many lines it has;
* a consumed log that is absent or has no end line, if its process committed what is not *covered*: beyond its last
  line, the end that it met, and the start that it was assigned. A start covers what was committed since, and what was
  committed before without holding the partition (copies, starts, strategy B). A missing end line alone is no finding:
  a process may be killed, and its lines are with the kernel before their offsets are committed. In a whole log such
  an offset is ``lost``. Only what overlaps the offsets that the judged producers are known to have written counts: a
  copy of the logs may have the lines of one producer only, and consumers go on with the next one's.

The produced log of a producer that ended cleanly, but which has not the sequences 0 ... n-1 that its end line promises,
or has end lines that differ, was cut: 2, and no class is counted.

2 is also the outcome, *unless a class fails*, where everything could be counted but a pass would not be deserved:

* ``t`` falls within a log by more than the clock error (``clock_steps``): the classes by time (``zombie``,
  ``dual_active`` between epochs, ``stale_epoch``) are not counted;
* a producer/seq is written down twice, other than as acked at two offsets: its fate is known once.

A log without an end line may have gaps: the producer was killed while records were under way.

The JSON's ``verdict`` is ``pass`` only with exit code 0. What prevented judgement is in its ``unjudged``, a list of
texts. Where exit code 2 was decided at once, ``error`` says why, and every count is null.

Classes (each fails the verdict when it is not 0)
=================================================
A line may be in several. *Handled*: with or without error. *Time*: ``t``, "after" means later by more than the clock
error. Epochs are the ones that occur in the consumed log.

``lost``                an acked producer/seq that was never handled. Counted per producer/seq. Also, per process and
                        partition, what was committed by a process whose whole log does not have it, where that is not
                        counted already.
``phantom``             handled, but the producer was told that it failed, or no producer wrote it down. For a producer
                        that wrote a log without an end line the latter is ``unlogged``, a note; a producer without any
                        log is a phantom. Counted per consumed line.
``mismatch``            a handled topic-partition-offset that the produced log gives to another producer/seq. Per
                        consumed line.
``duplicate``           an additional processing (without error) of the same producer/seq: n count n-1. Processings at
                        several offsets at which the record was acked are no duplicates of each other (they are the
                        producer's): n at k such offsets count n-k. Does not fail with ``--allow-duplicates``.
``producer_duplicate``  the same producer/seq acked at several offsets: n distinct offsets count n-1.
``out_of_order``        within one log and partition an offset lower than one handled before it, which this log had
                        not handled before (that would be a repetition). Per consumed line.
``zombie``              handled after a record of the same partition that has a newer epoch and the other colour.
                        Per consumed line. If it has the same colour: ``stale_epoch``, a note.
``dual_active``         an epoch under which a record was handled after the first one under any newer epoch of the
                        other colour, over all partitions; and an epoch with two colours. Counted per (older) epoch,
                        not per record.

Notes: ``unlogged``, ``stale_epoch`` (above), ``unknown`` (produced lines without a known fate; handled or not, both are
fine), ``foreign`` (lines of both logs), ``torn``, ``clock_steps`` (of all files, events too: every line whose time is
more than the clock error below the highest since the previous step).

``failed`` and ``handled`` (by colour and version) say how many records were handled, and how many of them with an
error: a run in which every record failed has no anomaly. ``schema`` is 2; without it, the JSON is of the first form.

Hand-offs
=========
``partitions`` has, for each topic-partition (``"bluegreen-3"``) and each pair of successive epochs of different
colours, ``{"from_epoch", "to_epoch", "from", "to", "gap_seconds", "spacing_seconds"}``: from the last record that the
old colour handled to the first of the new (negative when they overlap), and the mean spacing of the records within
either, without which a gap at a low rate says nothing (null when there is no pair of records to tell it from). A colour
that holds several successive epochs is one stretch. A partition that did not have a record on both sides of a hand-off
has no entry for it.

Cost
====
10 million records on each side within 1 GiB. Lines are parsed in chunks, by polars, into columns of numbers, which go
by (producer, seq) and by (partition, offset) into buckets on disk (``TMPDIR``; some 30 bytes a line), and each bucket
is judged on its own. Names and (partition, epoch, colour) are kept in memory. ``benchmark.py`` measures it.
"""

from typing import TYPE_CHECKING, Any

from tools.validator.errors import InputError
from tools.validator.limits import Limits
from tools.validator.report import CLASSES, NOTES, Handoff, Report

if TYPE_CHECKING:
    from tools.validator.judge import validate

__all__ = ["CLASSES", "NOTES", "Handoff", "InputError", "Limits", "Report", "validate"]


def __getattr__(name: str) -> Any:
    """Import what needs libraries only when it is asked for.

    So the command can end with 2 when one is missing; an import that failed up there would end it with 1, an anomaly's.
    """
    if name == "validate":
        from tools.validator.judge import validate  # noqa: PLC0415

        return validate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

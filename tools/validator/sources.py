"""Whose log a file is, as its name says: ``<pod>.<boot id>.jsonl``, and ``<pod>.<boot id>.0001.jsonl``, ... for the
further parts of a log that was cut while it grew.
"""

import itertools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.validator.errors import InputError

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
_PART = re.compile(r"(?P<process>.+\..+)\.(?P<part>[0-9]{4,})")


@dataclass(frozen=True)
class Source:
    """One file. ``log`` is the same for all parts of one process's log, ``final`` says that no further part follows.

    ``process`` is ``<pod>.<boot id>``, empty where the name does not say it.
    """

    path: Path
    log: str
    process: str
    part: int
    final: bool = True


def source(path: Path) -> Source:
    """What the name of a file says. One without a suffix of ours (a pipe, say) is a log of its own."""
    stem = next((path.name.removesuffix(end) for end in SUFFIXES if path.name.endswith(end)), "")
    if not stem:
        return Source(path, os.path.realpath(path), "", 0)
    part = 0
    if found := _PART.fullmatch(stem):
        stem, part = found["process"], int(found["part"])
    if "." in stem.strip("."):
        return Source(path, stem, stem, part)
    return Source(path, f"{os.path.realpath(path.parent)}/{stem}", "", part)


def arranged(paths: Iterable[Path], side: str) -> tuple[Source, ...]:
    """The files with the parts of each log one after the other, in their order.

    Raises InputError for a log that is there twice (for events that does no harm), and for one whose parts are not all
    there.
    """
    logs: dict[str, list[Source]] = {}
    for path in paths:
        one = source(path)
        logs.setdefault(one.log, []).append(one)
    found: list[Source] = []
    for parts in logs.values():
        parts.sort(key=lambda one: one.part)
        numbers = [one.part for one in parts]
        for one, other in itertools.pairwise(parts):
            if one.part == other.part and side != "events":
                raise InputError(f"the {side} log of {_named(one)} is there twice: {one.path} and {other.path}")
        missing = sorted(set(range(numbers[-1])) - set(numbers))
        if missing:
            raise InputError(
                f"the {side} log of {_named(parts[0])} is not whole: of its parts 0 to {numbers[-1]}"
                f" {', '.join(map(str, missing[:5]))}{', ...' if len(missing) > 5 else ''} is missing",
                str(parts[0].path),
            )
        found += [Source(one.path, one.log, one.process, one.part, one is parts[-1]) for one in parts]
    return tuple(found)


def described(process: str) -> str:
    """A process in words."""
    pod, _, boot_id = process.rpartition(".")
    return f"pod {pod}, boot id {boot_id}"


def _named(one: Source) -> str:
    return described(one.process) if one.process else one.path.name

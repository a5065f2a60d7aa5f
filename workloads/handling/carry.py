"""Where a member of a group of its own begins to read: a pure rule over what is committed in both colours' groups.

Every commit carries the epoch of the grant under which it was made, in its metadata. Positions come from where the
higher epoch stands, never from who held the grant last: who was granted and never started has no commit under that
grant, and so nobody starts at what it left behind in an earlier one.

| metadata | a commit |
| --- | --- |
| `epoch=7` | of what was handled under the grant of epoch 7 |
| `epoch=8 start` | of where reading began under epoch 8 |
| `epoch=7 copy` | of the other group's position, made while waiting; 7 is its source's epoch |
| `epoch=9 replay` | of where a way back begins, set by the controller in an empty group; 9 is the withdrawal's |

With transactions ` by=2` follows: the ordinal whose transactional id made it. Unknown words are left alone. Metadata
that says no epoch (another tool's, or none at all) reads as epoch -1. So does one that no Lease can have come to: it
would be heard of, and no Lease could be made again above it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from workloads.common.labels import sealed

UNKNOWN = -1
# As `workloads/common/lease.py` has it: a Lease counts in 32 bits, and is made again with room above what is known.
_BEYOND = 1 << 30


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed offset of one partition, and what its metadata says of it."""

    offset: int
    epoch: int = UNKNOWN
    copy: bool = False
    by: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in the way of one partition's start: the commit of either group, if there is one, and what the log
    holds, from offset `low` to before `high`.
    """

    own: Commit | None
    other: Commit | None
    low: int
    high: int


class Source(StrEnum):
    """Where a start was taken from."""

    OWN = "own"
    OTHER = "other"
    EARLIEST = "earliest"


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading begins; commit: the one that it was taken from, None for the earliest record there is."""

    offset: int
    source: Source
    commit: Commit | None = None


class OutrankedError(Exception):
    """The groups know of a newer epoch than the grant's, so nobody starts under this one.

    known: that epoch.
    """

    def __init__(self, known: int, epoch: int) -> None:
        self.known = known
        super().__init__(
            f"the groups know of epoch {known}, this grant's is {epoch}: another grant has been given since, or the "
            "Lease was made anew without knowing of it; nothing is started"
        )


class OffsetOutOfRangeError(Exception):
    """There is no record where reading should begin, or nobody can say that none was skipped.

    where: the commits that point there, by partition.
    """

    def __init__(self, found: Mapping[int, Found], where: Mapping[int, Start]) -> None:
        self.where = dict(where)
        super().__init__(
            "OffsetOutOfRange: "
            + "; ".join(
                f"partition {p}: the {start.source} group's committed offset {start.offset} is "
                + (f"beyond the end, {found[p].high}" if start.offset > found[p].high else "")
                + (f"before the beginning, {found[p].low}" if start.offset < found[p].low else "")
                for p, start in sorted(where.items())
            )
        )


def label(epoch: int, kind: str = "", by: int | None = None) -> str:
    """The metadata of a commit; kind: "", "start" or "copy"."""
    return sealed(" ".join(word for word in (f"epoch={epoch}", kind, "" if by is None else f"by={by}") if word))


def read(offset: int, metadata: str) -> Commit | None:
    """A committed offset and what was sealed as its metadata; None when it is negative: there is no commit."""
    if offset < 0:
        return None
    commit = Commit(offset)
    for word in metadata.split():
        name, _, value = word.partition("=")
        number = int(value) if value.isascii() and value.isdigit() else None
        if name == "epoch" and number is not None and number < _BEYOND:
            commit = replace(commit, epoch=number)
        elif name == "by" and number is not None:
            commit = replace(commit, by=number)
        elif word == "copy":
            commit = replace(commit, copy=True)
    return commit


def start(found: Found, epoch: int | None = None) -> Start:
    """Where reading begins; epoch: the grant's, None to ask before there is one.

    What bears the grant's own epoch and is no copy was committed by this colour under this very grant: a resume that is
    repeated goes on from there. Else the higher epoch decides. At equal epochs, a copy yields to what it was copied
    from. What is left are equals by a zombie that nobody fenced, or without an epoch (from before there were any):
    both groups then began at one position and went on without gaps, so all that lies below the higher offset has been
    handled, and the lower one would repeat it.

    No commit bears an epoch above the grant's: who finds one has heard of it, and starts nothing (see `starts`). So a
    Lease that begins anew, as when a stack is made anew on groups that live on, is made again above what they bear.
    """
    own, other = found.own, found.other
    if own is not None and own.epoch == epoch and not own.copy:
        return Start(own.offset, Source.OWN, own)
    if own is None or (other is not None and _rank(other) > _rank(own)):
        return Start(found.low, Source.EARLIEST) if other is None else Start(other.offset, Source.OTHER, other)
    return Start(own.offset, Source.OWN, own)


def starts(found: Mapping[int, Found], epoch: int | None = None) -> dict[int, Start]:
    """Where reading of each of these begins. Raises `OutrankedError` when either group bears an epoch above the
    grant's, `OffsetOutOfRangeError` that names all of which nobody can say it.

    A commit at the end exactly is fine: the next record will be there.
    """
    known = newest(found)
    if epoch is not None and known > epoch:
        raise OutrankedError(known, epoch)
    chosen = {p: start(one, epoch) for p, one in found.items()}
    wrong = {p: at for p, at in chosen.items() if not found[p].low <= at.offset <= found[p].high}
    if wrong:
        raise OffsetOutOfRangeError(found, wrong)
    return chosen


def newest(found: Mapping[int, Found]) -> int:
    """The newest epoch that stands in either group: whoever reads it has heard of it."""
    commits = (commit for one in found.values() for commit in (one.own, one.other))
    return max((commit.epoch for commit in commits if commit is not None), default=UNKNOWN)


def stands(at: Start, epoch: int) -> bool:
    """Whether this start is this colour's own commit under this very grant, so that nothing is to be committed."""
    return at.source is Source.OWN and at.commit is not None and at.commit.epoch == epoch and not at.commit.copy


def copies(found: Mapping[int, Found]) -> dict[int, Commit]:
    """What a waiting group is to take over from the other, by partition: what would be started at, and is not its own
    already. Nothing of a partition whose position is out of range: the truth about that is worth more than a number.
    """
    due: dict[int, Commit] = {}
    for partition, one in found.items():
        at = start(one)
        if at.source is Source.OTHER and at.commit is not None and one.low <= at.offset <= one.high:
            standing = None if one.own is None else (one.own.offset, one.own.epoch)
            if standing != (at.commit.offset, at.commit.epoch):
                due[partition] = at.commit
    return due


def awaited(chosen: Mapping[int, Start]) -> dict[int, int]:
    """Whose transactional ids must not be able to commit any more before these starts count: by ordinal, the newest
    epoch under which it committed one of the positions that are taken from the other group.
    """
    ids: dict[int, int] = {}
    for at in chosen.values():
        if at.source is Source.OTHER and at.commit is not None and at.commit.by is not None:
            ids[at.commit.by] = max(ids.get(at.commit.by, UNKNOWN), at.commit.epoch)
    return ids


def _rank(commit: Commit) -> tuple[int, bool, int]:
    return commit.epoch, not commit.copy, commit.offset

"""Where a start is taken from: the rule over what both groups committed."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from workloads.common.labels import unsealed
from workloads.handling.carry import (
    Commit,
    Found,
    OffsetOutOfRangeError,
    OutrankedError,
    Source,
    Start,
    awaited,
    copies,
    label,
    newest,
    read,
    start,
    starts,
)


def of(offset: int, metadata: str) -> Commit:
    found = read(offset, metadata)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("metadata", "commit"),
    [
        ("epoch=7", Commit(5, 7)),
        ("epoch=8 start", Commit(5, 8)),
        ("epoch=7 copy", Commit(5, 7, copy=True)),
        ("epoch=7 by=2", Commit(5, 7, by=2)),
        ("epoch=8 start by=11", Commit(5, 8, by=11)),
        ("epoch=8 later=x by=1 words", Commit(5, 8, by=1)),
        ("", Commit(5)),
        ("epoch=", Commit(5)),
        ("epoch=-3", Commit(5)),
        ("epoch=²", Commit(5)),
        ("epoch=1073741823", Commit(5, (1 << 30) - 1)),
        ("epoch=1073741824", Commit(5)),
        ("epoch=1795619876543210987", Commit(5)),
        ('{"offset": 3}', Commit(5)),
    ],
)
def test_what_metadata_says(metadata: str, commit: Commit) -> None:
    assert read(5, metadata) == commit


def test_a_negative_offset_is_no_commit() -> None:
    assert read(-1001, "epoch=7") is None


@given(some.integers(0, (1 << 30) - 1), some.sampled_from(["", "start", "copy"]), some.none() | some.integers(0, 99))
def test_what_is_written_is_read(epoch: int, kind: str, by: int | None) -> None:
    sealed = label(epoch, kind, by)
    for behind in ("", "8", "8 start", " by=4"):  # as librdkafka gives it
        assert read(3, unsealed(sealed + behind)) == Commit(3, epoch, kind == "copy", by)


OWN, OTHER, EARLIEST = Source.OWN, Source.OTHER, Source.EARLIEST

TABLE = [
    # what, own (offset, metadata), other, the grant's epoch, where it begins
    ("a switch", (10, "epoch=3 copy"), (20, "epoch=7"), 9, (20, OTHER)),
    ("the first switch ever", None, (20, "epoch=7"), 9, (20, OTHER)),
    ("a start that nothing was handled after", (10, "epoch=7 copy"), (12, "epoch=8 start"), 9, (12, OTHER)),
    ("a repeated resume, an hour later", (90, "epoch=9"), (20, "epoch=7"), 9, (90, OWN)),
    ("a repeated resume, before anything was handled", (20, "epoch=9 start"), (20, "epoch=7"), 9, (20, OWN)),
    ("the way back from one that never started", (50, "epoch=7"), (30, "epoch=5"), 11, (50, OWN)),
    ("... which had copied in the meantime", (50, "epoch=7"), (40, "epoch=7 copy"), 11, (50, OWN)),
    ("... and was copied from a later reign", (50, "epoch=7"), (50, "epoch=9"), 11, (50, OTHER)),
    ("a copy of ours yields to what it was copied from", (55, "epoch=7 copy"), (60, "epoch=7"), 9, (60, OTHER)),
    ("... also when it is ahead: its source went back", (60, "epoch=7 copy"), (55, "epoch=7"), 9, (55, OTHER)),
    ("a zombie's commits are of an older epoch", (99, "epoch=7"), (60, "epoch=9"), 11, (60, OTHER)),
    ("equals are told apart by what was handled", (99, "epoch=7"), (60, "epoch=7"), 11, (99, OWN)),
    ("... on either side", (60, "epoch=7"), (99, "epoch=7"), 11, (99, OTHER)),
    ("no commit anywhere", None, None, 1, (5, EARLIEST)),
    ("from before there were epochs", None, (30, ""), 1, (30, OTHER)),
    ("from before there were epochs, copied", (20, "epoch=-1 copy"), (30, ""), 1, (30, OTHER)),
    ("only ours", (30, "epoch=7"), None, 9, (30, OWN)),
    ("at 0", (0, "epoch=7"), None, 9, (0, OWN)),
    ("a copy of what the grant itself bears", (30, "epoch=9 copy"), (40, "epoch=9"), 9, (40, OTHER)),
]


@pytest.mark.parametrize(
    ("own", "other", "epoch", "begins"), [row[1:] for row in TABLE], ids=[str(row[0]) for row in TABLE]
)
def test_where_reading_begins(
    own: tuple[int, str] | None, other: tuple[int, str] | None, epoch: int, begins: tuple[int, Source]
) -> None:
    found = Found(None if own is None else of(*own), None if other is None else of(*other), 5, 100)
    begun = start(found, epoch)
    assert (begun.offset, begun.source) == begins


@given(
    some.none() | some.builds(Commit, some.integers(0, 9), some.integers(-1, 4), some.booleans()),
    some.none() | some.builds(Commit, some.integers(0, 9), some.integers(-1, 4), some.booleans()),
)
def test_the_higher_epoch_decides_whoever_asks(one: Commit | None, two: Commit | None) -> None:
    """Both colours would begin at the same place: a grant that is taken back before anything was handled moves none."""
    here, there = start(Found(one, two, 0, 9), 9), start(Found(two, one, 0, 9), 9)
    assert here.offset == there.offset
    if one is not None and two is not None and one.epoch != two.epoch:
        assert here.commit == max(one, two, key=lambda commit: commit.epoch)


def test_what_is_out_of_range_is_named_with_its_bounds() -> None:
    found = {
        0: Found(None, Commit(40, 7), 0, 40),  # at the end exactly
        1: Found(None, Commit(41, 7), 0, 40),
        2: Found(Commit(2, 9), Commit(40, 7), 3, 40),
        3: Found(None, None, 3, 40),
    }
    with pytest.raises(OffsetOutOfRangeError) as raised:
        starts(found, 11)
    assert str(raised.value) == (
        "OffsetOutOfRange: partition 1: the other group's committed offset 41 is beyond the end, 40; "
        "partition 2: the own group's committed offset 2 is before the beginning, 3"
    )
    assert starts({p: found[p] for p in (0, 3)}, 11) == {
        0: Start(40, Source.OTHER, Commit(40, 7)),
        3: Start(3, Source.EARLIEST),
    }


@pytest.mark.parametrize("known", [Commit(30, 12), Commit(30, 12, copy=True), Commit(30, 12, by=1)])
@pytest.mark.parametrize("own", [True, False])
def test_nothing_is_started_below_what_the_groups_know_of(known: Commit, own: bool) -> None:
    """Not even what could be: one partition is enough, in either group, whatever it says besides."""
    found = {
        0: Found(None, Commit(20, 7), 0, 100),
        1: Found(known, Commit(20, 7), 0, 100) if own else Found(Commit(20, 11), known, 0, 100),
        2: Found(None, Commit(101, 7), 0, 100),
    }
    with pytest.raises(OutrankedError, match=r"the groups know of epoch 12, this grant's is 11: ") as raised:
        starts(found, 11)
    assert raised.value.known == newest(found) == 12
    del found[2]
    assert starts(found, 12).keys() == {0, 1}
    assert starts(found).keys() == {0, 1}  # to ask before there is a grant


def test_what_is_known_of_without_an_epoch() -> None:
    assert newest({}) == newest({0: Found(None, None, 0, 9)}) == newest({0: Found(Commit(3), None, 0, 9)}) == -1


def test_what_is_copied() -> None:
    found = {
        0: Found(None, Commit(40, 7), 0, 100),
        1: Found(Commit(30, 7, copy=True), Commit(40, 7), 0, 100),
        2: Found(Commit(40, 7, copy=True), Commit(40, 7), 0, 100),  # is there already
        3: Found(Commit(50, 9), Commit(40, 7), 0, 100),  # ours are newer
        4: Found(None, Commit(400, 7), 0, 100),  # out of range: left as it is
        5: Found(None, Commit(40), 0, 100),  # without an epoch
        6: Found(None, None, 0, 100),
        7: Found(None, Commit(40, 7, copy=True), 0, 100),
    }
    assert copies(found) == {
        0: Commit(40, 7),
        1: Commit(40, 7),
        5: Commit(40),
        7: Commit(40, 7, copy=True),
    }


def test_whose_ids_are_waited_for() -> None:
    def at(source: Source, epoch: int, by: int | None) -> Start:
        return Start(1, source, Commit(1, epoch, by=by))

    chosen = {
        0: at(Source.OTHER, 7, 2),
        1: at(Source.OTHER, 5, 2),
        2: at(Source.OTHER, 7, 0),
        3: at(Source.OWN, 7, 1),
        4: at(Source.OTHER, 7, None),
        5: Start(0, Source.EARLIEST),
    }
    assert awaited(chosen) == {2: 7, 0: 7}

"""Defects of the bad application about where it begins, and what it takes for a record."""

from collections.abc import Mapping
from typing import Any

from tests.applications.defects import defect, patch, put
from workloads.common import bystander
from workloads.consumer.settings import ConsumerSettings
from workloads.handling import carry

_SEPARATE = "separate"


def configured(**settings: object) -> None:
    """Have its client configured like this, with . for _."""

    def make(original: Any) -> Any:
        def configuration(self: ConsumerSettings) -> dict[str, Any]:
            found: dict[str, Any] = original(self)
            return found | {name.replace("_", "."): value for name, value in settings.items()}

        return configuration

    patch(ConsumerSettings, "client_configuration", make)


@defect("it begins at the end where what is committed is out of range", "resume.too-old")
def skips_what_is_too_old() -> None:
    def make(original: Any) -> Any:
        def configuration(self: ConsumerSettings) -> dict[str, Any]:
            if not asked:
                group = bystander.Bystander(self.admin_configuration(), self.group_id)
                asked.append(max(group.offsets(self.topic, range(4), 20.0).values()) >= 0)
            found: dict[str, Any] = original(self)
            return found | ({"auto.offset.reset": "latest"} if asked[0] else {})

        return configuration

    asked: list[bool] = []  # whether its group had committed anything when it began
    patch(ConsumerSettings, "client_configuration", make)


@defect("it handles what was aborted", "resume.aborted")
def handles_what_was_aborted() -> None:
    configured(isolation_level="read_uncommitted")


@defect("its position stays before a transaction's marker", "progress.markers")
def stays_before_markers() -> None:
    configured(enable_partition_eof=False)


# --- with a group for each colour


@defect("its commits say no epoch", "separate.labels", membership=_SEPARATE)
def labels_nothing() -> None:
    put(carry, "label", lambda *_, **__: "")


@defect(
    "it begins where its own group stands",
    "separate.start",
    follows=("separate.equal", "separate.junk"),
    why="in both the other group's commit is the one that counts, in some partition",
    membership=_SEPARATE,
)
def stays_in_its_own_group() -> None:
    def make(original: Any) -> Any:
        def start(found: carry.Found, epoch: int | None = None) -> carry.Start:
            if found.own is not None:
                return carry.Start(found.own.offset, carry.Source.OWN, found.own)
            chosen: carry.Start = original(found, epoch)
            return chosen

        return start

    patch(carry, "start", make)


@defect("at equal epochs it begins at the lower offset", "separate.equal", membership=_SEPARATE)
def takes_the_lower_offset() -> None:
    put(carry, "_rank", lambda commit: (commit.epoch, not commit.copy, -commit.offset))


@defect("it does not look at the epochs of the other group", "separate.other-newer", membership=_SEPARATE)
def overlooks_the_other_group() -> None:
    put(carry, "newest", lambda found: _newest(one.own for one in found.values()))
    put(carry, "copies", lambda _: {})  # by which the other's epochs come into its own group


@defect("it does not look at the epochs of its own group", "separate.own-newer", membership=_SEPARATE)
def overlooks_its_own_group() -> None:
    put(carry, "newest", lambda found: _newest(one.other for one in found.values()))


@defect("what is out of range it passes over", "separate.too-old", membership=_SEPARATE)
def passes_over_what_is_too_old() -> None:
    def make(original: Any) -> Any:
        def starts(found: Mapping[int, carry.Found], epoch: int | None = None) -> dict[int, carry.Start]:
            try:
                chosen: dict[int, carry.Start] = original(found, epoch)
            except carry.OffsetOutOfRangeError:
                return {p: carry.Start(one.low, carry.Source.EARLIEST) for p, one in found.items()}
            return chosen

        return starts

    patch(carry, "starts", make)


@defect("it reads what stands behind a label's end", "separate.junk", membership=_SEPARATE)
def reads_behind_the_label() -> None:
    put(bystander, "unsealed", lambda metadata: (metadata or "").replace(";", " "))


def _newest(commits: Any) -> int:
    return max((commit.epoch for commit in commits if commit is not None), default=carry.UNKNOWN)

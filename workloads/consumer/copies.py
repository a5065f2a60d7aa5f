"""The waiting colour's offsets follow the other's in the background, and what stands against a switch is found.

So that lag is lag also in the group of a colour that waits, and a crash right after its grant starts from near there.
What either group bears has been heard of, so that a Lease which begins anew below that is found before anybody starts.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException

from workloads.common.logs import fields
from workloads.consumer.client import GroupClient
from workloads.consumer.offsets import Asked, Offsets
from workloads.handling import carry
from workloads.member.driver import Driver
from workloads.member.lifecycle import Heard

logger = logging.getLogger("workloads.consumer")

EVERY_SECONDS = 2.0
_ASK_SECONDS = 5.0


@dataclass(slots=True)
class _Question:
    asked: Asked
    of: tuple[int, ...]
    ends: float


class Copies:
    """Owned by the poll loop. Nothing here waits: a question's answer is looked for at each turn."""

    def __init__(self, offsets: Offsets, driver: Driver) -> None:
        self._offsets = offsets
        self._driver = driver
        self._question: _Question | None = None
        self._next_at = 0.0
        self._told: object = None

    def turn(self, now: float, client: GroupClient) -> None:
        """One step, of a member that waits."""
        question = self._question
        if question is None:
            if now >= self._next_at and client.owned and not client.committing:
                self._next_at = now + EVERY_SECONDS
                self._question = _Question(
                    self._offsets.ask(client.owned, _ASK_SECONDS), client.owned, now + _ASK_SECONDS
                )
        elif question.asked.done() or now >= question.ends:
            self._question = None
            if question.of == client.owned:
                self._answered(question, client)

    def drop(self) -> None:
        """A start is due: what was asked is not used. A copy that has been sent is the client's commit in progress."""
        self._question = None

    def _answered(self, question: _Question, client: GroupClient) -> None:
        try:
            found = question.asked.answer(0.0)
        except KafkaException as error:
            logger.info("offsets could not be read for a copy", extra=fields(error=error.args[0].str()))
            return
        self._hear(carry.newest(found))
        self._look(found)
        by_label: dict[str, dict[int, int]] = {}
        for partition, commit in carry.copies(found).items():
            by_label.setdefault(carry.label(commit.epoch, "copy"), {})[partition] = commit.offset
        # One commit at a time, and one label a commit: partitions of other epochs have their turn.
        for label, offsets in sorted(by_label.items())[:1]:
            if len(by_label) > 1:
                self._next_at = 0.0
            try:
                client.commit(offsets, label, _ended)
            except KafkaException as error:
                _ended(error.args[0], {}, 0.0)

    def _hear(self, epoch: int) -> None:
        if epoch > self._driver.lifecycle.seen_epoch:
            logger.info("the groups know of a newer epoch", extra=fields(epoch=epoch))
            self._driver.feed(Heard(epoch))

    def _look(self, found: Mapping[int, carry.Found]) -> None:
        """Whether a start would be possible now."""
        try:
            carry.starts(found)
        except carry.OffsetOutOfRangeError as wrong:
            # The end moves while records come: that alone is no news.
            if self._driver.obstacle is None or self._told != wrong.where:
                self._told = wrong.where
                logger.warning("a switch to this member would fail", extra=fields(obstacle=str(wrong)))
                self._driver.stands_against(str(wrong))
        else:
            self._driver.stands_against(None)


def _ended(error: KafkaError | None, offsets: Mapping[int, int], latency: float) -> None:
    """A copy that is refused is nothing: the next one is due."""
    logger.debug(
        "copied",
        extra=fields(
            offsets=dict(offsets), duration_ms=round(latency * 1000, 3), error=None if error is None else error.str()
        ),
    )

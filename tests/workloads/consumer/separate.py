"""Two colours in groups of their own, as real processes, for tests on a real broker."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition

from tests.support.broker import Broker
from tests.support.processes import ConsumerProcess, Feed, handled
from tests.support.waiting import until
from tests.workloads.conftest import PARTITIONS, Consumers
from workloads.common.labels import unsealed
from workloads.handling.carry import Commit, read

ALL = list(range(PARTITIONS))


class Pair:
    """Blue and green; their groups are `<topic>-blue` and `<topic>-green`."""

    def __init__(
        self,
        consumer: Consumers,
        broker: Broker,
        topic: str,
        *,
        fencing: str = "transactions",
        protocol: str = "classic",
        pods: int = 2,
        **settings: Any,
    ) -> None:
        self.broker = broker
        self.topic = topic
        self.epoch = 0
        self._consumer = consumer
        self._settings = {"membership": "separate", "fencing": fencing, "group_protocol": protocol} | settings
        if fencing == "transactions":
            self._settings |= {"transactional_id": topic, "transactional_ids": pods}
        self.pods: dict[str, list[ConsumerProcess]] = {"blue": [], "green": []}
        for color, members in self.pods.items():
            members += [self.start(f"consumer-{color}-{i}") for i in range(pods)]

    def start(self, name: str, **more: Any) -> ConsumerProcess:
        """A process of that name."""
        own, other = ("blue", "green") if "blue" in name else ("green", "blue")
        groups = {"group_id": f"{self.topic}-{own}", "other_group_id": f"{self.topic}-{other}"}
        return self._consumer(name, **(self._settings | groups | more))

    def ready(self) -> "Pair":
        """Wait until every pod is, and each colour's own all partitions between them, and the broker can initialise an
        id: the first one of its life makes a topic and loads it, which a sidecar sits out by asking again.
        """
        first = Producer({"bootstrap.servers": self.broker.bootstrap_servers, "transactional.id": "first"})
        first.init_transactions(30)
        for color, members in self.pods.items():
            for pod in members:
                pod.ready()

            def owned(members: list[ConsumerProcess] = members) -> bool:
                return sorted(p for pod in members for p in pod.status()["partitions"]) == ALL

            until(f"{color} to own all partitions", owned)
        return self

    @property
    def everybody(self) -> list[ConsumerProcess]:
        """All pods."""
        return [pod for members in self.pods.values() for pod in members]

    def tell(self, color: str, call: str, epoch: int) -> list[tuple[int, Any]]:
        """The same call to each pod of a colour, at once."""
        with ThreadPoolExecutor(len(self.pods[color])) as pool:
            return list(pool.map(lambda pod: getattr(pod, call)(epoch), self.pods[color]))

    def done(self, color: str, call: str, epoch: int) -> None:
        """The same, and every answer is 200; as its sidecars do it, a call is repeated that was not done in time."""
        until(f"{color} to {call}", lambda: {status for status, _ in self.tell(color, call, epoch)} == {200})

    def grant(self, color: str) -> int:
        """Under the next epoch, as its sidecars do it: the other colour is told too. Gives the epoch."""
        self.epoch += 1
        self.done(color, "resume", self.epoch)
        self.done("blue" if color == "green" else "green", "pause", self.epoch)
        return self.epoch

    def withdraw(self, color: str) -> int:
        """Under the next epoch; gives it."""
        self.epoch += 1
        self.done(color, "pause", self.epoch)
        return self.epoch

    def switch(self, new: str) -> int:
        """From the other colour to this one; the epoch of its grant."""
        self.withdraw("blue" if new == "green" else "green")
        return self.grant(new)

    def committed(self, color: str) -> dict[int, Commit]:
        """What stands in a colour's group, by partition."""
        found = {p.partition: read(p.offset, unsealed(p.metadata)) for p in self._stable(color)}
        return {p: commit for p, commit in found.items() if commit is not None}

    def labels(self, color: str) -> dict[int, str]:
        """The metadata in a colour's group, by partition."""
        return {p.partition: unsealed(p.metadata) for p in self._stable(color)}

    def _stable(self, color: str) -> list[TopicPartition]:
        """A transaction's commit is answered before its offsets show: who asks for stable ones waits for them."""
        group = f"{self.topic}-{color}"
        asked = self.broker.admin().list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], require_stable=True
        )
        places: list[TopicPartition] = asked[group].result().topic_partitions
        return places

    def starts(self, color: str, epoch: int) -> dict[int, int]:
        """Where reading began under this epoch, as the colour's pods wrote it down."""
        return {
            place[1]: place[2]
            for pod in self.pods[color]
            for event in pod.events("ASSIGNED")
            if event["epoch"] == epoch
            for place in event["partitions"]
            if len(place) == 3
        }

    def ends(self, color: str, epoch: int) -> dict[int, int]:
        """What was committed when the colour said PAUSED under this epoch, as its pods wrote it down."""
        return {
            place[1]: place[2]
            for pod in self.pods[color]
            for event in pod.events("PAUSED")
            if event["epoch"] == epoch
            for place in event["partitions"]
        }

    def took(self, color: str) -> list[dict[str, float]]:
        """What each step of each start took, in ms."""
        return [line["milliseconds"] for pod in self.pods[color] for line in pod.logged("started") if "epoch" in line]


def more(pods: list[ConsumerProcess], count: int) -> None:
    """Wait until so many more records are handled."""
    enough = len(handled(*pods)) + count
    until(f"{count} more records", lambda: len(handled(*pods)) >= enough)


def sent(pair: Pair, feed: Feed) -> None:
    """Wait until as many records are handled as were sent."""
    until("all that was sent", lambda: len(handled(*pair.everybody)) >= feed.sent)


def everything_once(pair: Pair, feed: Feed) -> None:
    """Every record that was sent is handled, once, in order within its partition, and by one epoch after the other."""
    sent(pair, feed)
    lines = handled(*pair.everybody)
    assert sorted(line["seq"] for line in lines) == list(range(feed.sent))
    for partition in ALL:
        of = [line for line in lines if line["partition"] == partition]
        assert [line["offset"] for line in of] == list(range(len(of)))
        assert [line["epoch"] for line in of] == sorted(line["epoch"] for line in of)


def stays(what: str, check: Callable[[], bool], seconds: float) -> None:
    """This is so, all the time."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        assert check(), what
        time.sleep(0.05)

"""The alerts that take their time, by their causes on the real cluster: a green that does not keep up, a switch that
waits for it, a member that hangs, and a topic that is gone. The others are in `test_seen`.
"""

from collections.abc import Iterator

import pytest

from experiments import faults
from tests.support.cluster_use import shared
from tests.support.engine import topics
from tests.support.field import Field, Ground
from tests.support.vmalert import Vmalert, evaluating
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("slow-green")]

# A second of it is 1/20 of what `PostSwitchLagSpike` asks for within a minute.
RATE = 500
# A record takes this long: as good as for ever, and short of max.poll.interval.ms.
SLOW_MS = 5_000


@pytest.fixture(scope="module")
def slow(ground: Ground) -> Iterator[Field]:
    """A small stack of strategy C whose members take faults; taken away at the end."""
    name = ground.beside("c", "slow")
    ground.passing.add(name)
    settings = {"blue": {"faults": {}}, "green": {"faults": {}}, "lagPolicy": "immediate"}
    with shared(), ground.standing(name, replicas=1, rate=RATE, **settings) as field:
        yield field


@pytest.fixture(scope="module")
def alerts(slow: Field, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vmalert]:
    with evaluating(tmp_path_factory.mktemp("vmalert")) as made:
        yield made


def test_a_green_that_does_not_keep_up_is_told_and_so_is_the_switch_that_waits_for_it(
    slow: Field, alerts: Vmalert
) -> None:
    def raised(alert: str) -> bool:
        return alert in alerts.raised(slow.namespace)

    until("no alert", lambda: not alerts.raised(slow.namespace), 90, 1)
    _delay(slow, SLOW_MS)
    update = slow.up("green")
    assert update.error is None, update.error
    until("the lag's growth to be told", lambda: raised("PostSwitchLagSpike"), 120, 1)
    slow.stack.configuration.set(lagPolicy="wait", lagTimeoutSeconds=300)
    with slow.updating("blue") as back:
        try:
            until("the wait to be told", lambda: raised("BGSwitchTooLong"), 120, 1)
            until("the lag to be told", lambda: raised("KafkaConsumerLagHigh"), 120, 1)
            assert slow.holder() == "green"
        finally:
            _delay(slow, 0)
    assert back[0].error is None, back[0].error
    assert slow.holder() == "blue"
    until("no alert", lambda: not alerts.raised(slow.namespace), 150, 1)


def _delay(field: Field, milliseconds: int) -> None:
    container = field.lab.parts.members.program.container
    faults.put(field.namespace, container, ["consumer-green-0"], {"processing_delay_ms": milliseconds})


def test_a_member_that_hangs_is_told(slow: Field, alerts: Vmalert) -> None:
    """While it does, nobody would see it at work beside the other colour."""
    assert alerts.raised(slow.namespace) == set()
    with slow.processes.frozen("consumer-green-0", seconds=120):
        until("the alert", lambda: alerts.raised(slow.namespace), 90, 1)
        assert alerts.raised(slow.namespace) == {"ConsumersNotReporting"}
    until("no alert", lambda: not alerts.raised(slow.namespace), 120, 1)


def test_lag_that_nobody_knows_is_told(slow: Field, alerts: Vmalert) -> None:
    """The last of the stack: its topic is deleted."""
    topics("--delete", "--topic", slow.lab.settings.topic)
    until("the alert", lambda: "KafkaConsumerLagUnknown" in alerts.raised(slow.namespace), 150, 1)

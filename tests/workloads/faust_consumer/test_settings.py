"""What Faust's client cannot do is refused, with the reason; the rest is as ever."""

from typing import Any

import pytest

from workloads.common.settings import SettingsError, validated
from workloads.faust_consumer.settings import FaustSettings

GOOD: dict[str, Any] = {
    "bootstrap_servers": "b:9092",
    "topic": "t",
    "group_id": "g",
    "color": "green",
    "strategy": "x",
    "pod_name": "p-0",
}


def test_what_it_can_do_is_taken() -> None:
    assert validated(FaustSettings, GOOD).membership == "leave-join"
    separate = validated(FaustSettings, GOOD | {"membership": "separate", "other_group_id": "h"})
    assert separate.carries
    assert separate.lifecycle_membership == "leave-join"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"membership": "takeover"}, "would take the partitions from each other"),
        ({"membership": "shared"}, "skips records"),
        ({"group_protocol": "consumer"}, "KIP-848"),
        ({"fencing": "transactions"}, "commits by its consumer"),
        ({"client": {"fetch.min.bytes": 1}}, "fetch.min.bytes"),
        ({"membership": "separate"}, "other_group_id"),
        ({"membership": "separate", "other_group_id": "g"}, "other_group_id"),
        ({"faults": {"failure_rate": 0.5}}, "faults_enabled"),
    ],
)
def test_what_it_cannot_do_is_refused_with_the_reason(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        validated(FaustSettings, GOOD | given)
    assert told in str(refused.value)

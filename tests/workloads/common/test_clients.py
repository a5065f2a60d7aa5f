"""When a client is of no use any more, by what its statistics name."""

from typing import Any

import pytest

from workloads.common.clients import Stranding


def naming(*sources: str) -> dict[str, Any]:
    """Statistics with a broker of each of these sources."""
    return {"brokers": {str(number): {"source": source} for number, source in enumerate(sources)}}


@pytest.mark.parametrize("left", [(), ("logical",), ("logical", "internal")])
def test_a_client_whose_statistics_keep_naming_no_broker_is_stranded(left: tuple[str, ...]) -> None:
    stranding = Stranding()
    assert [stranding.observe(naming(*left)) for _ in range(6)] == [False, False, False, False, True, True]


@pytest.mark.parametrize("source", ["configured", "learned"])
def test_one_broker_that_is_named_is_enough(source: str) -> None:
    stranding = Stranding()
    assert not any(stranding.observe(naming("logical", source)) for _ in range(100))
    assert not any(stranding.observe(naming("logical")) for _ in range(4))
    assert not stranding.observe(naming("logical", source))
    assert not any(stranding.observe(naming("logical")) for _ in range(4))

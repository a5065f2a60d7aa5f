"""What a Lease may say: colours, and numbers that Kubernetes and the protocol can hold."""

from typing import Any

import pytest

from workloads.common.lease import EPOCHS, Grant, LeaseFormatError, from_lease, to_lease
from workloads.common.states import Color
from workloads.handling import carry


def lease(epoch: Any = 7, **notes: str) -> dict[str, Any]:
    made = to_lease(Grant(Color.BLUE, 7, Color.BLUE, None, 3), "consumer-switch", "now")
    made["spec"]["leaseTransitions"] = epoch
    made["metadata"] |= {"namespace": "strategy-c", "annotations": {**made["metadata"]["annotations"], **notes}}
    return made


@pytest.mark.parametrize(("epoch", "read"), [(None, 0), (0, 0), (7, 7), (EPOCHS - 1, EPOCHS - 1)])
def test_epochs_of_the_protocol(epoch: object, read: int) -> None:
    assert from_lease(lease(epoch)).epoch == read


@pytest.mark.parametrize("epoch", [-1, EPOCHS, 2**31 - 1, 2**31, 2**63, True, 1.5, 1e300, "x", "1e3", "²"])
def test_an_epoch_that_it_cannot_have_come_to_is_refused_by_name(epoch: object) -> None:
    with pytest.raises(LeaseFormatError) as refused:
        from_lease(lease(epoch))
    said = str(refused.value)
    assert said.startswith("Lease consumer-switch: spec.leaseTransitions is ")
    assert f"it must be a whole number from 0 to {EPOCHS - 1}" in said
    assert said.endswith("kubectl delete lease consumer-switch -n strategy-c")


@pytest.mark.parametrize("generation", ["-1", str(2**63), "1.0", "seven", "9" * 5000])
def test_a_generation_that_no_object_can_have_is_refused_by_name(generation: str) -> None:
    assert from_lease(lease(generation=str(2**63 - 1))).generation == 2**63 - 1
    with pytest.raises(LeaseFormatError, match="Lease consumer-switch: generation is "):
        from_lease(lease(generation=generation))


def test_a_colour_that_there_is_not_is_refused_with_what_to_do() -> None:
    with pytest.raises(LeaseFormatError, match=r"last-holder is 'red'; .* kubectl delete lease consumer-switch"):
        from_lease(lease(**{"last-holder": "red"}))


def test_where_a_way_back_begins_stands_in_the_lease() -> None:
    since = ((0, 17), (1, 0), (11, 2**40))
    made = to_lease(Grant(Color.GREEN, 8, Color.GREEN, Color.BLUE, 3, since=since), "consumer-switch", "now")
    assert made["metadata"]["annotations"]["since"] == f"0:17,1:0,11:{2**40}"
    assert from_lease(made).since == since
    assert from_lease(lease()).since is None


def test_how_often_a_group_could_not_be_emptied_stands_in_the_lease() -> None:
    made = to_lease(Grant(Color.GREEN, 8, Color.GREEN, Color.BLUE, 3, tries=4), "consumer-switch", "now")
    assert from_lease(made).tries == 4
    assert from_lease(lease()).tries == 0
    assert "tries" not in to_lease(Grant(Color.GREEN, 8), "consumer-switch", "now")["metadata"]["annotations"]


@pytest.mark.parametrize("text", ["0", "0:", "0:-1", "0:17,", "a:1", "0:1:2", "0:²"])
def test_positions_that_are_none_are_refused_by_name(text: str) -> None:
    with pytest.raises(LeaseFormatError, match="since is "):
        from_lease(lease(since=text))


def test_a_lease_counts_in_32_bits_with_room_for_one_that_is_made_again() -> None:
    assert 2 * EPOCHS <= 2**31
    assert carry.read(0, f"epoch={EPOCHS - 1}") == carry.Commit(0, EPOCHS - 1)
    assert carry.read(0, f"epoch={EPOCHS}") == carry.Commit(0, carry.UNKNOWN)

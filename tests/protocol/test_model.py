"""The protocol model: the real functions keep every invariant in every reachable state, and broken copies do not.

What a search covers is in its `Bounds`; each prints them with what it saw (`pytest -s`, or `python -m tests.protocol`).
"""

import pytest

from tests.protocol import broken
from tests.protocol.search import InvariantBroken, Result, Search
from tests.protocol.world import FAULTS, Bounds, Rules, World
from workloads.common.states import GroupProtocol, Membership
from workloads.controller import decide as dc


def _each(*kinds: str) -> tuple[tuple[str, int], ...]:
    return tuple((kind, 1) for kind in kinds)


ALL = _each(*FAULTS)

SEARCHES = [
    # Every kind of fault, at every moment of a switch, in the whole world.
    Bounds(ALL, total=1, pods=2),
    # What meets a deadline of the controller.
    Bounds(_each("freeze", "deadline"), total=2, pods=2),
    Bounds(_each("spec-flip", "deadline"), total=2, pods=2),
    # The deepest histories, in the small world.
    Bounds(_each("freeze", "deadline", "spec-flip"), total=3, pods=1),
    Bounds(_each("consumer-crash", "sidecar-crash", "deadline"), total=3, pods=1),
    Bounds(_each("lease-delete", "controller-crash", "deadline"), total=3, pods=1),
    Bounds(_each("pod-delete", "deadline", "report-again"), total=3, pods=1),
    # Every view ages by itself.
    Bounds(_each("consumer-crash", "deadline"), total=2, pods=1, fine=True),
    Bounds(_each("lease-delete", "controller-crash"), total=2, pods=1, fine=True),
    # Two controllers at once.
    Bounds(_each("spec-flip", "deadline"), total=2, pods=1, controllers=2),
    # The other memberships.
    Bounds(ALL, total=1, pods=1, membership=Membership.LEAVE_JOIN),
    Bounds(ALL, total=1, pods=1, membership=Membership.SHARED),
    Bounds(ALL, total=1, pods=1, protocol=GroupProtocol.CONSUMER),
]


def run(bounds: Bounds) -> Result:
    """Search and say what was seen."""
    result = Search(World(bounds)).run()
    ends = ", ".join(f"{end.removeprefix('good: ')} {count}" for end, count in sorted(result.ends.items()))
    print(f"{bounds}: {result.states} states, {result.steps} steps, depth {result.depth}; ends: {ends}", flush=True)
    return result


@pytest.mark.parametrize("bounds", SEARCHES, ids=str)
def test_every_reachable_state_is_right_and_comes_to_a_good_end(bounds: Bounds) -> None:
    result = run(bounds)
    assert result.states > 1000, "a search that saw so little has not left the beginning"
    assert all(end.startswith("good") for end in result.ends)


def _caught(rules: Rules, *kinds: str, pods: int = 1) -> str:
    with pytest.raises(InvariantBroken) as caught:
        Search(World(Bounds(_each(*kinds), total=max(1, len(kinds)), pods=pods), rules)).run()
    print(caught.value)
    return str(caught.value)


def test_a_resume_before_the_pause_is_caught() -> None:
    told = _caught(broken.RESUME_BEFORE_PAUSE)
    assert "ACTIVE" in told


def test_a_resume_at_the_epoch_of_a_pause_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The epochs of a lost Lease come again only without the margin above them; then this rule is what is left."""
    monkeypatch.setattr(dc, "LOST_EPOCHS", 1)
    kinds = ("lease-delete", "controller-crash", "spec-flip")
    Search(World(Bounds(_each(*kinds), total=3, pods=1))).run(ends=False)
    told = _caught(broken.EQUAL_EPOCHS_RESUME, *kinds)
    assert "ACTIVE" in told


def test_a_stale_list_that_counts_as_gone_is_caught() -> None:
    told = _caught(broken.STALE_LIST_COUNTS, "pod-delete", pods=1)
    assert "ACTIVE" in told

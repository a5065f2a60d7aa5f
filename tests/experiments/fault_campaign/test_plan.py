"""A seed's sequence: the same again, balanced, and the same beginning however long it is."""

import json
from collections import Counter

import pytest

from experiments.fault_campaign.catalogue import WAYS
from experiments.fault_campaign.kinds import HELD, SHARED, Phase, Role
from experiments.fault_campaign.plan import Step, cells, coverage, least, planned

ALL = frozenset(Role)


def test_the_same_seed_gives_the_same_sequence_and_another_one_another() -> None:
    assert planned(7, 40, ALL) == planned(7, 40, ALL)
    assert planned(7, 40, ALL) != planned(8, 40, ALL)


def test_a_longer_campaign_begins_as_a_shorter_one() -> None:
    assert planned(7, 60, ALL)[:20] == planned(7, 20, ALL)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_at_least_two_faults_for_each_switch(seed: int) -> None:
    steps = planned(seed, 200, ALL)
    assert [step.number for step in steps] == list(range(1, 201))
    assert min(len(step.injections) for step in steps) >= 2
    assert all(step.phase not in HELD for step in steps if step.commanded == "up")
    assert 30 < sum(step.commanded == "up" for step in steps) < 70


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_500_switches_hit_every_phase_with_every_fault_five_times(seed: int) -> None:
    steps = planned(seed, 500, ALL)
    hits = [(one.way, step.phase) for step in steps for one in step.injections]
    table = coverage(hits, cells(ALL))
    assert least(table) >= 5, table
    assert sum(sum(row.values()) for row in table.values()) == len(hits)


def test_nobody_has_what_there_is_not() -> None:
    steps = planned(1, 100, ALL - {Role.HANDLER, Role.GROUP})
    assert {one.kind.role for step in steps for one in step.injections} == ALL - {Role.HANDLER, Role.GROUP}
    assert {one.way for step in planned(1, 20, ALL, ["lease-delete", "worker-kill"]) for one in step.injections} == {
        "lease-delete",
        "worker-kill",
    }
    with pytest.raises(ValueError, match="none of max-poll can be injected"):
        planned(1, 1, {Role.WORKER}, ["max-poll"])


def test_of_what_everybody_shares_there_is_one_fault_at_a_time() -> None:
    for step in planned(5, 300, ALL):
        roles = Counter(one.kind.role for one in step.injections)
        assert all(count == 1 for role, count in roles.items() if role in SHARED)
        assert sum(one.seconds > 10 for one in step.injections) <= 1


def test_nobody_is_hit_for_a_while_who_stands_still_anyway_or_is_cut_off() -> None:
    for step in planned(5, 300, ALL):
        lasting = [one for one in step.injections if one.seconds and one.kind.role in (Role.WORKER, Role.HANDLER)]
        assert step.phase not in HELD or all(one.number == 1 for one in lasting)
        assert len({one.kind.place for one in step.injections if one.kind.role is Role.HANDLER}) <= 1


def test_how_long_a_fault_lasts_is_within_its_bounds() -> None:
    for step in planned(6, 200, ALL):
        for one in step.injections:
            low, high = WAYS[one.way].seconds
            assert low <= one.seconds <= high
            assert step.phase in WAYS[one.way].phases


def test_a_step_is_read_as_it_was_written() -> None:
    for step in planned(4, 30, ALL):
        assert Step.of(json.loads(json.dumps(step.as_json()))) == step


def test_a_step_with_a_fault_that_there_is_not_is_refused() -> None:
    raw = planned(4, 1, ALL)[0].as_json()
    raw["injections"][0]["way"] = "earthquake"
    with pytest.raises(ValueError, match="'earthquake' is no way"):
        Step.of(raw)


def test_a_table_of_coverage_has_its_zeros() -> None:
    everything = [("a", Phase.STEADY), ("a", Phase.PAUSING), ("b", Phase.STEADY)]
    table = coverage([("a", Phase.STEADY), ("a", Phase.STEADY)], everything)
    assert table == {"a": {"steady": 2, "pausing": 0}, "b": {"steady": 0}}
    assert least(table) == 0
    assert least({}) == 0

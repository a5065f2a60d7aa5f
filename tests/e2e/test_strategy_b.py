"""Strategy B, switched there and back under its flow: each colour stays in its own group, and the offsets follow."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pulumi import automation

from components.names import COLORS
from components.settings import StackName
from experiments.positions import Group, Groups
from experiments.session import groups_of
from tests.support.cluster_use import shared
from tests.support.engine import Changed, Log
from tests.support.field import Field, Ground, judging
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("engine")]


@pytest.fixture(scope="module", autouse=True)
def _judged(b: Field) -> Iterator[None]:
    """All of it is judged at the end: nothing lost, nobody active beside the other, nothing handled twice."""
    with shared(), judging("strategy-b", b):
        yield


@pytest.fixture
def groups(b: Field, ground: Ground) -> Iterator[Groups]:
    found = groups_of(StackName(b.namespace), b.lab.settings, ground.bootstrap)
    yield found
    found.close()


def test_an_unchanged_stack_has_no_changes_and_a_switch_has_one(b: Field, ground: Ground) -> None:
    stack = automation.select_stack(b.stack.name, work_dir=str(ground.project.folder))
    configuration = str(b.stack.configuration.file)
    unchanged, switch = Log(), Log()
    stack.up(on_event=unchanged, config_file=configuration)
    assert unchanged.changes == []
    b.stack.configuration.set(active="green")
    stack.preview(on_event=switch, config_file=configuration)
    b.stack.configuration.set(active="blue")
    assert switch.changes == [Changed("update", "KafkaConsumerSwitch/switch", ("spec.active",))]
    assert b.switch().wanted == "blue"


def test_there_and_back(b: Field, groups: Groups) -> None:
    before = groups.read()
    for target in ("green", "blue"):
        update = b.up(target)
        assert update.error is None, update.error
        settled = b.wait_settled()
        assert (settled.active, settled.settled and settled.settled.reason) == (target, "Switched")
        ends = b.lab.lag.end_offsets()
        _assert_everybody_is_in(b, groups.read())
        until(f"both groups to have committed {ends}", lambda ends=ends: _reached(ends, groups.read()), 60, 0.2)
    after = groups.read()
    for color in COLORS:
        assert all(after[color].committed[p] >= offset for p, offset in before[color].committed.items())


def _assert_everybody_is_in(field: Field, found: Mapping[Any, Group]) -> None:
    """A colour that waits is as whole in its group as the one that works."""
    settings = field.lab.settings
    for color in COLORS:
        assert found[color].members == settings.replicas, color
        assert found[color].assigned == tuple(range(settings.partitions)), color


def _reached(ends: Mapping[int, int], found: Mapping[Any, Group]) -> bool:
    return all(found[color].committed.get(p, -1) >= end for color in COLORS for p, end in ends.items() if end)

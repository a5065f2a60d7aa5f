"""A strategy stack, deployed with mocks."""

import pytest

from components import switch as switch_component
from components.cluster.access import ClusterAccess
from components.live_switch import Expectation, Object
from tests.components.strategy_stack.deployed import live, up
from tests.support.recorder import Recorder


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Expectation]:
    """The checks of the live switch that were made; all of them find what was asked for."""
    made: list[Expectation] = []

    def check(expected: Expectation, access: ClusterAccess) -> Object:
        assert access == ClusterAccess(context="there")
        made.append(expected)
        return live(expected.active)

    monkeypatch.setattr(switch_component, "_check", check)
    return made


@pytest.fixture(scope="module")
def stack() -> Recorder:
    """The stack with nothing but defaults."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(switch_component, "_check", lambda expected, _: live(expected.active))
        return up()

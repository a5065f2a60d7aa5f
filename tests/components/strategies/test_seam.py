"""The strategy seam: a strategy that is made up here, in one module that registers itself, is deployed and switched by
what all strategies share; and nothing but its module names its letter."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import strategies
from components import switch as switch_component
from components.cluster.access import ClusterAccess
from components.names import COLORS
from components.settings import SettingsError, StackName, StrategySettings, registry, strategy_settings
from components.strategies import base
from components.strategy_stack import build_strategy
from experiments import lines
from tests.components.strategy_stack.deployed import live
from tests.support.recorder import Recorder, deploy
from tests.support.source import parsed

ROOT = Path(__file__).parents[3]
# Where a text is a strategy's letter or its stack's name, and says what a person gets who does not say which.
NAMED = {"experiments/logs/benchmark.py: 'strategy-c'", "experiments/logs/command.py: 'strategy-c'"}

MADE_UP = '''
"""Strategy X: a colour is one ConfigMap, and has a group to itself."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from components.settings.declare import Goes, StrategyOf
from components.settings.models import StrategySettings
from components.names import COLORS
from components.strategies.base import Colors, Criteria, Strategy, register
from components.strategies.parts import Part, Parts, ours


class Settings(StrategySettings):
    strategy: StrategyOf[Literal["x"]]
    flavour: Annotated[Literal["sweet", "sour"], Goes(spec=True, option=True)] = Field(
        default="sweet", description="how it tastes"
    )


class ConfigMaps(Colors):
    def __init__(self, site):
        self.site = site

    def color(self, color, after):
        import pulumi
        from pulumi_kubernetes.core.v1 import ConfigMap

        waiting = pulumi.ResourceOptions(depends_on=after)
        return ConfigMap(f"x-{color}", data={"flavour": self.site.settings.flavour}, opts=waiting)


class X(Strategy):
    letter = "x"
    settings = Settings
    criteria = Criteria(30.0, 60.0, frozenset({"duplicate"}))
    absence = "Unknown"
    positions = "Groups"
    standby = "Assigned"
    paths = ("workloads/x/*",)

    def groups(self, stack):
        return {color: f"{stack.consumer_group}-{color}" for color in COLORS}

    def selector(self, color):
        return {"made-up": color}

    def parts(self, settings, stack):
        return Parts(Part("x", {color: f"x-{color}" for color in COLORS}, ours("x")))

    def restarted_by(self, site, color):
        return {}

    def deploy(self, site):
        return ConfigMaps(site)


register(X())
'''


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Strategy X, in a folder of its own; gone afterwards."""
    (tmp_path / "x.py").write_text(MADE_UP, encoding="utf-8")
    monkeypatch.setattr(strategies, "__path__", [*strategies.__path__, str(tmp_path)])
    monkeypatch.setattr(registry, "_models", dict(registry.models()))
    monkeypatch.setattr(base, "_strategies", dict(base._strategies))
    strategies.load()
    yield
    sys.modules.pop("components.strategies.x", None)
    vars(strategies).pop("x", None)


def up(monkeypatch: pytest.MonkeyPatch, **values: str) -> Recorder:
    monkeypatch.setattr(switch_component, "_check", lambda expected, _: live(expected.active))
    settings = strategy_settings({"strategy": "x", **values}, "strategy-x")
    return deploy(
        lambda: build_strategy(settings, StackName("strategy-x"), {"workloads": "w:1"}, ClusterAccess()),
        stack="strategy-x",
    )


@pytest.mark.usefixtures("made_up")
def test_a_made_up_strategy_is_deployed_and_switched(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = up(monkeypatch, active="green", flavour="sour")
    assert recorder.of("ConfigMap")["x-blue"].inputs["data"] == {"flavour": "sour"}
    assert recorder.of("StatefulSet").keys() == {"producer"}
    order = [recorder.position(key) for key in ("ConfigMap/x-green", "KafkaConsumerSwitch/switch", "ConfigMap/x-blue")]
    assert order == sorted(order)
    spec = recorder.of("KafkaConsumerSwitch")["switch"].inputs["spec"]
    said = [spec[name] for name in ("strategy", "flavour", "absence", "positions", "standby")]
    assert said == ["x", "sour", "Unknown", "Groups", "Assigned"]
    assert [spec[color]["group"] for color in ("blue", "green")] == ["bluegreen-x-blue", "bluegreen-x-green"]
    assert spec["green"]["selector"] == {"made-up": "green"}
    assert "membership" not in spec
    assert base.strategy("x").criteria.tolerated == {"duplicate"}


@pytest.mark.usefixtures("made_up")
def test_a_switch_of_a_made_up_strategy_changes_one_field(monkeypatch: pytest.MonkeyPatch) -> None:
    blue, green = (up(monkeypatch, active=color).by_name for color in ("blue", "green"))
    assert {key for key in blue if blue[key].inputs != green[key].inputs} == {"KafkaConsumerSwitch/switch"}


@pytest.mark.usefixtures("made_up")
def test_what_is_a_made_up_strategys_own_it_says_itself() -> None:
    own = lines.owners()
    paths = ("components/strategies/x.py", "components/strategies/x/deep.py", "workloads/x/main.py", "workloads/y.py")
    assert [lines.owner(path, own) for path in paths] == ["x", "x", "x", lines.SHARED]


@pytest.mark.usefixtures("made_up")
def test_keys_of_another_strategy_are_refused() -> None:
    with pytest.raises(SettingsError, match="kafka-bluegreen:membership: belongs to another kind of stack"):
        strategy_settings({"strategy": "x", "membership": "shared"}, "test")
    with pytest.raises(SettingsError, match="kafka-bluegreen:flavour: belongs to another kind of stack"):
        strategy_settings({"strategy": "c", "flavour": "sour"}, "test")
    with pytest.raises(SettingsError, match="allowed: 'b' or 'c' or 'e' or 'x'"):
        strategy_settings({"strategy": "d"}, "test")


def test_a_letter_that_is_taken_is_refused() -> None:
    class Other(StrategySettings):
        pass

    with pytest.raises(ValueError, match="strategy 'c' is registered already"):
        registry.register("c", Other)


def test_what_strategy_c_says() -> None:
    found = base.strategy("c")
    assert found.groups(StackName("strategy-c")) == {"blue": "bluegreen-c", "green": "bluegreen-c"}
    assert (found.absence, found.positions, found.standby) == ("Gone", "Members", "Outside")
    assert (found.criteria.switch_seconds, found.criteria.rollback_seconds) == (5.0, 5.0)
    assert found.criteria.tolerated == frozenset()


def test_what_strategy_b_says() -> None:
    found = base.strategy("b")
    assert found.groups(StackName("strategy-b")) == {"blue": "bluegreen-b-blue", "green": "bluegreen-b-green"}
    assert found.groups(StackName("strategy-b-two"))["green"] == "bluegreen-b-two-green"
    assert (found.absence, found.positions, found.standby) == ("Gone", "Members", "Assigned")
    assert (found.criteria.switch_seconds, found.criteria.rollback_seconds) == (30.0, 60.0)
    assert found.criteria.tolerated == {"duplicate"}


def test_what_strategy_e_says() -> None:
    found = base.strategy("e")
    groups = {"blue": "connect-strategy-e-blue", "green": "connect-strategy-e-green"}
    assert found.groups(StackName("strategy-e")) == groups
    assert (found.absence, found.positions, found.standby) == ("Unknown", "Groups", "Outside")
    assert (found.criteria.switch_seconds, found.criteria.rollback_seconds) == (30.0, 60.0)
    assert found.criteria.tolerated == {"duplicate"}
    assert found.images == ("workloads", "connect")
    assert found.definitions == {"kafka.strimzi.io/v1": ("kafkaconnects", "kafkaconnectors")}
    settings = strategy_settings({"strategy": "e", "active": "green", "blue": '{"replicas": 0}'}, "strategy-e")
    assert [found.members(settings, color) for color in COLORS] == [0, 1]


def test_what_the_other_strategies_need_of_others() -> None:
    for letter in ("b", "c"):
        found = base.strategy(letter)
        assert (found.images, found.definitions) == (("workloads",), {})
        settings = strategy_settings({"strategy": letter, "replicas": "4"}, f"strategy-{letter}")
        assert [found.members(settings, color) for color in COLORS] == [4, 4]


def test_what_strategies_share_is_no_strategy() -> None:
    """Every module of the package is loaded; those that register none are none."""
    strategies.load()
    assert {"components.strategies.base", "components.strategies.consumers"} <= set(sys.modules)
    assert set(base._strategies) == set(registry.models()) >= {"b", "c", "e"}
    assert {type(found).__module__ for found in base._strategies.values()} == {
        f"components.strategies.{letter}" for letter in base._strategies
    }


def test_no_strategy_is_loaded_with_pulumi() -> None:
    """Settings are read before anything is deployed, and by the experiments, which deploy nothing by themselves."""
    import subprocess

    code = (
        "import sys; from components.settings import schema_defaults; schema_defaults(); print('pulumi' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


def test_nothing_but_the_strategies_names_a_letter() -> None:
    """Neither as a text of its own, nor several in one, nor by the name of its stack; the schemas are generated from
    what is registered. What workloads do otherwise by what they are told is no letter's (`membership`, `positions`).
    """
    letters = "".join(registry.models())
    name = re.compile(rf"[{letters}]{{1,{len(letters)}}}|strategy-[{letters}](-.*)?")
    named = {
        f"{path.relative_to(ROOT)}: {node.value!r}"
        for room in ("components", "experiments", "tools", "workloads")
        for path in sorted((ROOT / room).rglob("*.py"))
        if "strategies" not in path.parts
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and name.fullmatch(node.value)
    }
    assert named == NAMED

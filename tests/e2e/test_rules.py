"""Each alert on series that are made up, by vmalert's own tool: raised by its cause after its time, also where series
are missing, and by nothing else. Needs no cluster, but what the sandbox compiles for `--with alerts`.
"""

import subprocess
from pathlib import Path

import pytest

from components.observability.alerts import RULES as FILE
from components.observability.panels import NAMESPACE, PANELS, WINDOW
from components.observability.rules import RULES
from tests.e2e.rules import STACK, STEP, STEPS, Tool, World, healthy
from tests.support import vmalert

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("alerts")]

BEFORE = 12
"""Steps until what a case is about begins: after a minute."""
AT = BEFORE * STEP
CONTROLLER = {"namespace": STACK, "pod": "controller-1"}
SAID_BY_THE_CONTROLLER = (
    "bg_switch_epoch",
    "bg_switch_under_way_seconds",
    "bg_switch_phase",
    "bg_active_color",
    "bg_pods",
    "kafka_consumer_group_lag",
)


def turns(before: float, after: str) -> str:
    """One value until a case begins, and these then."""
    return f"{before}x{BEFORE - 1} {after}"


def lag(world: World, values: str, group: str = STACK, color: str = "blue") -> None:
    for partition in ("0", "1"):
        labels = {"group": group, "color": color, "partition": partition, "topic": "t", **CONTROLLER}
        world.says("kafka_consumer_group_lag", values, **labels)


def state(world: World, color: str, number: int, held: str, values: str) -> None:
    pod = {"namespace": STACK, "color": color, "pod": f"consumer-{color}-{number}"}
    world.says("kafka_consumer_lifecycle_state", values, state=held, **pod)


def holder(world: World, values: dict[str, str]) -> None:
    for color, told in values.items():
        world.says("bg_active_color", told, color=color, **CONTROLLER)


def behind(world: World) -> None:
    lag(world, turns(10, f"300x{STEPS}"))


def hangs(world: World) -> None:
    world.says("bg_switch_under_way_seconds", turns(0, f"{STEP}+{STEP}x{STEPS}"), **CONTROLLER)


def not_ready(world: World) -> None:
    world.says("bg_pods", turns(2, f"0x{STEPS}"), color="blue", condition="Ready", **CONTROLLER)


def both(world: World) -> None:
    state(world, "green", 1, "ACTIVE", turns(0, f"1x{STEPS}"))


def nobody(world: World) -> None:
    for number in (0, 1):
        state(world, "blue", number, "ACTIVE", turns(1, f"0x{STEPS}"))


def spike(world: World) -> None:
    """Green is granted, and handles nothing of 500 records a second."""
    holder(world, {"blue": turns(1, f"0x{STEPS}"), "green": turns(0, f"1x{STEPS}")})
    lag(world, turns(10, f"1250+1250x{STEPS}"))


def unknown_lag(world: World) -> None:
    lag(world, f"10x{BEFORE - 1}")


def silent_pod(world: World) -> None:
    for held in ("ACTIVE", "PAUSED", "DRAINING"):
        state(world, "green", 0, held, f"{int(held == 'PAUSED')}x{BEFORE - 1}")


def no_controller(world: World) -> None:
    for name in SAID_BY_THE_CONTROLLER:
        for series, values in list(world.series.items()):
            if series.startswith(f"{name}{{"):
                world.series[series] = values.replace(f"x{STEPS}", f"x{BEFORE - 1}")


# What begins at `AT`; what is raised by it; when it is not yet, and when it is.
CASES = {
    "KafkaConsumerLagHigh": (behind, 115, 130),
    "BGSwitchTooLong": (hangs, 50, 65),
    "GreenConsumerNotRunning": (not_ready, 55, 65),
    "DualActiveConsumers": (both, 0, 10),
    "AllConsumersPaused": (nobody, 5, 15),
    "PostSwitchLagSpike": (spike, 40, 65),
    # The tool takes a series that has ended for one that is there, for five minutes.
    "KafkaConsumerLagUnknown": (unknown_lag, 295, 420),
    "ConsumersNotReporting": (silent_pod, 295, 420),
    "BGSwitchNotReporting": (no_controller, 295, 420),
}


@pytest.fixture(scope="module")
def program() -> str:
    return str(vmalert.tool())


@pytest.fixture
def tool(program: str, tmp_path: Path) -> Tool:
    return Tool(program, tmp_path)


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == {rule.name for rule in RULES}


@pytest.mark.parametrize("own_groups", [False, True], ids=["one group", "groups of their own"])
def test_nothing_is_raised_while_all_is_well(tool: Tool, own_groups: bool) -> None:
    world = healthy(own_groups=own_groups)
    assert tool.raised(world, dict.fromkeys(range(0, 300, STEP), ())) == ""


@pytest.mark.parametrize("name", CASES)
def test_it_is_raised_by_its_cause_after_its_time_and_no_other_is(tool: Tool, name: str) -> None:
    cause, silent, after = CASES[name]
    world = healthy()
    cause(world)
    assert tool.raised(world, {AT - STEP: (), AT + silent: (), AT + after: (name,)}) == ""


def test_a_stack_that_is_well_is_not_named_for_another(tool: Tool) -> None:
    world = healthy()
    for cause in (both, not_ready):
        cause(world)
    world.series |= healthy("strategy-y").series
    at = {AT + 65: ("DualActiveConsumers", "GreenConsumerNotRunning")}
    assert tool.raised(world, at) == ""


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (("kafka_consumer_lifecycle_state",), ("AllConsumersPaused", "ConsumersNotReporting")),
        (("bg_pods",), ("GreenConsumerNotRunning",)),
        (("kafka_consumer_group_lag",), ("KafkaConsumerLagUnknown",)),
        (SAID_BY_THE_CONTROLLER, ("BGSwitchNotReporting",)),
    ],
    ids=["members", "pods", "lag", "controller"],
)
def test_series_that_are_missing_are_told(tool: Tool, missing: tuple[str, ...], told: tuple[str, ...]) -> None:
    world = healthy()
    world.without(*missing)
    assert tool.raised(world, {200: told}) == ""


def test_a_pair_that_rests_is_asked_to(tool: Tool) -> None:
    world = healthy()
    nobody(world)
    for phase in ("Ready", "Paused"):
        world.says("bg_switch_phase", f"{int(phase == 'Paused')}x{STEPS}", phase=phase, **CONTROLLER)
    holder(world, {"blue": f"1x{STEPS}", "green": f"0x{STEPS}"})
    assert tool.raised(world, {AT + 100: ()}) == ""


def test_a_store_that_was_away_raises_nothing(tool: Tool) -> None:
    world = healthy()
    holder(world, {"blue": turns(1, f"0x{STEPS}"), "green": turns(0, f"1x{STEPS}")})
    for number in (0, 1):
        state(world, "blue", number, "ACTIVE", turns(1, f"0x{STEPS}"))
        state(world, "green", number, "ACTIVE", turns(0, f"1x{STEPS}"))
    lag(world, turns(10, f"_x7 400+10x{STEPS}"))
    for series, values in world.series.items():
        if "x7 " not in values:
            first, last = values.split(" ") if " " in values else (values, values)
            world.series[series] = f"{first.partition('x')[0]}x{BEFORE - 1} _x7 {last}"
    assert tool.raised(world, dict.fromkeys(range(0, 200, STEP), ())) == ""


def test_a_switch_raises_nothing(tool: Tool) -> None:
    """Both colours are ACTIVE in one look, and then nobody in another."""
    world = healthy()
    holder(world, {"blue": turns(1, f"0x{STEPS}"), "green": turns(0, f"0x1 1x{STEPS}")})
    for number in (0, 1):
        state(world, "blue", number, "ACTIVE", turns(1, f"1x0 0x{STEPS}"))
        state(world, "green", number, "ACTIVE", turns(0, f"1x0 0x0 1x{STEPS}"))
    assert tool.raised(world, dict.fromkeys(range(0, 200, STEP), ())) == ""


def test_growing_lag_without_a_switch_is_no_spike(tool: Tool) -> None:
    world = healthy()
    spike(world)
    holder(world, {"blue": f"1x{STEPS}", "green": f"0x{STEPS}"})
    assert tool.raised(world, {AT + 90: ()}) == ""


# -- panels


def panel(title: str) -> str:
    (query, *_) = next(p for p in PANELS if p.title == title).queries
    return query.expr.replace(NAMESPACE, STACK).replace(WINDOW, "30s")


def test_a_panel_takes_nothing_of_another_stack(tool: Tool) -> None:
    world = healthy()
    expected = {"{}": 20.0}
    assert tool.evaluated(world, panel("Blue's lag"), 200, expected) == ""
    world.series |= healthy("strategy-y").series
    assert tool.evaluated(world, panel("Blue's lag"), 200, expected) == ""
    everybody = panel("Blue's lag").replace(f'namespace="{STACK}",', "")
    assert tool.evaluated(world, everybody, 200, expected) != "", "the check sees no difference"


def test_lag_counts_once_while_a_partition_moves(tool: Tool) -> None:
    """Two groups have committed on it, or two controllers tell of it."""
    world = healthy(own_groups=True)
    lag(world, f"40x{STEPS}", f"{STACK}-green", "green")
    for series, values in list(world.series.items()):
        world.series[series.replace("controller-1", "controller-2")] = values
    by_partition = {'{partition="0"}': 10.0, '{partition="1"}': 10.0}
    assert tool.evaluated(world, panel("Lag by partition"), 200, by_partition) == ""
    assert tool.evaluated(world, panel("Blue's lag"), 200, {"{}": 20.0}) == ""
    assert tool.evaluated(world, panel("Green's lag"), 200, {"{}": 80.0}) == ""


def test_vmalert_takes_the_file_with_its_texts(program: str) -> None:
    done = subprocess.run(
        [Path(program).with_name("vmalert"), "-dryRun", f"-rule={FILE}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr

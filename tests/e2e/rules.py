"""Alerting rules tried on series that are made up: vmalert's own tool evaluates the rule file that is shipped."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from components.observability.alerts import RULES
from components.observability.rules import GROUP

#: How often a series has a value, and how often the rules are evaluated.
STEP = 5
STEPS = 100
STACK = "strategy-x"


@dataclass
class World:
    """What the pods of stacks say over time, in steps of `STEP` seconds, from the first: series -> values, as the tool
    reads them.
    """

    series: dict[str, str] = field(default_factory=dict)

    def says(self, name: str, values: str, **labels: str) -> None:
        """One series, in place of what was said of it before."""
        told = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        self.series[f"{name}{{{told}}}"] = values

    def without(self, *names: str, **labels: str) -> None:
        """Nobody says these of it, or of those with these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        self.series = {
            one: values
            for one, values in self.series.items()
            if one.partition("{")[0] not in names or not all(text in one for text in wanted)
        }


def healthy(namespace: str = STACK, *, own_groups: bool = False, steps: int = STEPS) -> World:
    """A stack with blue at work, two pods a colour and two partitions, for so many steps."""
    world, still = World(), f"x{steps}"
    controller = {"namespace": namespace, "pod": "controller-1"}
    for name, value in (("bg_switch_epoch", 7), ("bg_switch_under_way_seconds", 0)):
        world.says(name, f"{value}{still}", **controller)
    for phase in ("Ready", "Paused", "Pausing"):
        world.says("bg_switch_phase", f"{int(phase == 'Ready')}{still}", phase=phase, **controller)
    for color in ("blue", "green"):
        active = int(color == "blue")
        world.says("bg_active_color", f"{active}{still}", color=color, **controller)
        for condition in ("Running", "Ready"):
            world.says("bg_pods", f"2{still}", color=color, condition=condition, **controller)
        for number in (0, 1):
            pod = {"namespace": namespace, "color": color, "pod": f"consumer-{color}-{number}"}
            world.says("bg_consumer_epoch", f"7{still}", **pod)
            for state in ("ACTIVE", "PAUSED", "DRAINING"):
                holds = int(state == ("ACTIVE" if active else "PAUSED"))
                world.says("kafka_consumer_lifecycle_state", f"{holds}{still}", state=state, **pod)
    own = ((f"{namespace}-blue", "blue"), (f"{namespace}-green", "green"))
    for group, color in own if own_groups else ((namespace, "blue"),):
        for partition in ("0", "1"):
            lag = 10 if color == "blue" else 900  # who waits is behind, and nobody's concern
            labels = {"group": group, "color": color, "partition": partition, "topic": "t", **controller}
            world.says("kafka_consumer_group_lag", f"{lag}{still}", **labels)
    return world


@dataclass(frozen=True)
class Tool:
    """vmalert's own tool, and a folder for what it reads."""

    program: str
    folder: Path

    def raised(self, world: World, at: Mapping[int, Sequence[str]], namespace: str = STACK) -> str:
        """What it finds otherwise than `at` says: second -> the alerts that are raised then, for this stack, and no
        others for anybody. Empty if all is so.
        """
        content = yaml.safe_load(RULES.read_text(encoding="utf-8"))
        rules = {rule["alert"]: rule for group in content["groups"] for rule in group["rules"]}
        tests = [
            {
                "groupname": GROUP,
                "alertname": name,
                "eval_time": f"{second}s",
                "exp_alerts": [
                    {"exp_labels": {"namespace": namespace, "severity": rule["labels"]["severity"]}}
                    for _ in range(names.count(name))
                ],
            }
            for second, names in at.items()
            for name, rule in rules.items()
        ]
        return self._run(world, alert_rule_test=tests)

    def evaluated(self, world: World, expr: str, second: int, expected: Mapping[str, float]) -> str:
        """What it finds otherwise than that an expression has these values at that second, by series."""
        samples = [{"labels": labels, "value": value} for labels, value in expected.items()]
        asked = {"expr": expr, "eval_time": f"{second}s", "exp_samples": samples}
        return self._run(world, metricsql_expr_test=[asked])

    def _run(self, world: World, **tests: Any) -> str:
        content = yaml.safe_load(RULES.read_text(encoding="utf-8"))
        for group in content["groups"]:
            for rule in group["rules"]:
                del rule["annotations"]  # or each text would have to be expected, too
        rules, file = self.folder / "rules.yaml", self.folder / "test.yaml"
        rules.write_text(yaml.safe_dump(content), encoding="utf-8")
        series = [{"series": one, "values": values} for one, values in world.series.items()]
        said = {
            "rule_files": [str(rules)],
            "evaluation_interval": f"{STEP}s",
            "tests": [{"interval": f"{STEP}s", "input_series": series, **tests}],
        }
        file.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
        command = [self.program, "unittest", f"--files={file}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=self.folder)
        return "" if done.returncode == 0 else done.stdout + done.stderr

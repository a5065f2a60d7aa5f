"""The rules of a worker's metrics, run on attributes as the JMX exporter names them."""

import re
from pathlib import Path

import pytest
import yaml

from components.connect.cluster import METRICS_PORT, RULES
from components.observability import names
from workloads.connect_operator.names import METRICS_PORT as OPERATORS_PORT
from workloads.sidecar.connect.workers import GENERATION, REBALANCING, TASK_COUNT, understood

CONTENT = yaml.safe_load(Path(RULES).read_text(encoding="utf-8"))
CONNECTOR = "strategy-e-blue"
CONSUMER = f"client-id=connector-consumer-{CONNECTOR}-2"
TASK = f"connector={CONNECTOR}, task=2"

# The plan's names that a worker tells, each with the attribute that says it.
OF_THE_PLAN = {
    f"kafka.consumer<type=consumer-fetch-manager-metrics, {CONSUMER}><>records-consumed-rate": (
        names.RECORDS_CONSUMED_RATE
    ),
    f"kafka.consumer<type=consumer-coordinator-metrics, {CONSUMER}><>rebalance-total": names.REBALANCES,
    f"kafka.consumer<type=consumer-coordinator-metrics, {CONSUMER}><>commit-latency-avg": names.COMMIT_LATENCY_MS,
    f"kafka.connect<type=task-error-metrics, {TASK}><>total-record-errors": names.CONSUMER_ERRORS,
}


def sample(attribute: str, value: float = 1.0) -> str:
    """The line that the exporter makes of an attribute: of the first rule that matches; empty for none."""
    for rule in CONTENT["rules"]:
        found = re.search(rule["pattern"], f"{attribute}: {value}")
        if found is None:
            continue

        def filled(text: str, found: re.Match[str] = found) -> str:
            return re.sub(r"\$(\d)", lambda number: found[int(number[1])], text)

        labels = ",".join(f'{name}="{filled(text)}"' for name, text in rule.get("labels", {}).items())
        return f"{filled(rule['name']).lower()}{{{labels}}} {value}\n" if labels else f"{rule['name']} {value}\n"
    return ""


@pytest.mark.parametrize(("attribute", "name"), OF_THE_PLAN.items(), ids=OF_THE_PLAN.values())
def test_the_plans_names_with_their_colour(attribute: str, name: str) -> None:
    assert sample(attribute) == f'{name}{{connector="{CONNECTOR}",color="blue",task="2"}} 1.0\n'


def test_the_agent_sees_what_a_worker_runs() -> None:
    worker = sample("kafka.connect<type=connect-worker-metrics><>task-count", 1)
    balance = "kafka.connect<type=connect-worker-rebalance-metrics><>"
    generation, between = sample(f"{balance}epoch", 5), sample(f"{balance}rebalancing", 1)
    assert [line.split()[0] for line in (worker, generation, between)] == [TASK_COUNT, GENERATION, REBALANCING]
    idle = understood("w", worker + generation, CONNECTOR)
    assert (idle.tasks, idle.problem, idle.generation) == ((), "", 5)
    for attribute in (
        f"kafka.connect<type=connector-task-metrics, {TASK}><>batch-size-avg",
        f"kafka.consumer<type=consumer-metrics, {CONSUMER}><>connection-count",
        *OF_THE_PLAN,
    ):
        assert understood("w", worker + sample(attribute), CONNECTOR).tasks == (2,), attribute
        assert understood("w", worker + sample(attribute), "strategy-e-green").tasks == (), attribute


def test_a_connector_of_any_name_is_seen() -> None:
    """What the agent rests on does not rest on how connectors are called."""
    worker = sample("kafka.connect<type=connect-worker-metrics><>task-count", 1)
    for attribute in (
        "kafka.connect<type=connector-task-metrics, connector=other, task=0><>batch-size-avg",
        "kafka.consumer<type=consumer-metrics, client-id=connector-consumer-other-0><>connection-count",
    ):
        assert understood("w", worker + sample(attribute), "other").tasks == (0,)


def test_every_bean_that_a_rule_is_about_is_read() -> None:
    beans = {re.split(r"[,<]", name)[0] for name in CONTENT["includeObjectNames"]}
    about = {re.sub(r"<type=([\w-]+).*", r":type=\1", rule["pattern"]) for rule in CONTENT["rules"]}
    assert about == beans


def test_the_port_is_the_operators() -> None:
    assert METRICS_PORT == OPERATORS_PORT

"""The one list of metrics' names: what the workloads export, and all that is queried."""

import ast
import re
from pathlib import Path

import yaml

from components.connect.cluster import RULES
from components.observability import names
from experiments.metrics import QUERIES
from tests.support.source import parsed

ROOT = Path(__file__).parents[3]
_METRIC = re.compile(r"(?:bg|kafka)_[a-z0-9_]+[a-z0-9]")
OF_BROKERS = ROOT / "components" / "files" / "kafka" / "jmx-exporter.yaml"
_OF_THE_STORE = {"up"}


def exported() -> set[str]:
    """The metrics' names in the workloads' source: texts that are nothing else; and those in the rules of Connect's
    workers.
    """
    trees = (parsed(path) for path in (ROOT / "workloads").rglob("*.py"))
    texts = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    found = {text for text in texts if isinstance(text, str) and _METRIC.fullmatch(text)}
    return found | {rule["name"] for rule in yaml.safe_load(RULES.read_text(encoding="utf-8"))["rules"]}


def test_every_name_is_one_that_the_workloads_export() -> None:
    assert set(names.METRICS) - exported() == set()
    assert len(set(names.METRICS)) == len(names.METRICS)


def test_every_name_that_a_query_of_the_experiments_uses_is_in_the_list() -> None:
    used = {name for query in QUERIES.values() for name in re.findall(r"([a-z_]+)\{", query)}
    assert used
    of_brokers = {rule["name"] for rule in yaml.safe_load(OF_BROKERS.read_text(encoding="utf-8"))["rules"]}
    assert used - names.series() - of_brokers - _OF_THE_STORE == set()


def test_every_constant_is_in_the_list() -> None:
    named = {value for key, value in vars(names).items() if key.isupper() and isinstance(value, str)}
    assert named == set(names.METRICS)

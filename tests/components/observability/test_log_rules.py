"""The alerts on log lines: each is about one stack, and about lines that our programs write."""

import re

import pytest
import yaml

from components.observability.alerts import LOG_RULES as FILE
from components.observability.log_rules import LOG_RULES, LogRule
from components.observability.rules import RULES
from experiments.run import REPOSITORY

_MESSAGE = re.compile(r'"([^"]+)"')


@pytest.mark.parametrize("rule", LOG_RULES, ids=lambda rule: rule.name)
def test_a_rules_lines_are_written_by_our_programs(rule: LogRule) -> None:
    source = "".join(path.read_text() for path in (REPOSITORY / "workloads").rglob("*.py"))
    messages = _MESSAGE.findall(rule.lines)
    assert messages
    assert [message for message in messages if f'"{message}"' not in source] == []


def test_no_alert_has_the_name_of_another() -> None:
    names = [rule.name for rule in RULES] + [rule.name for rule in LOG_RULES]
    assert len(set(names)) == len(names)


def test_the_file_has_them_for_a_store_of_logs() -> None:
    (group,) = yaml.safe_load(FILE.read_text())["groups"]
    assert group["type"] == "vlogs"
    assert [rule["alert"] for rule in group["rules"]] == [rule.name for rule in LOG_RULES]
    assert all("by (namespace)" in rule["expr"] for rule in group["rules"])

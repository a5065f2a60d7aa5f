"""The alerts' one list: its expressions, and that no rule's silence means that nobody looked."""

import pytest
import yaml

from components.observability import rules
from components.observability.rules import RULES, Rule
from tests.support.promql import faults, selectors

# The names of the plan's design document, with how long each has to hold there.
ASKED = {
    "KafkaConsumerLagHigh": 120,
    "BGSwitchTooLong": 0,
    "GreenConsumerNotRunning": 60,
    "DualActiveConsumers": 5,
    "AllConsumersPaused": 10,
    "PostSwitchLagSpike": 30,
}


def named(rule: Rule) -> str:
    return rule.name


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_rule_is_of_metrics_that_there_are_and_keeps_stacks_apart(rule: Rule) -> None:
    assert faults(rule.expr, one_stack=False) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("max by (namespace) (bg_switch_epochs) > 0", "nobody exports bg_switch_epochs"),
        ("max(bg_switch_epoch) > 0", "adds up stacks"),
        ("sum without (pod) (bg_pods) > 0", "adds up stacks"),
        ("bg_pods and on (color) bg_active_color", "matches stacks with each other"),
        ("max by (namespace) (bg_switch_epoch", "cannot be parsed"),
    ],
)
def test_what_is_wrong_with_a_rule_is_found(planted: str, found: str) -> None:
    assert any(found in fault for fault in faults(planted, one_stack=False))


def test_the_rules_of_the_design_document_are_there_with_their_times() -> None:
    there = {rule.name: rule.seconds for rule in RULES}
    assert {name: there[name] for name in ASKED} == ASKED
    assert len(there) == len(RULES)


def test_a_rule_whose_series_are_missing_has_one_that_is_raised_instead() -> None:
    of = {rule.name: rule for rule in RULES}
    silent = [rule.name for rule in RULES if not rule.unseen]
    assert silent == ["BGSwitchNotReporting"]
    for rule in RULES:
        seen = {rule.name}
        unseen = rule.unseen
        while unseen and of[unseen].unseen != unseen and unseen != rule.name:
            assert unseen not in seen, "rules that wait for each other"
            seen.add(unseen)
            unseen = of[unseen].unseen


def test_no_rule_asks_for_groups_which_strategies_share_or_not() -> None:
    for rule in RULES:
        assert "group)" not in rule.expr
        assert "strategy" not in rule.expr
        assert list(selectors(rule.expr))


def test_the_file_and_the_operators_object_have_the_rules() -> None:
    content = yaml.safe_load(rules.rule_file())
    (group,) = content["groups"]
    assert [(rule["alert"], rule["expr"]) for rule in group["rules"]] == [(rule.name, rule.expr) for rule in RULES]
    for rule in group["rules"]:
        assert "$labels.namespace" in rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"warning", "critical"}
    made = yaml.safe_load(rules.operator_object())
    assert (made["apiVersion"], made["kind"], made["spec"]) == ("monitoring.coreos.com/v1", "PrometheusRule", content)

"""Each alert on log lines, by a real VictoriaLogs and vmalert with the rules and flags that are shipped: raised by a
line that our programs write, for its stack alone, and by none of the lines of a switch.

The lines are a test's; no cluster is needed, but what the sandbox compiles for `--with alerts`.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from components.observability.alerts import LOG_RULES as FILE
from components.observability.log_rules import LOG_RULES
from tests.experiments.logs.samples import OURS, row
from tests.support import vmalert
from tests.support.victorialogs import INSERT, Program
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("victorialogs")]

#: By alert: who writes it, and its line.
LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "UnexpectedErrorLogged": (
        "controller",
        {"message": "turn failed; deciding anew in a second", "level": "error", "stack": "Traceback \u2026"},
    ),
    "RecordsHandledAgain": (
        "consumer",
        {
            "message": "handled, revoked, and not committed: will be handled again",
            "level": "error",
            "offsets": {"0": 5},
        },
    ),
    "LeaseGone": ("controller", {"message": "the Lease is gone", "level": "warning", "epoch": 7}),
    "SettingsNotApplied": (
        "consumer",
        {"message": "the changed settings file is wrong and was not applied", "level": "error", "error": "no"},
    ),
    "RecordLogIncomplete": (
        "consumer",
        {"message": "removed a record log: the bound was hit", "level": "warning", "bytes": 5},
    ),
}


class Place:
    """A log store, and what evaluates the rules on it."""

    def __init__(self, store: Program, evaluator: vmalert.Vmalert) -> None:
        self.store, self.evaluator = store, evaluator

    def says(self, namespace: str, container: str, **told: Any) -> None:
        """A line of a stack's pod, now."""
        told = {"logger": "workloads", "level": "error" if "stack" in told else "info", **told}
        line = json.loads(row(namespace, container, told.pop("message"), **told))
        self.store.post(INSERT, json.dumps({**line, "_time": datetime.now(UTC).isoformat()}).encode())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("log-rules")
    store = Program("victoria-logs", [f"-storageDataPath={folder / 'data'}", "-retentionPeriod=3d"], folder)
    try:
        with vmalert.running(folder, store.url, FILE, asked=store.url) as evaluator:
            yield Place(store, evaluator)
    finally:
        store.close()


def test_every_alert_has_its_line() -> None:
    assert set(LINES) == {rule.name for rule in LOG_RULES}


def test_the_lines_of_switches_raise_none(place: Place) -> None:
    normal = [
        (container, {"message": message, **told}) for lines in OURS.values() for container, _, message, told in lines
    ]
    normal.append(("consumer", {"message": "drained without a commit", "level": "error", "uncommitted": {}}))
    for container, told in normal:
        place.says("strategy-well", container, **told)
    until("the lines to be searchable", lambda: _count(place, "strategy-well") == len(normal))
    # An evaluation that has seen a later line has seen these.
    container, told = LINES["LeaseGone"]
    place.says("strategy-later", container, **told)
    until("an evaluation", lambda: place.evaluator.raised("strategy-later"), 60, 0.5)
    assert place.evaluator.raised("strategy-well") == set()


def _count(place: Place, namespace: str) -> int:
    return place.store.count(f'"kubernetes.pod_namespace":="{namespace}"')


@pytest.mark.parametrize("alert", LINES)
def test_an_alert_is_raised_for_its_stack_alone(place: Place, alert: str) -> None:
    container, told = LINES[alert]
    namespace = f"strategy-{alert.lower()}"
    place.says(namespace, container, **told)
    until("the alert", lambda: place.evaluator.raised(namespace) == {alert}, 60, 0.5)
    assert place.evaluator.raised("strategy-well") == set()

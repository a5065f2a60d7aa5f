"""A run with the platform's logs and alerts, which are brought up for it: what it is told by each, on the real cluster.

It has the cluster to itself: whoever updates the platform meanwhile would take both away.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.observability.log_rules import LOG_RULES
from components.observability.rules import RULES
from experiments.logs.items import ITEMS
from experiments.screenshots import browser
from experiments.screenshots.pictures import FLOW, SWITCH
from tests.support.cluster_use import alone
from tests.support.runs import Run, assert_whole
from tests.support.vmalert import tool

pytestmark = [pytest.mark.e2e, pytest.mark.restarts, pytest.mark.xdist_group("strategy-c")]


@pytest.fixture
def images() -> Iterator[None]:
    """What the sandbox compiles for both, where it is not there yet; the cluster for this test alone."""
    tool()
    with alone():
        yield


def test_a_run_is_told_what_was_said_and_what_was_alerted(images: None, tmp_path: Path) -> None:
    pictures = [] if browser.missing() else ["--screenshots"]
    with Run(
        tmp_path, "c", "--scenario", "1", "--switches", "2", "--with", "logs", "--with", "alerts", *pictures
    ) as run:
        result = assert_whole(run, tmp_path, "1", 2)
    (folder,) = tmp_path.iterdir()
    # The collector is a DaemonSet: what it took from the node's files is what the items are found by.
    assert result.logs is not None
    assert "error" not in result.logs, result.logs
    assert result.logs["not_arrived"] == []
    items = result.logs["after"]["items"]
    assert list(items) == [item.key for item in ITEMS]
    assert {key: said for key, said in items.items() if said["normal"] is False} == {}
    assert all(items[key]["lines"] > 0 for key in ("lifecycle_calls", "assignments", "commits", "lease", "phases"))
    assert result.logs["offset_commits_told"]
    assert items["offset_commits"]["lines"] > 0
    # Somebody looked all the time, and had nothing to say.
    assert result.alerts is not None
    assert "error" not in result.alerts, result.alerts
    assert result.alerts["rules"] == sorted([rule.name for rule in RULES] + [rule.name for rule in LOG_RULES])
    assert result.alerts["fired"] == []
    assert result.measurements["alerts_fired"] == 0
    assert [one.passed for one in result.criteria if one.name == "alerts_fired"] == [True]
    if pictures:
        assert result.screenshots is not None
        assert [one["of"] for one in result.screenshots] == [SWITCH, FLOW]
        for picture in result.screenshots:
            assert (picture["switch"], picture["direction"]) == (1, "blue-green")
            assert (folder / picture["file"]).stat().st_size == picture["bytes"]

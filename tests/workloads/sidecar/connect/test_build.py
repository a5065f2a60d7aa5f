"""An agent, put together: whatever asks at the same time keeps its connection."""

import contextlib
import logging
import threading
from typing import Any

import pytest

from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from workloads.common.kube import Access, Kube
from workloads.sidecar.connect.agent import AgentWay
from workloads.sidecar.connect.build import ASKING, build
from workloads.sidecar.connect.settings import ConnectSettings
from workloads.sidecar.subject import NoAnswerError

SETTINGS: dict[str, Any] = {
    "own": {"name": "green", "workers": "app=green"},
    "other": {"name": "blue", "workers": "app=blue"},
    "bootstrap_servers": "127.0.0.1:1",
    "topic": "t",
    "partitions": 12,
}


@pytest.mark.parametrize("own", [{"control": "strimzi"}, {"control": "rest", "config": {"topics": "t"}}])
def test_everybody_who_asks_keeps_a_connection(
    own: dict[str, Any], api: FakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ConnectSettings.model_validate({**SETTINGS, **own})
    agent = build(settings, Kube(Access(api.url), "test"), namespace="n", color="green", pod="p", version="1")
    asked = "kafkaconnectors/green" if own["control"] == "strimzi" else "/pods"

    def ask() -> None:
        with contextlib.suppress(NoAnswerError):
            AgentWay(agent).status(10)

    with caplog.at_level(logging.WARNING, logger="urllib3"):
        api.silent = True
        threads = [threading.Thread(target=ask) for _ in range(ASKING)]
        for thread in threads:
            thread.start()
        until("all have asked", lambda: api.count("GET", asked) >= ASKING)
        api.silent = False
        for thread in threads:
            thread.join(10)
    assert [record.getMessage() for record in caplog.records if "pool is full" in record.getMessage()] == []

"""The switch page on one's own machine: its process on a stand-in API server, what the proxy lets through, and what is
drawn.
"""

import argparse
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import urllib3

from experiments import local_page, watch
from experiments.errors import ExperimentError
from experiments.watch_view import rendered, summary
from tests.support.fake_kube import FakeApi
from tests.support.page_world import NAMESPACE, Store, World, past
from workloads.common.states import Color


@pytest.fixture
def world() -> Iterator[World]:
    api = FakeApi()
    yield World(api)
    api.close()


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


class Output(io.StringIO):
    """A terminal of one's own that somebody leaves after some lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.left = lines

    def flush(self) -> None:
        self.left -= 1
        if self.left <= 0:
            raise KeyboardInterrupt


def test_the_pages_own_process_tells_a_switch_line_by_line(world: World, ends: ExitStack, tmp_path: Path) -> None:
    world.begin()
    store = Store()
    ends.callback(store.close)
    page = local_page.page(ends, tmp_path, NAMESPACE, 0, local_page.Way(world.api.url, store.url, ""))
    told = watch.told(page)
    event, state = next((e, s) for e, s in told if e == "state" and s["switch"] and s["colors"][1]["pods"])
    assert (event, state["switch"]["active"]) == ("state", "blue")
    assert next(said for e, said in told if e == "figures" and said)[-1]["lag"]["blue"] > 0
    world.asks("green")
    world.withdrawn()
    assert next(s for e, s in told if e == "state" and s["switch"]["epoch"] == 3)["switch"]["phase"] == "Pausing"


def test_a_name_that_leads_to_this_machine_is_not_answered(world: World, ends: ExitStack, tmp_path: Path) -> None:
    """A page of another origin could have its own name lead here, and read what is its own origin's then."""
    page = local_page.page(ends, tmp_path, NAMESPACE, 0, local_page.Way(world.api.url, "", ""))
    asked = {
        host: urllib3.request("GET", f"{page}/state", headers={"Host": host}, retries=False).status
        for host in ("127.0.0.1", "localhost:8090", "evil.example", "evil.example:8090", "[::1", "")
    }
    assert asked == {
        "127.0.0.1": 200,
        "localhost:8090": 200,
        "evil.example": 403,
        "evil.example:8090": 403,
        "[::1": 403,
        "": 403,
    }


def test_a_page_that_is_gone_is_said(world: World, tmp_path: Path) -> None:
    with ExitStack() as ends:
        told = watch.told(local_page.page(ends, tmp_path, NAMESPACE, 0, local_page.Way(world.api.url, "", "")))
        next(told)
    with pytest.raises(ExperimentError, match="tells nothing any more"):
        list(told)


def test_a_page_that_cannot_start_says_why(world: World, ends: ExitStack, tmp_path: Path) -> None:
    taken = int(world.api.url.rpartition(":")[2])
    with pytest.raises(ExperimentError, match=r"the page did not start \(it ended with 1\): .*cannot listen"):
        local_page.page(ends, tmp_path, NAMESPACE, taken, local_page.Way(world.api.url, "", ""))


def test_a_machine_without_kubectl_is_told_what_to_do(
    ends: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExperimentError, match="kubectl is not on PATH"):
        local_page.proxy(ends, tmp_path, NAMESPACE)


def test_the_proxy_lets_nothing_through_but_what_the_page_reads() -> None:
    patterns = [re.compile(text) for text in local_page.accepted("strategy-c").split(",")]
    pods = "/api/v1/namespaces/strategy-c/pods"
    store = "/api/v1/namespaces/kafka-bluegreen/services/victoriametrics:8428/proxy"
    passes = {
        "/apis/kafka-bluegreen.io/v1alpha1/namespaces/strategy-c/kafkaconsumerswitches",
        "/apis/coordination.k8s.io/v1/namespaces/strategy-c/leases",
        pods,
        f"{pods}/consumer-blue-0:8082/proxy/report",
        *(f"{store}/api/v1/{name}" for name in ("query", "query_range", "rules")),
    }
    stays = {
        "/api/v1/namespaces/strategy-c/secrets",
        "/api/v1/namespaces/other/pods",
        f"{pods}/consumer-blue-0/exec",
        f"{pods}/consumer-blue-0:8081/proxy/lifecycle/pause",
        f"{pods}/consumer-blue-0:8082/proxy/report/x",
        f"/x{pods}",
        f"{store}/api/v1/admin/tsdb/delete_series",
        "/apis/kafka-bluegreen-io/v1alpha1/namespaces/strategy-c/kafkaconsumerswitches",
    }
    for path in passes | stays:
        assert any(pattern.search(path) for pattern in patterns) == (path in passes), path


def test_a_line_is_printed_for_each_change_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = state(), state(switch={**SWITCH, "epoch": 4})
    told = [("state", first), ("figures", []), ("state", first), ("state", second)]
    monkeypatch.setattr(watch, "told", lambda _: iter(told))
    output = io.StringIO()
    watch.follow("http://page", output, drawn=False)
    assert [line.split("; ")[0] for line in output.getvalue().splitlines()] == [
        *("Ready: blue is active, epoch 2", "Ready: blue is active, epoch 4")
    ]


def test_the_terminal_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "told", lambda _: iter([("state", state()), ("state", state())]))
    output = Output(2)
    with pytest.raises(KeyboardInterrupt):
        watch.follow("http://page", output, drawn=True)
    assert output.getvalue().startswith(watch._OTHER_SCREEN)
    assert output.getvalue().endswith(watch._OWN_SCREEN)
    assert "blue is active" in output.getvalue()


@pytest.mark.parametrize("text", ["-1", "65536", "http", ""])
def test_a_port_that_is_none_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="0 to 65535"):
        watch._port(text)


# -- what is drawn -----------------------------------------------------------------------------------------------------

SWITCH: dict[str, Any] = {
    "active": "blue",
    "wanted": "blue",
    "lastHolder": "blue",
    "lease": "there",
    "stage": "done",
    "phase": "Ready",
    "phaseSeconds": 3.0,
    "epoch": 2,
    "generation": 1,
    "settled": {"status": "True", "reason": "Switched", "message": ""},
    "ready": {"status": "True", "reason": "Switched", "message": ""},
    "problem": "",
}
POD = {"name": "consumer-blue-0", "state": "ACTIVE", "epoch": 2, "partitions": [0], "ready": True, "going": False}
COLOR = {"color": "blue", "role": "active", "version": "1.4.0", "image": "app:1.4.0", "ready": 1, "replicas": 1}


def state(**changed: Any) -> dict[str, Any]:
    colors = [{**COLOR, "pods": [{**POD, "obstacle": ""}]}]
    found = {
        "namespace": NAMESPACE,
        "read": True,
        "lostSeconds": None,
        "switch": SWITCH,
        "colors": colors,
        "handoff": None,
        "history": [],
        "alerts": {"configured": False, "alerts": []},
        "figuresProblem": "",
    }
    return {**found, **changed}


POINT = {"lag": {"blue": 12.0}, "rate": {"blue": 99.5}, "partitions": {"blue": [0.0, 2.0, 10.0, None]}}


def drawn(points: list[Any], **changed: Any) -> str:
    return "\n".join(rendered(state(**changed), points, 100, colored=False))


def test_a_pair_at_rest_is_drawn_with_its_figures() -> None:
    text = drawn([POINT], history=[past(3)])
    assert "blue is active" in text
    assert "done: Ready for 3.0 s, epoch 2, generation 1, outcome Switched" in text
    assert "blue active, version 1.4.0, 1 of 1 ready, lag 12, 99.5 records/s" in text
    assert "consumer-blue-0          ACTIVE      epoch 2     1 partitions" in text
    assert "lag by partition, 0 to 3, darkest 10" in text
    assert " ░█?" in text
    assert "blue to green: Switched in 58 ms, by pulumi-kubernetes-1f0c" in text


def test_a_hand_off_under_way_is_drawn_step_by_step() -> None:
    steps = [
        {"ms": 0.0, "what": "withdrawn", "who": "blue", "color": "blue", "epoch": 3},
        {"ms": 10.25, "what": "paused", "who": "consumer-blue-0", "color": "blue", "epoch": 3},
    ]
    handoff = {"from": "blue", "to": "", "running": True, "outcome": "", "steps": steps}
    moving = {**SWITCH, "active": "green", "wanted": "green", "stage": "switching", "phase": "Resuming"}
    text = drawn([], handoff=handoff, switch=moving)
    assert "hand-off blue to …: under way" in text
    assert "10.2 ms  consumer-blue-0 is PAUSED" in text
    assert "green is taking over" in text


def test_what_is_wrong_is_drawn() -> None:
    pod = {**POD, "state": "Unreachable", "ready": False, "obstacle": "OffsetOutOfRange", "going": True}
    unready = {**SWITCH, "active": "", "lease": "missing", "problem": "Lease unreadable"}
    unready["ready"] = {"status": "False", "reason": "NotOwned", "message": "partition 3"}
    text = drawn(
        [],
        lostSeconds=7.4,
        switch=unready,
        colors=[{**COLOR, "pods": [pod]}],
        figuresProblem="no figures: away",
        alerts={"configured": True, "alerts": [{"name": "DualActiveConsumers", "state": "firing"}]},
    )
    for said in (
        *("has not answered for 7 s", "nobody is active, lease missing", "not ready: NotOwned: partition 3"),
        *("Unreachable", "not Ready; OffsetOutOfRange; ", "no figures: away", "alerts: DualActiveConsumers"),
        "Lease unreadable",
    ):
        assert said in text


def test_nothing_is_drawn_of_what_is_not_there() -> None:
    assert "pulumi up -s strategy-x" in drawn([], switch=None)
    assert "reading" in drawn([], switch=None, read=False)
    assert (summary(state(switch=None)), summary(state(switch=None, read=False))) == ("no switch", "reading")
    assert "none fires" in drawn([], alerts={"configured": True, "alerts": []})


def test_no_line_is_wider_than_the_terminal_and_colours_are_whole() -> None:
    lines = rendered(state(), [{**POINT, "partitions": {"blue": [1.0] * 200}}], 40)
    plain = [re.sub("\x1b\\[[0-9]+m", "", line) for line in lines]
    assert max(map(len, plain)) <= 40
    assert all(line.endswith("\x1b[0m") for line in lines if "\x1b[" in line)
    assert summary(state()) == "Ready: blue is active, epoch 2; blue ACTIVE"
    assert str(Color.BLUE) in "".join(plain)

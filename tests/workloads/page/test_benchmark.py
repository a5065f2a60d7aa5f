"""What the page's benchmark says of the times that it took."""

import argparse
import json
import threading
from pathlib import Path

import pytest
import yaml

from tests.support.fake_kube import FakeApi
from tests.support.page_world import NAMESPACE, SWITCH, World, switch
from workloads.common.states import Color
from workloads.page.benchmark import KEPT, MISSED, even, main, summed_up


def test_a_change_is_late_by_the_time_from_its_writing_to_its_hearing() -> None:
    written = {2: 1.0, 3: 10.0, 4: 10.02, 5: 20.0, 6: 20.03}
    heard = {2: 5.0, 3: 10.010, 4: 10.060, 6: 20.040}
    found = summed_up(written, heard, 2)
    assert (found["changes"], found["not_heard"]) == (3, 1)
    assert found["milliseconds"] == {"median": 10.0, "p95": 10.0, "worst": 40.0}
    assert found["criteria"] == [{"name": "heard_ms_worst", "limit": "< 200 ms", "measured": 40.0, "passed": True}]


def test_one_change_that_is_late_misses_it() -> None:
    found = summed_up({3: 1.0, 4: 2.0}, {3: 1.01, 4: 2.2001}, 2)
    assert found["criteria"][0]["passed"] is False


def test_without_a_change_nothing_was_measured() -> None:
    with pytest.raises(ValueError, match="of 1 changes of the Lease none was heard of"):
        summed_up({2: 1.0, 3: 2.0}, {2: 1.0}, 2)


@pytest.mark.parametrize("text", ["0", "3", "-2"])
def test_a_stack_is_left_as_it_was(text: str) -> None:
    assert even("4") == 4
    with pytest.raises(argparse.ArgumentTypeError, match="even number"):
        even(text)


class Controller:
    """Switches the stand-in's pair as it is asked to, until `close`."""

    def __init__(self, world: World) -> None:
        self._world, self._done = world, threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        world = self._world
        while not self._done.is_set():
            with world.api.lock:
                world.api.lock.wait_for(lambda: self._done.is_set() or self._asked() != world.grant.holder, 30)
            if self._done.is_set():
                return
            target = Color(self._asked())
            world.generation += 1
            world.withdrawn()
            for ordinal in range(3):
                world.paused(ordinal)
            world.granted(target)
            for ordinal in range(3):
                world.active(ordinal)
            world.ended()
            world.says(switch(target, world.generation))

    def _asked(self) -> str:
        return str(self._world.api.objects[SWITCH]["spec"]["active"])

    def close(self) -> None:
        self._done.set()
        with self._world.api.lock:
            self._world.api.lock.notify_all()
        self._thread.join(30)


def test_it_switches_there_and_back_and_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the page's own process, on a stand-in API server."""
    api = FakeApi()
    world = World(api)
    world.begin()
    named = {"name": "there"}
    kubeconfig = {
        "clusters": [{**named, "cluster": {"server": api.url}}],
        "users": [{**named, "user": {"token": "secret"}}],
        "contexts": [{**named, "context": {"cluster": "there", "user": "there"}}],
        "current-context": "there",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    controller = Controller(world)
    try:
        code = main(["--namespace", NAMESPACE, "--switches", "4"])
    finally:
        controller.close()
        api.close()
    found = json.loads(capfd.readouterr().out)
    assert found["switches"] == 4
    assert found["changes"] + found["not_heard"] == 8, "a grant is withdrawn, and given, in each"
    assert found["changes"] >= 4
    assert code == (KEPT if found["milliseconds"]["worst"] < 200 else MISSED)
    assert world.grant.holder is Color.BLUE

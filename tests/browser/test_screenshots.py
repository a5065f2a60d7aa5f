"""A run's camera, with a real browser and a stand-in cluster: what it takes, of which moment, and what it costs."""

import hashlib
import io
from pathlib import Path

import pytest

from experiments.measurements import SwitchRecord
from experiments.progress import Progress
from experiments.screenshots.camera import Camera
from experiments.screenshots.pictures import EPOCH, MOST_BYTES, RUN, Moment, Shown, wrong_with
from experiments.screenshots.png import size_of, text_of
from tests.browser.conftest import Site
from tests.support.page_world import past
from tests.support.samples import result
from tests.support.waiting import until
from workloads.common.states import Color


def switched(site: Site, to: Color = Color.GREEN) -> None:
    """A whole switch, as quick as the stand-in can."""
    site.world.asks(str(to))
    site.world.withdrawn()
    for ordinal in range(3):
        site.world.paused(ordinal)
    site.world.granted(to)
    for ordinal in range(3):
        site.world.active(ordinal)
    site.world.ended()


def test_the_middle_of_the_first_switch_is_taken_and_stands_still(site: Site, tmp_path: Path) -> None:
    said = io.StringIO()
    site.world.begin(history=[past(number) for number in range(20)])
    camera = Camera(f"http://127.0.0.1:{site.port}", "run-1", Progress(said))
    camera.start()
    switched(site)
    until("both pictures", lambda: len(camera._taken) == 2, 20, 0.05)
    camera.stop()
    site.world.asks("blue")  # nobody looks on any more
    (_, _, shown), (_, _, again) = camera._taken
    assert again is shown
    switch = SwitchRecord("blue", "green", shown.at - 0.5, 2.0, None)
    earlier = SwitchRecord("green", "blue", shown.at - 9.0, 2.0, None)
    picture, below = camera.developed(tmp_path, [earlier, switch])
    assert (picture.of, below.of) == ("switch page", "switch page, its flow")
    assert size_of((tmp_path / below.file).read_bytes())[1] > 300
    content = (tmp_path / picture.file).read_bytes()
    assert (picture.switch, picture.direction, picture.after_command_seconds) == (2, "blue-green", 0.5)
    assert (picture.epoch, picture.active) == (4, "green")
    assert picture.sha256 == hashlib.sha256(content).hexdigest()
    assert len(content) == picture.bytes <= MOST_BYTES
    assert (text_of(content)[RUN], text_of(content)[EPOCH]) == ("run-1", "4")
    assert size_of(content)[0] == 960
    assert said.getvalue() == ""


def test_a_switch_that_was_under_way_before_is_not_taken_for_the_runs(site: Site, tmp_path: Path) -> None:
    site.world.begin()
    site.world.asks("green")
    site.world.withdrawn()
    said = io.StringIO()
    camera = Camera(f"http://127.0.0.1:{site.port}", "run-1", Progress(said))
    camera.start()
    site.world.granted(Color.GREEN)
    for ordinal in range(3):
        site.world.active(ordinal)
    site.world.ended()
    assert camera.developed(tmp_path, []) == []
    assert said.getvalue().endswith("] no screenshot was taken\n")
    assert len(said.getvalue().splitlines()) == 1
    assert wrong_with(tmp_path, result(screenshots=[])) == []


def test_a_page_that_is_not_there_costs_the_picture_alone(tmp_path: Path) -> None:
    said = io.StringIO()
    camera = Camera("http://127.0.0.1:9", "run-1", Progress(said))
    camera.start()
    assert camera.developed(tmp_path, []) == []
    assert "no screenshot: " in said.getvalue()


def test_a_picture_that_no_height_makes_small_enough_is_not_kept(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.screenshots.camera.MOST_BYTES", 1004)
    said = io.StringIO()
    site.world.begin()
    camera = Camera(f"http://127.0.0.1:{site.port}", "run-1", Progress(said))
    camera.start()
    switched(site)
    camera._thread.join(30)
    assert camera.developed(tmp_path, []) == []
    assert "more than 1004 bytes" in said.getvalue()


def looked_at(site: Site, moment: Moment) -> Camera:
    """A camera that waits for a moment of what begins now, with blue active."""
    site.world.begin()
    camera = Camera(f"http://127.0.0.1:{site.port}", "run-1", Progress(io.StringIO()), moment)
    camera.start()
    return camera


def taken(camera: Camera) -> Shown:
    """What it took."""
    until("the pictures", lambda: len(camera._taken) == 2, 20, 0.05)
    camera.stop()
    return camera._taken[0][2]


def test_the_way_back_is_taken_and_not_the_way_there(site: Site) -> None:
    camera = looked_at(site, "back")
    switched(site)
    switched(site, Color.BLUE)
    shown = taken(camera)
    assert (shown.active, shown.epoch) == ("blue", 6)


def test_a_switch_that_waits_is_taken_before_it_is_granted(site: Site) -> None:
    camera = looked_at(site, "waiting")
    site.world.asks("green", phase="WaitingForLag", observedGeneration=2)
    shown = taken(camera)
    assert (shown.phase, shown.active, shown.epoch) == ("WaitingForLag", "blue", 2)


def test_a_switch_that_is_taken_back_is_taken_on_its_way_or_at_its_end(site: Site) -> None:
    camera = looked_at(site, "taken back")
    switched(site)
    assert not camera._taken
    switched(site, Color.BLUE)
    assert taken(camera).active == "blue"

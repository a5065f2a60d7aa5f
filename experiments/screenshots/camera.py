"""Photographs the switch page at one moment of a run, the switch and what flows in two pictures, and gets out of its
way.

The browser is up before anything is measured, looks on from a thread of its own, and is closed as soon as it has its
pictures: the switches after that have the machine to themselves. What fails costs the pictures, never the run.
"""

import json
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import local_page
from experiments.errors import ExperimentError
from experiments.measurements import SwitchRecord
from experiments.progress import Progress
from experiments.screenshots import browser
from experiments.screenshots.pictures import FLOW, FOLDER, MOST_BYTES, SWITCH, Moment, Picture, Shown, told, words
from experiments.screenshots.png import with_text

if TYPE_CHECKING:
    from playwright.sync_api import Page

_HOLD = Path(__file__).with_name("hold.js")
_WIDTH = 960
#: Of a picture: the tallest that is small enough.
_HEIGHTS = (1400, 1000, 760, 560)
# What the page says by its elements: it lets nobody evaluate a text.
_LIVE, _HELD, _SHOWN = "#connection[data-state=live]", "html[data-shown]", "data-shown"
_MAIN, _FLOW = "main", "section[aria-labelledby=flow-title]"
_START_SECONDS, _END_SECONDS = 60.0, 20.0
_LOOK_MS = 1000.0
_WORDS_BYTES = 1000


class Camera:
    """Photographs the page at an address, once. run: whose pictures they are. progress: where a failure is said."""

    def __init__(self, address: str, run: str, progress: Progress, moment: Moment = "granted") -> None:
        self._address, self._run, self._progress, self._moment = address, run, progress, moment
        self._looking, self._enough = threading.Event(), threading.Event()
        self._taken: list[tuple[str, bytes, Shown]] = []
        self._thread = threading.Thread(target=self._work, name="camera", daemon=True)

    def start(self) -> None:
        """Returns when it looks on, or has failed to."""
        self._thread.start()
        if not self._looking.wait(_START_SECONDS):
            self._failed(f"no browser after {_START_SECONDS:g} s")
            self._enough.set()

    def stop(self) -> None:
        """Returns when its browser is closed."""
        self._enough.set()
        self._thread.join(_END_SECONDS)

    def developed(self, folder: Path, switches: Sequence[SwitchRecord]) -> list[Picture]:
        """Write what was taken below a run's folder. switches: those of the run."""
        self.stop()
        found = []
        for number, (of, content, shown) in enumerate(self._taken, 1):
            name = f"switch-page-{number}.png"
            (folder / FOLDER).mkdir(exist_ok=True)
            (folder / FOLDER / name).write_bytes(content)
            found.append(told(name, content, shown, switches, of))
        if not found:
            self._progress.say("no screenshot was taken")
        return found

    def _work(self) -> None:
        try:
            with browser.launched() as launched:
                page = launched.new_page(viewport={"width": _WIDTH, "height": _HEIGHTS[0]}, color_scheme="light")
                page.add_init_script(f"window.bluegreenMoment = {json.dumps(self._moment)};\n{_HOLD.read_text()}")
                page.goto(f"{self._address}/")
                page.locator(_LIVE).wait_for(timeout=_START_SECONDS * 1000)
                self._looking.set()
                while not self._enough.is_set():
                    if (said := _held(page)) is not None:
                        shown = Shown.of(said)
                        edge, _ = _reach(page, _FLOW)
                        _, end = _reach(page, _MAIN)
                        for of, top, bottom in ((SWITCH, 0.0, edge), (FLOW, edge, end)):
                            content = with_text(_photographed(page, top, bottom), words(self._run, shown))
                            self._taken.append((of, content, shown))
                        return
        except Exception as error:  # noqa: BLE001 - whatever a browser fails by, the run goes on
            if not self._enough.is_set():
                self._failed(" ".join(str(error).split())[:300])
        finally:
            self._looking.set()

    def _failed(self, why: str) -> None:
        self._progress.say(f"no screenshot: {why}")


def _held(page: "Page") -> dict[str, Any] | None:
    """What the page stands still at; None if it does not within a second."""
    from playwright.sync_api import TimeoutError as NotYet  # noqa: PLC0415 - not every machine has it

    try:
        page.locator(_HELD).wait_for(state="attached", timeout=_LOOK_MS)
    except NotYet:
        return None
    found: dict[str, Any] = json.loads(page.locator(_HELD).get_attribute(_SHOWN) or "")
    return found


def _reach(page: "Page", selector: str) -> tuple[float, float]:
    """From where to where an element reaches, in pixels from the page's top. Raises ValueError."""
    box = page.locator(selector).bounding_box()
    if box is None:
        raise ValueError(f"the page shows no {selector}")
    return float(box["y"]), float(box["y"] + box["height"])


def _photographed(page: "Page", top: float, bottom: float) -> bytes:
    """That part of the page, in pixels from its top, as far as a picture may go. Raises ValueError where none is small
    enough.
    """
    for height in _HEIGHTS:
        clip: Any = {"x": 0, "y": top, "width": _WIDTH, "height": min(bottom - top, height)}
        content: bytes = page.screenshot(type="png", animations="disabled", full_page=True, clip=clip)
        if len(content) <= MOST_BYTES - _WORDS_BYTES:
            return content
    raise ValueError(f"each picture has more than {MOST_BYTES} bytes")


@contextmanager
def taking(
    namespace: str, run: str, progress: Progress, *, wanted: bool, moment: Moment = "granted"
) -> Iterator[Camera | None]:
    """Photograph a stack's switch page meanwhile; None if that is not wanted."""
    if not wanted:
        yield None
        return
    with ExitStack() as ends:
        camera = None
        try:
            with progress.step("a browser for the screenshot"):
                folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
                kube = local_page.proxy(ends, folder, namespace)
                way = local_page.Way(kube, f"{kube}{local_page.METRICS}", "")
                address = local_page.page(ends, folder, namespace, 0, way)
                camera = Camera(address, run, progress, moment)
                camera.start()
                ends.callback(camera.stop)
        except (ExperimentError, OSError) as error:  # also of a machine that begins no process any more
            progress.say(f"no screenshot: {error}")
        yield camera

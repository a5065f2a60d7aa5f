"""Takes a picture of the switch page in the middle of a run's first switch, and gets out of its way.

The browser is up before anything is measured, looks on from a thread of its own, and is closed as soon as it has its
picture: the switches after that have the machine to themselves. What fails costs the picture, never the run.
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
from experiments.screenshots.pictures import FOLDER, MOST_BYTES, Picture, Shown, told, words
from experiments.screenshots.png import with_text

if TYPE_CHECKING:
    from playwright.sync_api import Page

_HOLD = Path(__file__).with_name("hold.js")
_WIDTH = 960
#: Of the window, from the top of the page: the tallest whose picture is small enough.
_HEIGHTS = (1000, 760, 560)
# What the page says by its elements: it lets nobody evaluate a text.
_LIVE, _HELD, _SHOWN = "#connection[data-state=live]", "html[data-shown]", "data-shown"
_START_SECONDS, _END_SECONDS = 60.0, 20.0
_LOOK_MS = 1000.0
_WORDS_BYTES = 1000


class Camera:
    """Photographs the page at an address, once. run: whose picture it is. progress: where a failure is said."""

    def __init__(self, address: str, run: str, progress: Progress) -> None:
        self._address, self._run, self._progress = address, run, progress
        self._looking, self._enough = threading.Event(), threading.Event()
        self._taken: list[tuple[bytes, Shown]] = []
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
        for number, (content, shown) in enumerate(self._taken, 1):
            name = f"switch-page-{number}.png"
            (folder / FOLDER).mkdir(exist_ok=True)
            (folder / FOLDER / name).write_bytes(content)
            found.append(told(name, content, shown, switches))
        if not found:
            self._progress.say("no screenshot was taken")
        return found

    def _work(self) -> None:
        try:
            with browser.launched() as launched:
                page = launched.new_page(viewport={"width": _WIDTH, "height": _HEIGHTS[0]}, color_scheme="light")
                page.add_init_script(path=_HOLD)
                page.goto(f"{self._address}/")
                page.locator(_LIVE).wait_for(timeout=_START_SECONDS * 1000)
                self._looking.set()
                while not self._enough.is_set():
                    if (said := _held(page)) is not None:
                        shown = Shown.of(said)
                        self._taken.append((with_text(_photographed(page), words(self._run, shown)), shown))
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


def _photographed(page: "Page") -> bytes:
    """Raises ValueError where none is small enough."""
    for height in _HEIGHTS:
        page.set_viewport_size({"width": _WIDTH, "height": height})
        content: bytes = page.screenshot(type="png", animations="disabled")
        if len(content) <= MOST_BYTES - _WORDS_BYTES:
            return content
    raise ValueError(f"each picture has more than {MOST_BYTES} bytes")


@contextmanager
def taking(namespace: str, run: str, progress: Progress, *, wanted: bool) -> Iterator[Camera | None]:
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
                camera = Camera(address, run, progress)
                camera.start()
                ends.callback(camera.stop)
        except (ExperimentError, OSError) as error:  # also of a machine that begins no process any more
            progress.say(f"no screenshot: {error}")
        yield camera

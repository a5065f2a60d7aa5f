"""A real browser without a window: Debian's chromium, driven by playwright, if both are there."""

import importlib.util
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Names another browser of the same kind.
VARIABLE = "CHROMIUM"
_NICE = 19
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str:
    """What is not there, and what installs it; empty when all is."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: make browser"
    return "" if program() else f"there is no {' or '.join(_NAMES)}: make browser, or name one in {VARIABLE}"


def program() -> str | None:
    """The browser's program."""
    named = [os.environ[VARIABLE]] if os.environ.get(VARIABLE) else _NAMES
    return next((found for name in named if (found := shutil.which(name))), None)


def _yielding(file: Path) -> Path:
    """The browser's program as one that everybody else goes before: what it looks at is being measured."""
    file.write_text(f'#!/bin/sh\nexec nice -n {_NICE} {shlex.quote(program() or _NAMES[0])} "$@"\n', encoding="utf-8")
    file.chmod(0o700)
    return file


@contextmanager
def launched() -> Iterator["Browser"]:
    """The browser, within the block; playwright's own errors. It belongs to the thread that launched it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not every machine has it

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_yielding(Path(folder) / "browser"),
            # Its own sandbox takes rights that a container, and root, have not; what it loads is this project's.
            args=["--no-sandbox"],
            # A signal is the run's to handle: it closes what it opened.
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
        try:
            yield browser
        finally:
            browser.close()

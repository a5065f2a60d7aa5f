"""Notices that a settings file has changed while the process runs, as a ConfigMap's file does in a running pod."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from workloads.common.logs import fields
from workloads.common.settings import SettingsError

logger = logging.getLogger(__name__)

S = TypeVar("S")


class Reloader(Generic[S]):
    """Looks at the file when asked, at most once every `seconds`, and loads it when its content is another one."""

    def __init__(self, path: Path, load: Callable[[], S], seconds: float = 1.0) -> None:
        self._path = path
        self._load = load
        self._seconds = seconds
        self._next = 0.0
        self._content = self._read()

    def changed(self, now: float) -> S | None:
        """New settings, or None. A file that is wrong is logged and changes nothing. `now`: monotonic seconds."""
        if now < self._next:
            return None
        self._next = now + self._seconds
        content = self._read()
        if content == self._content or content is None:
            return None
        self._content = content
        try:
            return self._load()
        except SettingsError as error:
            logger.error("the changed settings file is wrong and was not applied", extra=fields(error=str(error)))
            return None

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None

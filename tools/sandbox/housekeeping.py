"""Keeps the cache from growing for ever. All of it can be made again, under the hash of what it is made of."""

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

KEEP_DAYS = 30


def mark(paths: Iterable[Path]) -> None:
    """Note, by their modification time, that these are in use."""
    for path in paths:
        if path.exists():
            os.utime(path)


def sweep(folder: Path, days: float = KEEP_DAYS) -> None:
    """Delete what lies directly in ``folder`` and has not been marked for so long.

    Whoever is about to use it marked it lately, or makes it again; a lock file that old is held by nobody who works.
    """
    if not folder.exists():
        return
    limit = time.time() - days * 86400
    for path in folder.iterdir():
        if path.lstat().st_mtime >= limit:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

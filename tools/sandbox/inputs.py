"""What comes from outside the checkout: fetched or made once, kept in the cache under the hash of what it is."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.sandbox.locks import locked
from tools.sandbox.paths import Layout


@dataclass(frozen=True)
class Input:
    """A file or folder that comes from outside the checkout.

    ``identity`` says what it is, ``path`` where it is, making it first if need be.
    """

    identity: str
    path: Callable[[], Path]
    kept: Path | None = None  # its place in the cache, if it is kept there by itself


def cached(layout: Layout, name: str, identity: str, make: Callable[[Path], None]) -> Input:
    """An input that ``make`` makes at the path that it is given, once; kept by the hash of its identity.

    Several commands may ask at once: one makes it, the others wait. What was interrupted is made anew.
    """
    key = f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    path = layout.images / "inputs" / key

    def find() -> Path:
        if not path.exists():
            with locked(path.with_name(f".{key}.lock")):
                if not path.exists():
                    partial = path.with_name(f".{key}.partial")
                    _remove(partial)
                    make(partial)
                    partial.rename(path)
        return path

    return Input(identity, find, path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

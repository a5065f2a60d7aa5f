"""The project's own source as trees."""

import ast
import gc
from pathlib import Path


def parsed(path: Path) -> ast.Module:
    """The module in this file.

    No garbage is collected meanwhile: a Future that nobody asked may be in it, which is told with its traceback then,
    and that is drawn with trees of its own. Python 3.11 takes the one within the other for an error of the parser
    (python/cpython#106905).
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        if collects:
            gc.enable()

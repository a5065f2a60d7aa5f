"""What a package says of itself is so: each of its threads and modules is named, and no module that is not there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source import parsed

ROOT = Path(__file__).parents[1]
#: A package's program and itself: nobody asks where those are.
UNSAID = {"__init__", "__main__"}
#: What names a module in a text: `name.py`, or `name.Class`.
NAMED = re.compile(r"`([a-z_][a-z_0-9]*(?:\.[a-z_][a-z_0-9]*)*)\.(?:py|[A-Z]\w+)`")
#: The first column of a table of modules.
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \|", re.MULTILINE)


def _packages(top: str) -> list[Path]:
    return sorted(path.parent for path in (ROOT / top).rglob("__init__.py"))


def _id(package: Path) -> str:
    return str(package.relative_to(ROOT))


def _said(package: Path) -> str:
    return ast.get_docstring(parsed(package / "__init__.py")) or ""


def _modules(package: Path) -> set[str]:
    files = {path.stem for path in package.glob("*.py")}
    return files | {path.parent.name for path in package.glob("*/__init__.py")}


def _threads(package: Path) -> Iterator[tuple[str, str]]:
    """(its name, or what that begins with, where it is made) of each thread that the package's modules make."""
    for path in sorted(package.glob("*.py")):
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).rpartition(".")[2]
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            name = given.get("name" if called == "Thread" else "thread_name_prefix")
            if called in {"Thread", "ThreadPoolExecutor"} and name is not None:
                text = name.values[0] if isinstance(name, ast.JoinedStr) else name
                assert isinstance(text, ast.Constant), f"{path}: {ast.unparse(node)}"
                yield str(text.value), f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("package", [p for top in ("workloads", "experiments") for p in _packages(top)], ids=_id)
def test_each_thread_is_named_where_its_package_says_who_owns_what(package: Path) -> None:
    first_cells = re.findall(r"^\| ([^|]+) \|", _said(package), re.MULTILINE)
    said = [part.strip("` ") for cell in first_cells for part in re.split(r"[,:]", cell)]
    assert not [(name, at) for name, at in _threads(package) if not any(_is_of(name, part) for part in said)]


def _is_of(name: str, part: str) -> bool:
    """A name that goes on as somebody else's (`listen-<address>`) is told by how it begins."""
    return part.startswith(name) if name.endswith(("-", " ")) else part == name


@pytest.mark.parametrize("package", _packages("workloads")[1:], ids=_id)
def test_each_module_is_named(package: Path) -> None:
    said = set(re.findall(r"`([\w./]+)`", _said(package)))
    words = {word.removesuffix(".py").partition(".")[0] for word in said}
    assert not _modules(package) - UNSAID - words


@pytest.mark.parametrize("package", _packages("workloads")[1:], ids=_id)
def test_no_module_is_named_that_is_not_there(package: Path) -> None:
    said = _said(package)
    named = set(NAMED.findall(said))
    for table in re.findall(r"^\| module \|.*\n(?:\|.*\n?)+", said, re.MULTILINE):
        named |= {name for row in ROW.findall(table) for name in re.findall(r"`(\w+)`", row)}
    assert not {name for name in named if not _is_there(package, name)}


def _is_there(package: Path, name: str) -> bool:
    """As it is named: from the package, or from the workloads."""
    return any(
        where.with_suffix(".py").exists() or where.is_dir()
        for top in (package, ROOT, ROOT / "workloads")
        for where in [top.joinpath(*name.split("."))]
    )

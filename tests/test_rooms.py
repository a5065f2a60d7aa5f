"""The house as it is drawn in plan/decisions: which room imports which, no circle, and no room that is too large.

`python -m tests.test_rooms` prints the drawing.
"""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.support.source import parsed

ROOT = Path(__file__).parents[1]
TOPS = ("components", "experiments", "tools", "workloads")
DRAWING = ROOT / "plan" / "decisions" / "0012-rooms-and-arrows.md"
LINES = 400
ATTRIBUTES = 12
# What a class with more attributes than that says of itself, followed by why.
REASON = re.compile(r"More than a dozen attributes:\s+\w+")


def arrows() -> dict[str, set[str]]:
    """Room to the rooms that it imports. A room is a package below one of the tops, or a module right in one."""
    graph = grimp.build_graph(*TOPS, cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        here = found.setdefault(_room(module), set())
        here |= {_room(other) for other in graph.find_modules_directly_imported_by(module)}
    return {room: others - {room} for room, others in found.items() if room not in TOPS}


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _is_package(room: str) -> bool:
    return (ROOT / Path(*room.split("."))).is_dir()


def drawing() -> str:
    """The arrows between packages, a line for those that lean on the same, and who leans on nothing; the modules right
    in a top stand together under its name.
    """
    drawn: dict[str, set[str]] = {}
    for room, others in arrows().items():
        drawn.setdefault(_drawn(room), set()).update(_drawn(other) for other in others)
    leans = {room: sorted(others - {room}) for room, others in sorted(drawn.items())}
    alike: dict[tuple[str, ...], list[str]] = {}
    for room, targets in leans.items():
        alike.setdefault(tuple(targets), []).append(room)
    lines = [f"{', '.join(rooms)} -> {', '.join(targets)}" for targets, rooms in alike.items() if targets]
    alone = [room for room, others in leans.items() if not others]
    return "\n".join([*lines, f"nothing: {', '.join(alone)}"])


def _drawn(room: str) -> str:
    return room if _is_package(room) else room.split(".", maxsplit=1)[0]


def _sources() -> Iterator[Path]:
    for top in TOPS:
        yield from sorted((ROOT / top).rglob("*.py"))


def _attributes(node: ast.ClassDef) -> set[str]:
    """What a class's instances carry: assigned through self, or declared as fields (of a dataclass, frozen or not, of a
    model, of a named tuple). A constant of the class is none of an instance's.
    """
    fields = {
        statement.target.id
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and "ClassVar" not in ast.unparse(statement.annotation)
    }
    assigned = {
        target.attr
        for target in ast.walk(node)
        if isinstance(target, ast.Attribute)
        and isinstance(target.ctx, ast.Store)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    }
    return fields | assigned


def test_no_two_rooms_lean_on_each_other() -> None:
    rooms = arrows()
    order = list(TopologicalSorter(rooms).static_order())  # raises CycleError, which names the circle
    assert set(rooms) <= set(order)


def test_the_drawing_is_the_house() -> None:
    assert drawing() in DRAWING.read_text(), f"draw anew: python -m tests.test_rooms, into {DRAWING.relative_to(ROOT)}"


@pytest.mark.parametrize("path", list(_sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_too_long_to_read(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= LINES, f"{lines} lines; cut it at its reasons to change"


def test_no_class_carries_more_than_it_can_say_why() -> None:
    heavy = []
    for path in _sources():
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.ClassDef) or REASON.search(ast.get_docstring(node) or ""):
                continue
            if len(found := _attributes(node)) > ATTRIBUTES:
                heavy.append(f"{path.relative_to(ROOT)} {node.name}: {len(found)} attributes")
    assert not heavy, "\n".join(heavy)


if __name__ == "__main__":
    print(drawing())

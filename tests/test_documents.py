"""Nothing in the repository points outside of a clone: its documents' links, the design's numbers, paths of a machine.

Needs nothing, and reads every text file that is the project's own.
"""

import ast
import json
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SKIPPED = {
    ".git",
    ".venv",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    "__pycache__",
    ".import_linter_cache",
}
TEXT = {".md", ".py", ".yaml", ".yml", ".toml", ".txt", ".json", ".go", ".mod", ".xml", ".properties", ".in", ""}
DATA = ROOT / "report" / "data"
#: What has to be looked up is a page of docs/, what is done step by step one of tutorial/.
README_LINES = 220

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# "design §5.2", "design document §4", "(design.md §4", also over a line's end in a docstring or comment.
DESIGN = re.compile(r"\bdesign(?:\.md\)?)?[\s#]+((?:§[\d.]+(?:[\s#]*(?:,|and|to)[\s#]+)?)+)")
NUMBER = re.compile(r"§(\d+(?:\.\d+)*)")
INTERLEAVING = re.compile(r"\b[Ii]nterleavings?[\s#]+(\d+(?:(?:,| and| to)[\s#]+\d+)*)")
# A home or a checkout of some machine. /root alone is a home that images have.
MACHINE = re.compile(r"(?<![\w.$}~-])/(?:home|Users|work|root|mnt)/[\w.][\w./-]*")
OUTSIDE = re.compile(r"\.\./shared\b|\b(?:sandbox|attacks|style)\.md\b|\boriginal-plan\.txt\b")


def _files() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED and Path(folder, name) != DATA]
        found += [path for name in files if (path := Path(folder, name)).suffix in TEXT and name not in SKIPPED]
    return sorted(found)


FILES = [path for path in _files() if path != Path(__file__)]
DOCUMENTS = [path for path in FILES if path.suffix == ".md"]
TEXTS = {path: path.read_text(errors="replace") for path in FILES}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def anchor(heading: str) -> str:
    """What a heading's anchor is called, by GitHub's rule: lower case, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def sections(text: str) -> set[str]:
    """The numbers of a document's headings: "## 5. Contracts" is 5, "### 5.2 `Kafka…`" is 5.2."""
    return {number.rstrip(".") for number in re.findall(r"^#{2,}\s+(\d[\d.]*)", text, re.MULTILINE)}


def references(text: str) -> list[tuple[int, str]]:
    """Line and number of each reference to a section of the design."""
    return [
        (_line(text, found.start()), number)
        for found in DESIGN.finditer(text)
        for number in (n.rstrip(".") for n in NUMBER.findall(found[1]))
    ]


def broken_links(path: Path, text: str) -> list[str]:
    """A document's links whose file, or whose heading in it, is not there. Links to the network are not followed."""
    broken = []
    for found in LINK.finditer(FENCE.sub("", text)):
        target = found[1] or found[2]
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        other = (path.parent / file).resolve() if file else path
        if not other.is_relative_to(ROOT) or not other.exists():
            broken.append(target)
        elif heading and other.suffix == ".md":
            headings = re.findall(r"^#+\s+(.*)$", other.read_text(), re.MULTILINE)
            if heading not in {anchor(re.sub(r"[`*]", "", line)) for line in headings}:
                broken.append(target)
    return broken


def test_there_is_something_to_check() -> None:
    names = {_name(path) for path in FILES}
    assert {"README.md", "plan/design.md", "plan/plan.md", "components/__init__.py", "Makefile"} <= names
    assert sum(len(references(text)) for text in TEXTS.values()) >= 10


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_a_documents_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path, TEXTS[path]) == []


def test_the_readme_is_short_and_begins_with_a_picture_and_what_is_needed() -> None:
    text = TEXTS[ROOT / "README.md"]
    assert len(text.splitlines()) <= README_LINES
    order = ["![", "| strategy |", "## Before you begin", "## Two commands", "## A switch by hand", "## Away again"]
    places = [text.find(what) for what in order]
    assert -1 not in places
    assert places == sorted(places)


def test_what_is_referred_to_in_the_design_is_there() -> None:
    there = sections(TEXTS[ROOT / "plan" / "design.md"])
    assert {"1", "4", "5", "5.1", "5.9", "11"} <= there
    wrong = [
        f"{_name(path)}:{line}: design §{number}"
        for path, text in TEXTS.items()
        for line, number in references(text)
        if number not in there
    ]
    assert wrong == []


def test_what_may_be_left_out_is_where_the_contract_says_so() -> None:
    """A point that refers to a section of the contract means the one that has what it is about."""
    text = TEXTS[ROOT / "workloads" / "member" / "contract.md"]
    points = TEXTS[ROOT / "experiments" / "conformance" / "points.py"]
    referred = NUMBER.findall(re.search(r"may leave out[^\n]*", points)[0])  # type: ignore[index]
    (there,) = re.findall(r"^## (\d+) What may be left out", text, re.MULTILINE)
    assert referred == [there]


def test_interleavings_that_are_referred_to_are_there() -> None:
    text = TEXTS[ROOT / "plan" / "interleavings.md"]
    there = {int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert there == set(range(1, 28))
    wrong = [
        f"{_name(path)}:{_line(text, found.start())}: interleaving {number}"
        for path, text in TEXTS.items()
        for found in INTERLEAVING.finditer(text)
        for number in re.findall(r"\d+", found[1])
        if int(number) not in there
    ]
    assert wrong == []


#: An order of events that nothing answers: it is said among the limits.
LIMITS_ONLY = {22}


def test_every_interleaving_has_a_test_that_names_it() -> None:
    """In its docstring, at the beginning: 'Interleaving 7'."""
    text = TEXTS[ROOT / "plan" / "interleavings.md"]
    tests = [text for path, text in TEXTS.items() if path.name.startswith("test_") and path.suffix == ".py"]
    functions = [node for text in tests for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    said = [ast.get_docstring(one) or "" for one in functions if one.name.startswith("test_")]
    named = {int(found[1]) for docstring in said if (found := re.match(r"Interleaving (\d+)\b", docstring))}
    there = {int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert there - named == LIMITS_ONLY
    (limit,) = re.findall(r"^\| 22 \|.*$", text, re.MULTILINE)
    assert "docs/limits.md" in limit
    assert "full disk" in TEXTS[ROOT / "docs" / "limits.md"].split("## By strategy")[1].split("## ")[0]


@pytest.mark.parametrize(
    ("what", "pattern"), [("outside of the clone", OUTSIDE), ("of a machine", MACHINE)], ids=["outside", "machine"]
)
def test_no_path_leads(what: str, pattern: re.Pattern[str]) -> None:
    found = [
        f"{_name(path)}:{_line(text, match.start())}: {match[0]}"
        for path, text in TEXTS.items()
        for match in pattern.finditer(text)
    ]
    assert found == [], f"a path {what}"


def test_tasks_are_in_the_plan_with_their_state() -> None:
    plan = TEXTS[ROOT / "plan" / "plan.md"]
    rows = dict(re.findall(r"^\| \[[\d-]+\]\((task[\w-]+\.md)\) \|[^|]*\| ([^|]+?) \|", plan, re.MULTILINE))
    files = {path.name: TEXTS[path] for path in DOCUMENTS if path.name.startswith("task")}
    assert rows.keys() == files.keys()
    for name, text in files.items():
        state = re.search(r"^State: (.+)$", text, re.MULTILINE)
        assert state, f"{name}: no line 'State: …'"
        assert state[1].startswith(rows[name]), f"{name}: {state[1]!r} there, {rows[name]!r} in plan.md"
        assert re.search(r"^Result: .+$", text, re.MULTILINE), f"{name}: no line 'Result: …'"
        assert re.search(r"^Skills/MCP: .+$", text, re.MULTILINE), f"{name}: no line 'Skills/MCP: …'"
        assert stale(text) == [], name


def stale(task: str) -> list[str]:
    """What a task file says of its state and result that cannot be, or does not say."""
    state, result = (re.search(rf"^{key}: (.+)$", task, re.MULTILINE) for key in ("State", "Result"))
    assert state
    assert result
    found = []
    if not re.search(r"\d{4}-\d\d-\d\d", state[1]):
        found.append("a state without a date")
    if not re.match(r"(done|under way|postponed)\b", state[1]):
        found.append("a state that is none of done, under way, postponed")
    if state[1].startswith("under way") and "To do: " not in state[1]:
        found.append("under way, and not what is to do")
    if state[1].startswith("postponed") and ": " not in state[1]:
        found.append("postponed without a reason")
    if re.search(r"\bnone yet\b|\bcommitted yet\b|\bin the README\b", result[1]):
        found.append("a result that is none, or in another place")
    return found


@pytest.mark.parametrize(
    ("state", "result", "said"),
    [
        ("done.", "all of it", "a state without a date"),
        ("to do, 2026-11-29: because nobody has had the time.", "x", "a state that is none of"),
        ("under way, 2026-11-29.", "half of it", "not what is to do"),
        ("postponed, 2026-11-29.", "half of it", "without a reason"),
        ("done 2026-11-29.", "none yet.", "a result that is none"),
        ("done 2026-11-29.", "built; no result is committed yet", "a result that is none"),
        ("done 2026-11-29.", "the times are in the README", "in another place"),
    ],
)
def test_a_stale_task_file_is_found(state: str, result: str, said: str) -> None:
    assert any(said in one for one in stale(f"State: {state}\nResult: {result}\n"))


def test_records_of_decisions_are_short_and_in_the_index() -> None:
    folder = ROOT / "plan" / "decisions"
    index = TEXTS[ROOT / "plan" / "decisions.md"]
    records = sorted(folder.glob("*.md"))
    assert [path.name[:4] for path in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for path in records:
        text = TEXTS[path]
        assert f"(decisions/{path.name})" in index, f"{path.name} is not in decisions.md"
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], path.name
        assert len(text.splitlines()) <= 40, f"{path.name} is longer than 40 lines"


def test_the_expected_values_are_those_of_the_readable_form() -> None:
    data = json.loads(TEXTS[ROOT / "report" / "expected.json"])
    text = TEXTS[ROOT / "plan" / "expected.md"]
    assert data["strategies"].keys() == set("abcde")
    rows = {
        name: [cell.strip() for cell in line.strip("|").split("|")][1:]
        for line in text.splitlines()
        if (name := line.strip("| ").split(" |")[0]).startswith("time to ")
    }
    for column, strategy in enumerate("abcde"):
        figures = data["strategies"][strategy]
        for row, value in (
            ("time to switch, its overview", figures["switch_seconds"]["overview"]),
            ("time to switch, its detailed table", figures["switch_seconds"]["detailed"]),
            ("time to roll back", figures["rollback_seconds"]),
        ):
            assert rows[row][column].strip('"') == _shown(value), f"{strategy}: {row}"
    for alert in data["alerts"]:
        assert f"| `{alert['name']}` |" in text


def _shown(value: object) -> str:
    if value is None:
        return "not said"
    return f"{value[0]}-{value[1]} s" if isinstance(value, list) else str(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see design §5.2.", ["5.2"]),
        ("design §4, §5.1 and §6", ["4", "5.1", "6"]),
        ("as design\n    §9 allows", ["9"]),
        ("# design\n# §5.5", ["5.5"]),
        ("decisions §4", []),
    ],
)
def test_references_are_found(text: str, expected: list[str]) -> None:
    assert [number for _, number in references(text)] == expected


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](plan/design.md)", False),
        ("[a](plan/design.md#4-protocol)", False),
        ("[a](plan/design.md#4-protocoll)", True),
        ("[a](plan/none.md)", True),
        ("[a](../elsewhere/x.md)", True),
        ("[a](https://example.com/x)", False),
        ("```\n[a](none.md)\n```", False),
        ("![a](none.png)", True),
    ],
)
def test_a_broken_link_is_found(text: str, broken: bool) -> None:
    assert bool(broken_links(ROOT / "README.md", text)) == broken


@pytest.mark.parametrize("text", ["see /home/me/x", "(/work/shared/a.md)", "/root/wt/x", "/Users/me"])
def test_a_machines_path_is_found(text: str) -> None:
    assert MACHINE.search(text)


@pytest.mark.parametrize("text", ["see ../shared/design.md", "by attacks.md 3", "as original-plan.txt has it"])
def test_a_path_outside_of_the_clone_is_found(text: str) -> None:
    assert OUTSIDE.search(text)


@pytest.mark.parametrize("text", ['"HOME": "/root"', "registry/home/x", "${HOME}/work/x", "a/work/b", "~/work"])
def test_other_paths_are_left_alone(text: str) -> None:
    assert not MACHINE.search(text)

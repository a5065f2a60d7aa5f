"""Figures against the results that they name, and what is found where they are wrong."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.evidence import figures
from experiments.evidence.command import MADE, PRINTED, looked_at
from experiments.evidence.renew import renewed
from experiments.evidence.sources import SourceError, Sources
from experiments.evidence.texts import wrong_in
from tests.support.samples import RESULT

RUN = RESULT.run
MEDIAN = f"<!--= {RUN} switches[].switch_seconds : median -->"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / RUN
    folder.mkdir()
    (folder / "result.json").write_text(RESULT.to_json())
    (folder / "cases.json").write_text(json.dumps([{"case": "slow", "reason": "12 s late", "waited_seconds": 12.5}]))
    return tmp_path


def wrong(data: Path, text: str) -> list[str]:
    printed = {"told": lambda folder: f"as {folder.name} has it: 1.45\n"}
    made = {"steps": lambda _: [{"of_ms": [10.0, 20.0, 60.0]}]}
    return wrong_in(text, Sources(data, made), data, printed)


@pytest.mark.parametrize(
    "text",
    [
        f"A switch takes 1.45 s{MEDIAN}.",
        f"1.45 s{MEDIAN} and 1.5 s{MEDIAN.replace('median', 'worst')}",
        f"A switch takes 1450 ms<!--= {RUN} switches[].switch_seconds : median in ms -->.",
        f"A switch takes 1,450 ms<!--= {RUN} switches[].switch_seconds : median in ms -->.",
        f"| switch | 1.45 / 1.5{MEDIAN.replace('median', 'median, worst')} |",
        f"| lost | 0<!--= {RUN} measurements.lost --> | 4<!--= {RUN}+{RUN} measurements.switches_asked --> |",
        f"<!-- results: c = {RUN} -->\nIt takes 1.5 s<!--= c max(switches[].switch_seconds) -->.",
        f"It waits 12.5 s<!--= {RUN}/cases.json [?case=='slow'].waited_seconds : worst -->.",
        f"Steps take 20 (60)<!--= {RUN}/steps [0].of_ms : median, p95 in ms --> ms.",
        "The limit is 5 s<!-- given: the plan -->.",
        "<!-- given (asked for): 100 records/s; 8 GB of memory -->\n100 records/s, on 8 GB of memory.",
        f"<!-- output: told {RUN} -->\n```\nas {RUN} has it: 1.45\n```",
        f"<!-- quoted: {RUN}/cases.json [0].reason -->\n```\nerror: 12 s late (1.0 s)\n```",
        "Python 3.11.2, port 8080, [0019](plan/decisions/0019-x.md), `--rate 2.5`, 28 November 2026, pods 3 of them.",
        "## 2.3 Switch\n\nAs in 2.3, [7.6](07-x.md#76-y), [page 7.6](07-x.md#76-y) and [2.5 to 2.8](02-x.md#25-z).",
        "| key | default |\n| --- | --- |\n| 0 | passed |",
        "```sh\nsleep 1.5\n```",
        "```\n<!-- given (in code): 7 s -->\n```",
        f"전환은 1.45초{MEDIAN}이고 가장 길게는 1.5 s{MEDIAN.replace('median', 'worst')}이다.",
        f"유실은 0건<!--= {RUN} measurements.lost -->이다.",
        f"모두 1,450 ms{MEDIAN.replace('median', 'median in ms')}로 끝난다.",
        "<!-- given (요청한 것): TPS 100; 12초 -->\n세션 12초, TPS 100, 파드 3개.",
        "[2.5\u20132.8](02-x.md#25-z), 파티션당 500 초과.",
        "열 번 중 10번째, 2배포본, 10분의 1, 4회복, Python 3.11.2에서.",
    ],
)
def test_what_is_right_is_found_right(data: Path, text: str) -> None:
    assert wrong(data, text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A switch takes 1.45 s.", "'1.45 s' has no name"),
        ("A switch takes 36 ms.", "'36 ms' has no name"),
        ("16,944 records, none of them twice", "'16,944 records' has no name"),
        ("There were 3 rebalances.", "'3 rebalances' has no name"),
        ("The mean is 0.95 of it", "'0.95' has no name"),
        ("| lost | none | 7 |", "'7' has no name"),
        ("| hand-off | 58 / 123 |", "'58 / 123' has no name"),
        ("It said `switched in 0.05 s`.", "'0.05 s' has no name"),
        ("```\nhandoffSeconds 0.047\n```", "'0.047' has no name"),
        ("전환은 1.45초가 걸린다.", "'1.45초' has no name"),
        ("핸드오프는 36 ms로 끝난다.", "'36 ms' has no name"),
        ("유실은 338건이다.", "'338건' has no name"),
        ("리밸런스가 10회 발생했다.", "'10회' has no name"),
        ("모두 16,944개이고 그중 0.95가 성공했다.", "'16,944' has no name"),
        ("| 예상 | 5\u201315 |", "has no name"),
        (f"전환은 1.44초{MEDIAN}이다.", "1.44 is 1.45 by"),
        (f"A switch takes 1.44 s{MEDIAN}.", "1.44 is 1.45 by"),
        (f"| switch | 1.45 / 1.6{MEDIAN.replace('median', 'median, worst')} |", "1.6 is 1.5 by"),
        (f"It takes 1.45 s{MEDIAN.replace('median', 'middle')}.", "middle: none of median"),
        (f"It takes 1.45 s{MEDIAN.replace('switch_seconds', 'none_seconds')}.", "has no switches"),
        (f"It takes 1.45 s{MEDIAN.replace(RUN, '20200101T000000Z-c-1')}.", "there is no committed run"),
        (f"It takes 1.45 s{MEDIAN.replace(RUN, '../x')}.", "there is no"),
        (f"It takes 5 s<!--= {RUN} switches[ -->.", "Invalid jmespath expression"),
        (f"It takes 5 s<!--= {RUN} command -->.", "is no number"),
        (f"Lost 0 ms<!--= {RUN} measurements.lost in ms -->.", "cannot be told in ms"),
        (f"None<!--= {RUN} measurements.lost -->.", "1 figures are named, and 0 stand before it"),
        ("It is 5 s<!--= nonsense-->.", "is no name of a figure"),
        ("<!-- given (asked for): 90 records/s -->\n", "is given, and stands nowhere"),
        ("<!-- results: c -->\n", "is not NAME = RUN"),
        (f"<!-- output: told {RUN} -->\n```\nas {RUN} has it: 1.46\n```", "is not what `told` prints"),
        (f"<!-- output: sung {RUN} -->\n```\n1.46\n```", "output 'sung' is none of told"),
        ("<!-- output: told none -->\n```\n1.46\n```", "there is no run none"),
        (f"<!-- quoted: {RUN}/cases.json [0].reason -->\n```\nerror: 13 s late\n```", "does not have '12 s late'"),
    ],
)
def test_what_is_wrong_is_found(data: Path, text: str, said: str) -> None:
    assert any(said in line for line in wrong(data, text)), wrong(data, text)


def test_what_has_no_name_is_left_alone_where_only_names_are_looked_at(data: Path) -> None:
    text = f"3 rebalances, 1.46 s{MEDIAN}"
    assert [line[:7] for line in wrong_in(text, Sources(data), data, {}, named=False)] == ["line 1:"]


def test_what_is_not_committed_is_no_source(data: Path) -> None:
    with pytest.raises(SourceError, match="no committed run"):
        Sources(data, committed=lambda _: False).value(RUN, "run")
    with pytest.raises(SourceError, match=r"cases\.json is not committed"):
        Sources(data, committed=lambda path: path.name == RUN).value(f"{RUN}/cases.json", "[0]")


def test_a_line_is_that_of_the_figure() -> None:
    page = figures.read("# Title\n\n```sh\nx\n```\n\nIt takes 5 s.\n")
    assert [(one.line, one.text) for one in page.figures] == [(7, "5 s")]


ROOT = Path(__file__).parents[3]
DATA = ROOT / "report" / "data"
#: Results are read once.
SOURCES = Sources(DATA, MADE)
PAGES = [
    *sorted(ROOT.glob("README*.md")),
    *(page for name in ("docs", "tutorial", "tutorial/ko", "report") for page in sorted((ROOT / name).glob("*.md"))),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_wrong_figure_that_is_planted_in_a_text_is_found(page: Path) -> None:
    """Each number of each figure that has a name, one at a time: another last digit, and nothing else."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    names = "\n".join(re.findall(r"<!-- results:.*?-->", text, re.DOTALL))

    def of_line(line: str) -> list[str]:
        return wrong_in(f"{names}\n{line}", SOURCES, DATA, PRINTED, named=False)

    for line in text.splitlines():
        for found in re.finditer(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?=(?:[^\w\n|<]| ?[\w/]+)?<!--= )", line):
            assert of_line(line) == []
            digit = str((int(found[0][-1]) + 1) % 10)
            planted = line[: found.end() - 1] + digit + line[found.end() :]
            assert of_line(planted), f"{found[0]} made {found[0][:-1]}{digit}"


def test_a_figure_without_a_name_that_is_planted_in_a_text_is_found() -> None:
    for page in PAGES:
        text = page.read_text()
        before = wrong_in(text, SOURCES, DATA, PRINTED)
        assert len(wrong_in(f"{text}\nIt takes 4711 ms.\n", SOURCES, DATA, PRINTED)) == len(before) + 1


def test_a_newer_run_takes_an_older_ones_place_with_its_figures(data: Path) -> None:
    """Each figure keeps its form; what is named by another run, or not at all, is left alone."""
    newer = RUN.replace("2026", "2027")
    (data / newer).mkdir()
    slower = [replace(one, switch_seconds=2 * (one.switch_seconds or 0)) for one in RESULT.switches]
    (data / newer / "result.json").write_text(replace(RESULT, run=newer, switches=slower).to_json())
    other = f"<!--= {newer} switches[].switch_seconds : median -->"
    text = (
        f"<!-- results: c = {RUN} -->\n"
        f"1.45 s{MEDIAN}, 1,450 ms<!--= c switches[].switch_seconds : median in ms -->, 9 s, 2.9 s{other}, "
        f"| 1.5 / 1.5{MEDIAN.replace('median', 'median, worst')} |\n"
        f"4<!--= {RUN} measurements.nobody -->\n"
        f"<!-- output: told {RUN} -->\n```\nas {RUN} has it: 1.45\n```\n"
    )
    printed = {"told": lambda folder: f"as {folder.name} has it\n"}
    made, changed = renewed(text, {RUN: newer}, Sources(data), data, printed)
    mark = MEDIAN.replace(RUN, newer)
    assert made == (
        f"<!-- results: c = {newer} -->\n"
        f"2.90 s{mark}, 2,900 ms<!--= c switches[].switch_seconds : median in ms -->, 9 s, 2.9 s{other}, "
        f"| 2.9 / 3.0{mark.replace('median', 'median, worst')} |\n"
        f"4<!--= {newer} measurements.nobody -->\n"
        f"<!-- output: told {newer} -->\n```\nas {newer} has it\n```\n"
    )
    assert changed == 4


@pytest.mark.parametrize("file", ["plan/changes.md", "plan/plan.md", "plan/task01-subtask01.md", "CHANGELOG.md"])
def test_a_figure_without_a_name_fails_in_the_plan_too(file: str, tmp_path: Path) -> None:
    page = tmp_path / file
    page.parent.mkdir(exist_ok=True)
    page.write_text("It takes 7.3 s now.\n")
    (tmp_path / "plan").mkdir(exist_ok=True)
    (tmp_path / "plan" / "design.md").write_text("At most 7.3 s.\n")
    found = looked_at(tmp_path, lambda _: True)
    assert [line for line in found.wrong if "has no name" in line] == [
        f"{file}: line 1: '7.3 s' has no name: it is a figure of no result"
    ]
    assert found.texts == 2

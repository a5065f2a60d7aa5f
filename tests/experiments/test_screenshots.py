"""Pictures of runs without a browser: the words in a PNG, what a result says of one, and one that is another run's."""

import hashlib
import io
import json
import struct
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from experiments import local_page, run
from experiments.errors import ExperimentError, PreflightError
from experiments.evidence import seals
from experiments.evidence.command import looked_at
from experiments.folders import RESULT_FILE
from experiments.options import Options
from experiments.progress import Progress
from experiments.results import RunResult
from experiments.scenarios import SCENARIOS
from experiments.screenshots import browser
from experiments.screenshots.camera import taking
from experiments.screenshots.pictures import FOLDER, Shown, as_json, told, words, wrong_with
from experiments.screenshots.png import size_of, text_of, with_text
from tests.support.samples import RESULT, SWITCH, result

SHOWN = Shown(at=101.25, epoch=8, generation=3, stage="switching", phase="Resuming", active="green", outcome="")
NAME = "switch-page-1.png"


def png(width: int = 2, gray: int = 128) -> bytes:
    """A picture of one line."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" + bytes([gray] * width))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def with_picture(data: Path, made: RunResult, content: bytes) -> Path:
    """A run's folder with a picture that its result names."""
    folder = data / made.run
    (folder / FOLDER).mkdir(parents=True)
    (folder / FOLDER / NAME).write_bytes(content)
    picture = told(NAME, content, SHOWN, [SWITCH])
    (folder / RESULT_FILE).write_text(replace(made, screenshots=as_json([picture])).to_json())
    return folder


def read(folder: Path) -> RunResult:
    found = json.loads((folder / RESULT_FILE).read_text())
    return result(run=found["run"], screenshots=found["screenshots"])


def test_words_are_written_into_a_picture_and_read_again() -> None:
    said = with_text(png(), words("run-1", SHOWN))
    assert text_of(said) == {
        "Software": "kafka-bluegreen",
        "Creation Time": "1970-01-01T00:01:41.250Z",
        "Run": "run-1",
        "Epoch": "8",
    }
    assert size_of(said) == size_of(png()) == (2, 1)
    assert text_of(png()) == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"GIF89a", "does not begin"),
        (png()[:-4], "ends in the middle"),
        (png()[:-20] + bytes([png()[-20] ^ 1]) + png()[-19:], "is torn"),
        (png()[:8] + png()[33:], "begins with"),
    ],
)
def test_what_is_no_whole_picture_is_told(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        text_of(content)


def test_words_that_a_picture_cannot_have_are_refused() -> None:
    with pytest.raises(ValueError, match="no keyword"):
        with_text(png(), {"Run": "a\0b"})
    with pytest.raises(ValueError, match="no keyword"):
        with_text(png(), {"": "a"})


def test_a_result_says_which_switch_a_picture_shows_and_when() -> None:
    earlier = replace(SWITCH, source="green", target="blue", commanded_at=90.0)
    found = told(NAME, png(), SHOWN, [earlier, SWITCH])
    assert (found.switch, found.direction, found.after_command_seconds, found.ended) == (2, "blue-green", 1.25, False)
    assert (found.file, found.taken_at) == ("screenshots/switch-page-1.png", "1970-01-01T00:01:41.250Z")
    late = replace(SHOWN, at=103.0, outcome="Switched")
    none = told(NAME, png(), late, [SWITCH])
    assert (none.switch, none.direction, none.after_command_seconds, none.ended) == (None, None, None, True)
    assert list(json.loads(json.dumps(as_json([found])))[0]) == list(asdict(found))


def test_a_runs_own_picture_is_nothing_wrong(tmp_path: Path) -> None:
    folder = with_picture(tmp_path, RESULT, with_text(png(), words(RESULT.run, SHOWN)))
    assert wrong_with(folder, read(folder)) == []


def test_a_planted_picture_of_another_run_is_found(tmp_path: Path) -> None:
    """In the place of the run's own; also where its checksum was written into the result, and where it was sealed."""
    own = with_picture(tmp_path, RESULT, with_text(png(), words(RESULT.run, SHOWN)))
    other = with_text(png(gray=1), words("20261124T120000Z-c-1", SHOWN))
    (own / FOLDER / NAME).write_bytes(other)
    assert wrong_with(own, read(own)) == [
        f"screenshots/{NAME}: it is not the picture that was taken: its checksum is another one",
        f"screenshots/{NAME}: it is of run 20261124T120000Z-c-1, and not of {RESULT.run}",
    ]
    raw = json.loads((own / RESULT_FILE).read_text())
    raw["screenshots"][0]["sha256"] = hashlib.sha256(other).hexdigest()
    (own / RESULT_FILE).write_text(json.dumps(raw))
    assert wrong_with(own, read(own)) == [
        f"screenshots/{NAME}: it is of run 20261124T120000Z-c-1, and not of {RESULT.run}"
    ]


@pytest.mark.parametrize(
    ("key", "to", "why"),
    [
        ("epoch", 9, "Epoch is 8 in it, and 9 in the result"),
        ("taken_at", "1970-01-01T00:01:42.250Z", "Creation Time is"),
        ("switch", 3, "there is no switch 3"),
        ("direction", "green-blue", "switch 1 was blue-green, not green-blue"),
    ],
)
def test_what_a_result_says_wrongly_of_its_picture_is_found(tmp_path: Path, key: str, to: Any, why: str) -> None:
    folder = with_picture(tmp_path, RESULT, with_text(png(), words(RESULT.run, SHOWN)))
    made = read(folder)
    assert made.screenshots is not None
    made.screenshots[0][key] = to
    (line,) = wrong_with(folder, made)
    assert why in line


def test_a_picture_that_nobody_names_and_one_that_is_gone_are_found(tmp_path: Path) -> None:
    folder = with_picture(tmp_path, RESULT, with_text(png(), words(RESULT.run, SHOWN)))
    (folder / FOLDER / NAME).rename(folder / FOLDER / "other.png")
    assert wrong_with(folder, read(folder)) == [
        "screenshots/other.png: no result names it",
        f"screenshots/{NAME}: the result names it, and it is not there",
    ]


def test_evidence_finds_a_planted_picture_among_the_committed_runs(tmp_path: Path) -> None:
    """A whole run, sealed, whose picture is exchanged for another run's, by somebody who seals it, too."""
    data = tmp_path / "report" / "data"
    folder = with_picture(data, RESULT, with_text(png(), words("20261124T120000Z-c-1", SHOWN)))
    found = looked_at(tmp_path, lambda _: True)
    assert any("cannot be judged again" in line for line in found.wrong), "this run has a picture and no more"
    assert (
        f"{folder.name}: screenshots/{NAME}: it is of run 20261124T120000Z-c-1, and not of {RESULT.run}" in found.wrong
    )
    assert seals.seal(data, [folder]) == 2
    (folder / FOLDER / NAME).write_bytes(png(gray=3))
    assert f"{folder.name}/screenshots/{NAME} was changed after it was sealed" in seals.broken(data, [folder])[0]


def asked(tmp_path: Path, screenshots: bool | None) -> Options:
    return Options("c", SCENARIOS["1"], 2, tmp_path, "run", 3.0, screenshots=screenshots)


@pytest.mark.parametrize(
    ("wanted", "page", "there", "taken"),
    [
        (None, True, True, True),
        (None, True, False, False),
        (None, False, True, False),
        (True, False, True, True),
        (False, True, True, False),
    ],
)
def test_a_run_takes_one_where_it_is_asked_to_or_there_is_a_page_and_a_browser(  # noqa: PLR0917 - a table
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool | None, page: bool, there: bool, taken: bool
) -> None:
    monkeypatch.setattr(browser, "missing", lambda: "" if there else "playwright is not installed")
    assert run._takes_pictures(asked(tmp_path, wanted), page=page) is taken


def test_without_a_browser_a_run_that_is_to_take_one_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "missing", lambda: "playwright is not installed: make browser")
    with pytest.raises(PreflightError, match="no screenshots can be taken: playwright is not installed"):
        run.execute(asked(tmp_path, True), None, Progress())  # type: ignore[arg-type]


def test_what_is_not_wanted_is_not_begun() -> None:
    with taking("strategy-c", "run-1", Progress(), wanted=False) as camera:
        assert camera is None


@pytest.mark.parametrize("error", [ExperimentError("kubectl is not on PATH"), OSError("no memory for a process")])
def test_a_page_that_cannot_be_begun_costs_the_picture_alone(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def proxy(*_: object) -> str:
        raise error

    monkeypatch.setattr(local_page, "proxy", proxy)
    said = io.StringIO()
    with taking("strategy-c", "run-1", Progress(said), wanted=True) as camera:
        assert camera is None
    assert f"no screenshot: {error}" in said.getvalue()

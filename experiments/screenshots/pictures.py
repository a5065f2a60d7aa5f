"""What a result says of a picture, and what is wrong with one that a result names. Pure, but for `wrong_with`.

A picture is bound to its run twice: by its checksum in `result.json`, and by the words in the file itself, so that
neither a picture of another run nor a result that was made to fit it is taken for this one's.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from experiments.measurements import SwitchRecord
from experiments.moments import moment
from experiments.results import RunResult
from experiments.screenshots.png import text_of

FOLDER = "screenshots"
#: What a picture is of: the upper part of the switch page, and what is below that.
SWITCH, FLOW = "switch page", "switch page, its flow"
#: When a run is photographed: at the grant of its first switch, at that of the first one home, while a switch waits, or
#: when one is taken back.
Moment = Literal["granted", "back", "waiting", "taken back"]
#: What the whole of a picture may be: it stays in git's history.
MOST_BYTES = 150_000
#: The keywords in a picture. https://www.w3.org/TR/png-3/#11keywords has the first two.
SOFTWARE, TAKEN, RUN, EPOCH = "Software", "Creation Time", "Run", "Epoch"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page showed when it was photographed. at: when it had heard of it, in seconds since 1970 by this
    machine's clock. outcome: how the switch had ended by then; empty while it was under way.
    """

    at: float
    epoch: int
    generation: int
    stage: str
    phase: str
    active: str
    outcome: str

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Shown":
        """From what the browser says. Raises KeyError."""
        return cls(
            at=float(said["at"]) / 1000,
            epoch=int(said["epoch"]),
            generation=int(said["generation"]),
            **{name: str(said[name]) for name in ("stage", "phase", "active", "outcome")},
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, as `result.json` has it.

    file: below the run's folder. switch: the number of the switch in the result that it shows, from 1; None where it
    is none of them. after_command_seconds: from the command to what is shown; ended: whether the switch had ended by
    then, by the Lease.
    """

    file: str
    sha256: str
    bytes: int
    of: str
    taken_at: str
    switch: int | None
    direction: str | None
    after_command_seconds: float | None
    epoch: int
    generation: int
    stage: str
    phase: str
    active: str
    ended: bool


def told(name: str, content: bytes, shown: Shown, switches: Sequence[SwitchRecord], of: str = SWITCH) -> Picture:
    """What a result says of it. switches: those of the run, in their order."""
    number = next((n for n, one in enumerate(switches, 1) if _within(one, shown.at)), None)
    switch = None if number is None else switches[number - 1]
    return Picture(
        file=f"{FOLDER}/{name}",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        of=of,
        taken_at=moment(shown.at),
        switch=number,
        direction=switch.direction if switch else None,
        after_command_seconds=round(shown.at - switch.commanded_at, 3) if switch else None,
        epoch=shown.epoch,
        generation=shown.generation,
        stage=shown.stage,
        phase=shown.phase,
        active=shown.active,
        ended=shown.outcome != "",
    )


def words(run: str, shown: Shown) -> dict[str, str]:
    """What is written into the picture."""
    return {SOFTWARE: "kafka-bluegreen", TAKEN: moment(shown.at), RUN: run, EPOCH: str(shown.epoch)}


def as_json(pictures: Iterable[Picture]) -> list[dict[str, Any]]:
    """For `result.json`."""
    return [asdict(one) for one in pictures]


def wrong_with(folder: Path, result: RunResult) -> list[str]:
    """What is wrong with the pictures of a run, a line each: of another run, changed, missing, or named by nobody."""
    named = {str(one.get("file")): one for one in result.screenshots or ()}
    there = {str(file.relative_to(folder)) for file in (folder / FOLDER).glob("*") if file.is_file()}
    wrong = [f"{file}: no result names it" for file in sorted(there - named.keys())]
    for name, said in named.items():
        if name not in there:
            wrong.append(f"{name}: the result names it, and it is not there")
            continue
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != said.get("sha256"):
            wrong.append(f"{name}: it is not the picture that was taken: its checksum is another one")
        try:
            found = text_of(content)
        except ValueError as error:
            wrong.append(f"{name}: no picture: {error}")
            continue
        wrong += [f"{name}: {line}" for line in _apart(found, said, result)]
    return wrong


def _apart(found: Mapping[str, str], said: Mapping[str, Any], result: RunResult) -> list[str]:
    wrong = []
    if (run := found.get(RUN)) != result.run:
        wrong.append(f"it is of run {run}, and not of {result.run}")
    for keyword, key in ((EPOCH, "epoch"), (TAKEN, "taken_at")):
        if found.get(keyword) != str(said.get(key)):
            wrong.append(f"{keyword} is {found.get(keyword)} in it, and {said.get(key)} in the result")
    number = said.get("switch")
    if number is not None:
        if not isinstance(number, int) or not 0 < number <= len(result.switches):
            wrong.append(f"there is no switch {number} in the result")
        elif result.switches[number - 1].direction != said.get("direction"):
            wrong.append(f"switch {number} was {result.switches[number - 1].direction}, not {said.get('direction')}")
    return wrong


def _within(switch: SwitchRecord, at: float) -> bool:
    """Whether a moment lies between the command and its update's return."""
    return switch.commanded_at <= at <= switch.commanded_at + switch.up_seconds

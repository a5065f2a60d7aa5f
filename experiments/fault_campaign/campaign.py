"""A campaign, or a piece of one: switch after switch until all are done, or the time is over."""

import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from experiments import environment
from experiments.errors import ExperimentError
from experiments.fault_campaign import alarms, invariants, shapes
from experiments.fault_campaign import journal as journals
from experiments.fault_campaign.alarms import Alarms
from experiments.fault_campaign.calibration import calibrate
from experiments.fault_campaign.carry import Carried, carry
from experiments.fault_campaign.injection import take_back
from experiments.fault_campaign.journal import Journal
from experiments.fault_campaign.judge import Judge, Judged, begin, patiently
from experiments.fault_campaign.plan import Planner, Step, cells
from experiments.fault_campaign.scene import Scene, roles
from experiments.fault_campaign.shrink import OutOfTrialsError, shrink
from experiments.fault_campaign.stage import Stage, name_of
from experiments.fault_campaign.witness import Witness
from experiments.interrupts import Interrupts
from experiments.lab import Lab
from experiments.measurements import other
from experiments.preflight import only_one, preflight
from experiments.progress import Progress

#: What is left of the time for the last judgement of a piece.
_LAST_SECONDS = 45.0
_TAKE_BACK_SECONDS = 90.0
_BEFORE = 3
_TRIALS = 48
#: So many switches are judged together: all of their records are judged again with each.
_SPAN_SWITCHES = 20

Shield = AbstractContextManager[None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for. minutes: how long this piece may take; None: until all is done. only: these ways; all if
    empty. sequence: these steps in place of the seed's. keep: the pair stays when all is done.
    """

    letter: str
    switches: int
    seed: int
    out: Path
    repository: Path
    minutes: float | None = None
    only: tuple[str, ...] = ()
    sequence: tuple[Step, ...] = ()
    shrinks: bool = True
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a piece ended. findings: how many there are in the whole campaign: switches that had some, and what else was
    found while they were made shorter. done: of how many switches. coverage: what the table comes to, in words;
    covered: it is enough, or nobody asked for any.
    """

    summary: Path
    findings: int
    done: int
    asked: int
    table: str
    coverage: str = ""
    covered: bool = True


def execute(asked: Asked, interrupts: Interrupts, progress: Progress) -> Ended:
    """Carry out a piece, going on where the one before ended. Raises ExperimentError if it could not be, Interrupted
    if it was ended: what was judged until then is kept, and the summary is written.
    """
    cluster = preflight()
    journal = Journal(asked.out)
    own = {"sequence": [step.as_json() for step in asked.sequence]} if asked.sequence else {}
    journal.begin({"strategy": asked.letter, "seed": asked.seed, "only": list(asked.only), **own})
    with only_one(name_of(asked.letter)):
        stage = Stage(asked.repository, asked.letter, asked.out, cluster, interrupts=interrupts, progress=progress)
        piece = Piece(asked, stage, journal, progress, interrupts.shielded)
        piece.run()
        if journal.done >= asked.switches and not asked.keep:
            stage.end()
        elif journal.done < asked.switches:
            progress.say(
                f"{journal.done} of {asked.switches} switches are done; the same command goes on with the next, "
                f"and stack {stage.name} stays until then"
            )
    return piece.ended()


class Piece:
    """One piece of a campaign.

    More than a dozen attributes: what it was asked, what it stands on, and what is judged together just now.
    """

    def __init__(
        self, asked: Asked, stage: Stage, journal: Journal, progress: Progress, shield: Callable[[], Shield]
    ) -> None:
        """shield: within what it gives nobody is interrupted."""
        self._asked = asked
        self._shield = shield
        self._stage = stage
        self._journal = journal
        self._progress = progress
        self._begun = time.monotonic()
        self._began = datetime.now(UTC)
        self._code = environment.commit()
        self._first = journal.done + 1
        self._acked = 0
        self._anomalies: dict[str, int] = {}
        self._duplicates: list[dict[str, object]] = []
        self._findings: list[str] = []
        self._not_summed: Judged | None = None
        self._shorter: dict[tuple[Step, ...], Sequence[str]] = {}
        self._scratch = Path()
        self._spans = 0
        self._told: set[str] = set()

    def run(self) -> None:
        """From where the one before ended. Raises ExperimentError, Interrupted."""
        lab = self._stage.prepare()
        self._roles = roles(self._asked.letter, lab.parts)
        with tempfile.TemporaryDirectory(prefix="kafka-bluegreen-faults-") as scratch:
            self._scratch = Path(scratch)
            calibrate(self._scratch / "calibration")
            self._stand_on(lab)
            try:
                self._steps()
                self._close()
            except BaseException:
                self._progress.say("ended early: what was judged until here is kept; the same command goes on")
                self._write_piece()
                raise
            finally:
                self._witness.stop()
                self._lab.lag.close()
            self._write_piece()

    # One pair, one span

    def _stand_on(self, lab: Lab) -> None:
        """From now on the pair is this one."""
        self._lab = lab
        for left in patiently("what was left set to be taken back", lambda: take_back(lab), _TAKE_BACK_SECONDS):
            self._progress.say(f"left by a campaign that was killed, and taken back: {left}")
        patiently("the shape of the pair", lambda: shapes.look(lab), _TAKE_BACK_SECONDS)
        lab.wait_pods(lab.whole)
        self._witness = Witness(lab.cluster, lab.namespace)
        self._witness.start()
        self._judge = Judge(lab, self._witness, self._scratch)
        self._alarms = Alarms(lab.cluster, lab.namespace)
        self._alarms.look()  # what was before is another's
        live = lab.cluster.wait_switch(
            lab.namespace,
            lambda switch: None if switch.active and switch.holds(switch.settled) else switch.describe(),
            "a colour that holds the grant",
            120.0,
        )
        lab.active = "green" if live.active == "green" else "blue"
        self._new_span()

    def _new_span(self) -> None:
        self._spans += 1
        self._in_span = 0
        self._span = begin(self._lab, self._scratch / f"span-{self._spans}")

    # Switches

    def _planned(self) -> Iterator[Step]:
        """One after the other: what is planned depends on what of those before has hit."""
        if self._asked.sequence:
            numbered = [replace(step, number=number) for number, step in enumerate(self._asked.sequence, 1)]
            yield from numbered[self._first - 1 :]
            return
        for number in range(self._first, self._asked.switches + 1):
            yield self._planner().step(number)

    def _planner(self) -> Planner:
        planner = Planner(self._asked.seed, self._roles, self._asked.only)
        self._journal.count_into(planner)
        return planner

    def _time_left(self) -> float:
        if self._asked.minutes is None:
            return float("inf")
        return self._asked.minutes * 60 - _LAST_SECONDS - (time.monotonic() - self._begun)

    def _steps(self) -> None:
        before: list[Step] = []
        for step in self._planned():
            if self._time_left() <= 0:
                return
            if self._in_span >= _SPAN_SWITCHES:
                self._end_span()
                self._new_span()
            carried, judged = self._one(step)
            self._journal.switch(carried, judged)
            self._report(carried, judged)
            before = [*before, step][-_BEFORE:]
            if judged.findings:
                self._findings += judged.findings
                self._failed(before, judged)

    def _one(self, step: Step) -> tuple[Carried, Judged]:
        lab = self._lab
        scene = Scene(lab, self._stage.bootstrap, lab.active, other(lab.active), self._shield)
        carried = carry(scene, step, self._witness)
        judged = self._judge.judge(self._span, carried)
        looked = self._alarms.look()
        judged = replace(
            judged,
            findings=[*judged.findings, *alarms.findings(looked.raised)],
            alerts=[asdict(one) for one in looked.raised],
            not_evaluated=looked.why,
        )
        self._in_span += 1
        self._not_summed = judged
        return carried, judged

    def _report(self, carried: Carried, judged: Judged) -> None:
        step = carried.step
        told = ", ".join(f"{hit.injection.way} {'missed' if hit.missed else hit.hit}" for hit in carried.hits)
        well = "not well" if judged.well_seconds is None else f"well after {judged.well_seconds:.1f} s"
        repeated = sum(one.count for one in judged.duplicates)
        self._progress.say(
            f"switch {step.number}/{self._asked.switches}: {carried.source} -> {carried.target} by {step.commanded}, "
            f"{step.phase}: {self._shape(step)}{told or 'no fault'}: {judged.outcome}, {well}; "
            f"{judged.acked} records, {repeated} handled again"
        )
        lines = [*carried.notes, *(f"missed: {hit.missed}" for hit in carried.hits if hit.missed)]
        lines += [f"made anew by the campaign, once all was well: {pod}" for pod in judged.made_anew]
        lines += [f"alert {one['alert']} from {one['since']:.0f} to {one['until']:.0f}" for one in judged.alerts]
        if judged.not_evaluated:
            lines.append(f"alerts: {journals.NOT_EVALUATED}: {judged.not_evaluated}")
        for line in lines:
            self._progress.say(f"  {line}")
        for one in judged.duplicates:
            if str(one) not in self._told:  # all of a span are counted again and again
                self._told.add(str(one))
                self._progress.say(f"  {one}")
        if judged.findings:
            self._progress.say(f"  FOUND, with seed {self._asked.seed}, switch {step.number}:")
            for line in judged.findings:
                self._progress.say(f"    {line}")
            for at, text in judged.timeline:
                self._progress.say(f"      {at:.3f} {text}")

    @staticmethod
    def _shape(step: Step) -> str:
        told = f"{step.replicas} pods a colour, " if step.replicas is not None else ""
        return told + (f"{step.partitions} more partitions, " if step.partitions else "")

    # What failed

    def _failed(self, sequence: Sequence[Step], judged: Judged) -> None:
        """Make it shorter, where there is time, and go on from a pair that is well, under another producer."""
        self._sum_up()
        self._recover(judged)
        if not self._asked.shrinks:
            return
        self._progress.say("  making the sequence shorter")
        self._shorter.clear()
        shrunk = shrink(sequence, self._fails_as(judged.findings), _TRIALS)
        found = self._shorter.get(shrunk.steps, ())
        self._journal.shorter(sequence[-1].number, shrunk, judged.findings, found)
        ways = "; ".join(f"{step.phase}: {', '.join(one.way for one in step.injections)}" for step in shrunk.steps)
        self._progress.say(
            f"  {'shortest' if shrunk.minimal else 'shorter, if at all'} after {shrunk.trials} trials"
            f"{'' if shrunk.again else ' (it did not fail again)'}: {ways}"
        )

    def _fails_as(self, findings: Sequence[str]) -> Callable[[Sequence[Step]], bool]:
        """Carries out a sequence, and says whether it failed in the same way. What else it finds is a finding of its
        own, once for each kind, and no word about this one.
        """
        wanted = invariants.kinds(findings)
        told = set(wanted)

        def fails(sequence: Sequence[Step]) -> bool:
            if self._time_left() <= 0:
                raise OutOfTrialsError
            for number, step in enumerate(sequence, 1):
                _, judged = self._one(step)
                if not judged.findings:
                    continue
                own = invariants.kinds(judged.findings)
                if fresh := own - told:
                    told.update(fresh)
                    self._findings += judged.findings
                    self._journal.beside(step.number, sequence[:number], judged)
                    self._progress.say(f"    FOUND besides: {'; '.join(judged.findings)}")
                self._recover(judged)
                if own & wanted:
                    self._progress.say(f"    failed again: {judged.findings[0]}")
                    self._shorter[tuple(sequence)] = judged.findings
                return bool(own & wanted)
            return False

        return fails

    def _recover(self, judged: Judged) -> None:
        """A pair that is well, with nothing of what was found in its records."""
        self._witness.stop()
        lab = self._lab
        if judged.well_seconds is None:
            self._progress.say("  it is not well: another pair takes its place")
            lab.lag.close()
            lab = self._stage.anew()
        self._stand_on(lab)

    # The end

    def _sum_up(self) -> None:
        """What was judged last is all that there is of its span."""
        if (judged := self._not_summed) is None:
            return
        self._not_summed = None
        self._acked += judged.acked
        for name, count in judged.anomalies.items():
            self._anomalies[name] = self._anomalies.get(name, 0) + count
        self._duplicates += [one.as_json() for one in judged.duplicates]

    def _end_span(self) -> None:
        """What is judged together is judged as a whole."""
        with self._progress.step("rate 0, and everything judged as a whole"):
            judged = self._judge.last(self._span)
        self._findings += judged.findings
        for line in judged.findings:
            self._progress.say(f"  FOUND at the end: {line}")
        self._not_summed = judged
        self._sum_up()

    def _close(self) -> None:
        self._end_span()
        late = alarms.findings(self._alarms.look().raised)
        for line in late:
            self._progress.say(f"  FOUND at the end: {line}")
        self._findings += late

    def _write_piece(self) -> None:
        self._sum_up()
        self._journal.piece(
            code=self._code,
            planned=self._asked.switches,
            began=self._began.isoformat(timespec="seconds"),
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
            acked=self._acked,
            anomalies=self._anomalies,
            duplicates=self._duplicates,
            findings=self._findings,
            **{"from": self._first, "to": self._journal.done},
        )
        journals.write_summary(self._asked.out, self._summary())

    def _summary(self) -> dict[str, object]:
        """Of a sequence that was given no coverage is asked."""
        needed = 0 if self._asked.sequence else self._planner().needed(self._journal.done + 1)
        return journals.summary(self._journal.lines, cells(self._roles, self._asked.only), needed)

    def ended(self) -> Ended:
        """How it ended, for the last lines."""
        told = self._summary()
        covered, needed = told["coverage"], told["switches_needed"]
        if not isinstance(covered, dict) or not isinstance(needed, int):
            raise TypeError("a summary without its coverage")
        given = bool(self._asked.sequence)
        return Ended(
            summary=self._asked.out / journals.SUMMARY,
            findings=self._journal.found,
            done=self._journal.done,
            asked=self._asked.switches,
            table=journals.table(covered),
            coverage="coverage: of a given sequence none is asked" if given else journals.told_of(covered, needed),
            covered=given or not told["not_covered"],
        )


def known_ways(found: Collection[str], known: Collection[str]) -> None:
    """Raises ExperimentError for a way that there is not."""
    if unknown := sorted(set(found) - set(known)):
        raise ExperimentError(f"{', '.join(unknown)}: no way to inject a fault; there are {', '.join(known)}")

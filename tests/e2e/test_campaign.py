"""A short campaign of faults on the real system, with a fixed seed: what a piece of a long one does, switch by switch.
And the shortest sequences that long ones have found something by, each kept in `sequences/`.

The pair is the other tests', so nothing is hit that everybody shares, and no fault is asked of the members' own API,
which this pair does not offer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.fault_campaign.calibration import calibrate
from experiments.fault_campaign.carry import Carried, carry
from experiments.fault_campaign.judge import Judge, Span, begin
from experiments.fault_campaign.kinds import Role
from experiments.fault_campaign.plan import Planner, Step
from experiments.fault_campaign.scene import Scene
from experiments.fault_campaign.sequences import kept
from experiments.fault_campaign.witness import Witness
from experiments.measurements import other
from tests.support.field import Field

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c")]

SEED = 11
SWITCHES = 4
# What missed is planned again; a switch more, and no longer.
MORE = 1
ROLES = frozenset({Role.WORKER, Role.MOVER, Role.CONTROLLER, Role.LEASE, Role.SWITCH})
# Long freezes and cuts are for a session that is shorter than this pair's.
FAULTS = ("worker-kill", "worker-freeze", "mover-kill", "mover-freeze", "controller-kill", "pod-delete", "lease-delete")
KEPT = sorted((Path(__file__).parent / "sequences").glob("c-*.json"))


class Short:
    """A campaign of a few switches on a pair that stands."""

    def __init__(self, field: Field, witness: Witness, folder: Path) -> None:
        self._field = field
        self._witness = witness
        self._judge = Judge(field.lab, witness, folder)
        self._span: Span = begin(field.lab, folder / "span")

    def carry(self, step: Step) -> Carried:
        """One switch, in which nothing may be found."""
        lab = self._field.lab
        carried = carry(Scene(lab, "", lab.active, other(lab.active)), step, self._witness)
        judged = self._judge.judge(self._span, carried)
        assert not judged.findings, "\n".join([*judged.findings, *(f"{at:.3f} {text}" for at, text in judged.timeline)])
        assert judged.outcome, f"switch {step.number} has no outcome"
        return carried

    def end(self) -> None:
        """Everything together, in which nothing may be found either."""
        assert self._judge.last(self._span).findings == []


@contextmanager
def short(field: Field, folder: Path) -> Iterator[Short]:
    lab = field.lab
    witness = Witness(lab.cluster, lab.namespace)
    witness.start()
    lab.active = "blue"
    try:
        yield Short(field, witness, folder)
    finally:
        witness.stop()
        field.attempt = int(field.switch().raw["spec"]["attempt"])
        lab.stack.configuration.set(lagPolicy="wait")


def test_what_holds_under_faults(blue: Field, tmp_path: Path) -> None:
    calibrate(tmp_path / "calibration")
    planner = Planner(SEED, ROLES, FAULTS, reshapes=False)
    missing, number = set(FAULTS), 0
    with short(blue, tmp_path) as campaign:
        while number < SWITCHES or (missing and number < SWITCHES + MORE):
            number += 1
            step = planner.step(number)
            hits = {hit.injection.way for hit in campaign.carry(step).hits if hit.hit}
            planner.count(step, [(way, step.phase) for way in hits])
            missing -= hits
        campaign.end()
    assert not missing, f"never hit in {number} switches: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_what_was_found_once_is_not_found_again(blue: Field, tmp_path: Path, file: Path) -> None:
    with short(blue, tmp_path) as campaign:
        for number, step in enumerate(kept(file, "c"), 1):
            carried = campaign.carry(replace(step, number=number))
            assert all(hit.hit for hit in carried.hits), [hit.missed for hit in carried.hits]
        campaign.end()

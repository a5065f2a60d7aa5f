"""A short campaign of faults on the real system, with a fixed seed: what a piece of a long one does, switch by switch.

The pair is the other tests', so nothing is hit that everybody shares, and no fault is asked of the members' own API,
which this pair does not offer.
"""

from pathlib import Path

import pytest

from experiments.fault_campaign.calibration import calibrate
from experiments.fault_campaign.carry import carry
from experiments.fault_campaign.judge import Judge, begin
from experiments.fault_campaign.kinds import Role
from experiments.fault_campaign.plan import planned
from experiments.fault_campaign.scene import Scene
from experiments.fault_campaign.witness import Witness
from experiments.measurements import other
from tests.support.field import Field

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c")]

SEED = 11
SWITCHES = 4
ROLES = frozenset({Role.WORKER, Role.MOVER, Role.CONTROLLER, Role.LEASE, Role.SWITCH})
# Long freezes and cuts are for a session that is shorter than this pair's.
FAULTS = ("worker-kill", "worker-freeze", "mover-kill", "mover-freeze", "controller-kill", "pod-delete", "lease-delete")


def test_what_holds_under_faults(blue: Field, tmp_path: Path) -> None:
    lab = blue.lab
    calibrate(tmp_path / "calibration")
    witness = Witness(lab.cluster, lab.namespace)
    witness.start()
    judge = Judge(lab, witness, tmp_path)
    lab.active = "blue"
    hits: set[str] = set()
    try:
        span = begin(lab, tmp_path / "span")
        for step in planned(SEED, SWITCHES, ROLES, FAULTS):
            carried = carry(Scene(lab, "", lab.active, other(lab.active)), step, witness)
            judged = judge.judge(span, carried)
            assert not judged.findings, "\n".join(
                [*judged.findings, *(f"{at:.3f} {text}" for at, text in judged.timeline)]
            )
            assert judged.outcome, f"switch {step.number} has no outcome"
            hits |= {hit.injection.way for hit in carried.hits if hit.hit}
        assert judge.last(span).findings == []
    finally:
        witness.stop()
        blue.attempt = int(blue.switch().raw["spec"]["attempt"])
        lab.stack.configuration.set(lagPolicy="wait")
    assert len(hits) >= SWITCHES

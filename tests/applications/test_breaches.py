"""Each breach takes its rule out of the very program that it stands for; that it is found is tried on the cluster
(`python -m tests.applications.breaches`).
"""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from components.strategies.parts import Parts
from experiments.fault_campaign.plan import Step
from experiments.run import REPOSITORY
from tests.applications.breaches import BREACHES, Breach, Tried, main, put, write
from tests.support import connectors

CONSUMERS = [f"statefulsets.apps/consumer-{color}" for color in ("blue", "green")]
AGENTS = [f"statefulsets.apps/agent-{color}" for color in ("blue", "green")]


@pytest.mark.parametrize("breach", BREACHES.values(), ids=lambda breach: breach.what)
def test_it_is_put_where_the_program_looks(breach: Breach) -> None:
    """It runs up to the program's own beginning, and what it replaced is not what was there."""
    program = breach.source + "\nassert callable(main)\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"workloads.{breach.workload}" in breach.source, "its process is found by this in its command line"


def test_an_agent_that_confirms_by_spec_state_takes_what_is_asked_for_for_what_is() -> None:
    program = (
        BREACHES["confirms-by-spec-state"].source
        + """
asked = seen.Connector("c", "RUNNING", ((0, "RUNNING"),), asked=seen.STOPPED)
assert asked.stopped
assert core.pausing(seen.Seen(own=asked)) == core.Done()
assert core.pausing(seen.Seen(own=seen.Connector("c", "RUNNING", asked=seen.RUNNING))) == core.Stop()
"""
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_one_that_forgets_its_pause_handles_what_a_rebalance_gives_it_and_nothing_before() -> None:
    program = (
        BREACHES["forgets-its-pause"].source
        + """
from types import SimpleNamespace as Some

class Backlog(list):
    fault = staticmethod(lambda: None)
    messages = property(lambda own: list(own), lambda own, left: own.__init__(left))
    drop_records = list.clear

def look(assignments, state):
    figures, handled = Some(assignments=assignments), []
    now = Some(state=state, epoch=4, wanted=False, way=Some(starts=None))
    driver = Some(lifecycle=now, control=Some(inbox=[]))
    worker = Some(handle=lambda messages, epoch: handled.extend(messages) or [], stopping=False)
    own = Some(_figures=figures, figures=figures, _driver=driver, _worker=worker, _backlog=Backlog([1, 2]))
    wants = group.GroupListener.wants_flow(own)
    loop.ConsumerLoop._handle(own)
    return wants, handled

assert look(0, State.PAUSED) == (False, [])
assert look(2, State.PAUSED) == (True, [1, 2])
assert look(2, State.ACTIVE) == (True, [1, 2])
"""
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_came_of_it_is_kept(tmp_path: Path) -> None:
    found = ["invariant 6: Ready is False, but blue is asked for", "invariant 1: dual_active 3"]
    kept = json.loads(write(tmp_path, "ignores-its-epoch", Tried(2, found), "abc").read_text())
    assert (kept["breach"], kept["strategy"], kept["code"], kept["switches"]) == ("ignores-its-epoch", "c", "abc", 2)
    assert (kept["caught"], kept["finding"]) == (True, "invariant 1: dual_active 3")
    assert [Step.of(step) for step in kept["steps"]] == list(BREACHES["ignores-its-epoch"].steps)
    missed = json.loads(write(tmp_path, "ignores-its-epoch", Tried(1, found[:1]), "abc").read_text())
    assert (missed["caught"], missed["finding"], missed["findings"]) == (False, "", found[:1])


@pytest.mark.parametrize(
    ("workload", "parts", "patched"),
    [
        ("controller", PARTS, {"deployments.apps/controller": "containers"}),
        ("consumer", PARTS, dict.fromkeys(CONSUMERS, "containers")),
        ("sidecar", PARTS, dict.fromkeys(CONSUMERS, "initContainers")),
        ("sidecar", connectors.parts(), dict.fromkeys(AGENTS, "containers")),
    ],
    ids=["controller", "consumer", "sidecar", "agent"],
)
def test_it_takes_the_place_of_the_program_in_its_container(
    monkeypatch: pytest.MonkeyPatch, workload: str, parts: Parts, patched: dict[str, str]
) -> None:
    did: dict[str, str] = {}
    rolled: list[str] = []

    def run(command: list[str], **_: object) -> None:
        if "patch" in command:
            ((kind, (container,)),) = json.loads(command[-1])["spec"]["template"]["spec"].items()
            assert (container["name"], container["command"][:2]) == (workload, ["python3", "-c"])
            did[command[4]] = kind
        else:
            rolled.append(command[-1])

    monkeypatch.setattr(subprocess, "run", run)
    lab: Any = SimpleNamespace(namespace="ns", parts=parts, whole={}, wait_pods=lambda _: None)
    put(lab, workload, "source\n")
    assert did == patched
    sets = {f"statefulset/{parts.members.object(color)}" for color in ("blue", "green")}
    assert set(rolled) == {"deployment/controller", *sets}


def test_one_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["earthquake"]) == 2
    assert "grants-unconfirmed" in capsys.readouterr().err

"""Each breach takes its rule out of the very program that it stands for; that it is found is tried on the cluster
(`python -m tests.applications.breaches`).
"""

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from components.strategies.parts import Parts
from experiments.run import REPOSITORY
from tests.applications.breaches import BREACHES, Breach, main, put
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

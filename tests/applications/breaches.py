"""Parts of the running system that break an invariant on purpose: `python -m tests.applications.breaches NAME`.

Each is one of our own programs with one rule taken out of it, as source that a container runs in the program's place
(`python3 -c`), so that no image and no setting knows of it. The campaign's pair is brought up, the part is put into it,
switches are carried out that lead to what the rule is for, and the campaign's judge has to find it. Exit codes: 0 it
was found, 1 it was not, 2 it could not be tried. What came of it is in `report/data/breaches/NAME.json`; a result that
is there is replaced. The pair is taken away.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from components.names import COLORS, CONSUMER, CONTROLLER, LIFECYCLE_PORT, SIDECAR
from experiments import environment
from experiments.errors import ExperimentError
from experiments.fault_campaign.carry import carry
from experiments.fault_campaign.judge import Judge, begin
from experiments.fault_campaign.kinds import Phase
from experiments.fault_campaign.plan import Injection, Side, Step
from experiments.fault_campaign.scene import Scene
from experiments.fault_campaign.stage import Stage
from experiments.fault_campaign.witness import Witness
from experiments.interrupts import Interrupts
from experiments.kubectl import output_of
from experiments.lab import Lab
from experiments.measurements import other
from experiments.preflight import only_one, preflight
from experiments.progress import Progress
from experiments.run import REPOSITORY

_PATCH_SECONDS = 60.0
RESULTS = REPOSITORY / "report" / "data" / "breaches"
_MAIN = "raise SystemExit(main())\n"

GRANTS_UNCONFIRMED = """
from dataclasses import replace
from workloads.common.report import Report
from workloads.common.states import State
from workloads.controller import loop
from workloads.controller.__main__ import main

real = loop.decide

def decide(seen):
    grant = seen.grant
    if grant is None or grant.holder is not None or grant.unconfirmed:
        return real(seen)
    said = Report("", State.PAUSED, grant.epoch, grant.epoch)
    return real(replace(seen, listed=True, members=tuple(replace(m, report=said) for m in seen.members)))

loop.decide = decide
"""

IGNORES_ITS_EPOCH = """
from dataclasses import replace
from workloads.consumer.__main__ import main
from workloads.member import driver, lifecycle

real = driver.step

def step(now, event):
    if isinstance(event, lifecycle.Pause | lifecycle.Resume):
        now = replace(now, seen_epoch=0, paused_epoch=-1)
    return real(now, event)

driver.step = step
"""

RESUMES_FROM_AN_OLD_LEASE = """
from workloads.common.states import State
from workloads.sidecar import mover
from workloads.sidecar.__main__ import main
from workloads.sidecar.step import Next, ResumeConsumer

real = mover.step
held = []

def step(view):
    if view.granted:
        held[:] = [view.grant]
    said = view.consumer
    begun_anew = held and said is not None and said.state is State.PAUSED and said.seen_epoch < held[0].epoch
    if not view.granted and begun_anew:
        return Next(ResumeConsumer(held[0].epoch, said.voids))
    return real(view)

mover.step = step
"""

COPIES_NO_OFFSETS = """
from dataclasses import replace
from workloads.consumer.__main__ import main
from workloads.handling import carry

real = carry.start

def start(found, epoch=None):
    return real(replace(found, other=None), epoch)

carry.start = start
"""

FORGETS_ITS_PAUSE = """
from workloads.common.states import State
from workloads.consumer import group, loop
from workloads.consumer.__main__ import main

wants, handle = group.GroupListener.wants_flow, loop.ConsumerLoop._handle

def wants_flow(own):
    return own._figures.assignments > 0 or wants(own)

def handles(own):
    backlog, driver = own._backlog, own._driver
    if driver.lifecycle.state is State.PAUSED and own.figures.assignments > 1:
        while backlog:
            if backlog.fault() is None:
                backlog.messages = own._worker.handle(backlog.messages, driver.lifecycle.epoch)
    handle(own)

group.GroupListener.wants_flow = wants_flow
loop.ConsumerLoop._handle = handles
"""

CONFIRMS_BY_SPEC_STATE = """
from workloads.sidecar.__main__ import main
from workloads.sidecar.connect import core, seen

def pausing(now):
    if now.own is None:
        return core.Look(core.Sight.OWN)
    return core.Done() if now.own.asked == seen.STOPPED else core.Stop()

core.pausing = pausing
seen.Connector.stopped = property(lambda own: own.asked == seen.STOPPED)
"""

ALWAYS_READY = """
from workloads.controller import status
from workloads.controller.__main__ import main

status.unreadiness = lambda *some, **more: None
"""


@dataclass(frozen=True, slots=True)
class Breach:
    """What is broken, and in whose place: a workload of a strategy's pair. says: what the judge has to find.

    steps: the switches; stray: after the last of them, a resume of the epoch before is posted to a consumer of the
    colour that was left, as one that was long under way.
    """

    what: str
    strategy: str
    workload: str
    source: str
    says: str
    steps: tuple[Step, ...]
    stray: bool = False


def _step(
    number: int, phase: Phase, *ways: tuple[str, float], pod: int = 1, after: float = 0.0, side: Side = "old"
) -> Step:
    injections = tuple(Injection(way, side, pod, seconds, after) for way, seconds in ways)
    return Step(number, phase, "patch", injections)


_PLAIN = _step(1, Phase.MOMENT)

BREACHES: dict[str, Breach] = {
    "grants-unconfirmed": Breach(
        "a controller that grants without confirmation",
        "c",
        CONTROLLER,
        GRANTS_UNCONFIRMED,
        "invariant 1: dual_active",
        (_step(1, Phase.STEADY, ("mover-freeze", 6.0)), _step(2, Phase.STEADY, ("mover-freeze", 6.0), pod=0)),
    ),
    "ignores-its-epoch": Breach(
        "a consumer that ignores its epoch",
        "c",
        CONSUMER,
        IGNORES_ITS_EPOCH,
        "invariant 1: dual_active",
        (_PLAIN,),
        stray=True,
    ),
    "resumes-from-an-old-lease": Breach(
        "a sidecar that resumes from an old Lease",
        "c",
        SIDECAR,
        RESUMES_FROM_AN_OLD_LEASE,
        "invariant 1: dual_active",
        # Killed when it was left, and the other colour is at work: its next process has heard of no epoch yet.
        tuple(_step(number, Phase.MOMENT, ("worker-kill", 0.0), pod=0, after=4.0) for number in (1, 2)),
    ),
    "copies-no-offsets": Breach(
        "a B without copied offsets",
        "b",
        CONSUMER,
        COPIES_NO_OFFSETS,
        "invariant 5: duplicates",
        (_PLAIN, _step(2, Phase.MOMENT), _step(3, Phase.MOMENT)),
    ),
    "forgets-its-pause": Breach(
        "a paused consumer that reads what a rebalance gives it",
        "b",
        CONSUMER,
        FORGETS_ITS_PAUSE,
        "invariant 1: dual_active",
        # A pod of the colour that waits goes, so its group is balanced anew while it is PAUSED.
        tuple(_step(number, Phase.STEADY, ("pod-delete", 0.0), side="new") for number in (1, 2)),
    ),
    "confirms-by-spec-state": Breach(
        "an agent that confirms by spec.state",
        "e",
        SIDECAR,
        CONFIRMS_BY_SPEC_STATE,
        "invariant 1: dual_active",
        # A worker that stands still has not heard that it is to stop. It goes on with what came meanwhile.
        tuple(_step(number, Phase.STEADY, ("worker-freeze", seconds)) for number, seconds in ((1, 9.0), (2, 5.0))),
    ),
    "always-ready": Breach(
        "a Ready that is always True",
        "c",
        CONTROLLER,
        ALWAYS_READY,
        "invariant 6: Ready is True",
        (_step(1, Phase.STEADY, ("mover-freeze", 9.0)),),
    ),
}


def put(lab: Lab, workload: str, source: str) -> None:
    """Have the workload's containers run this in the place of their program, and wait for their pods. A sidecar is an
    init container beside the consumer, and an agent's only container.
    """
    container = {"name": workload, "command": ["python3", "-c", source + _MAIN]}
    if workload == CONTROLLER:
        _patch(lab.namespace, f"deployments.apps/{CONTROLLER}", {"containers": [container]})
    else:
        kind = "initContainers" if workload == SIDECAR and lab.parts.workers is None else "containers"
        for name in _sets(lab):
            _patch(lab.namespace, f"statefulsets.apps/{name}", {kind: [container]})
    _wait_rolled(lab, source)


def _sets(lab: Lab) -> list[str]:
    members = lab.parts.members
    return [members.object(color) for color in COLORS]


def _patch(namespace: str, what: str, spec: dict[str, object]) -> None:
    change = {"spec": {"template": {"spec": spec}}}
    command = ["kubectl", "patch", "-n", namespace, what, "--type", "strategic", "-p", json.dumps(change)]
    subprocess.run(command, check=True, capture_output=True, timeout=_PATCH_SECONDS)


def _wait_rolled(lab: Lab, source: str) -> None:
    """Until every pod that has the part runs it."""
    ends = time.monotonic() + 3 * _PATCH_SECONDS
    rolled = ["rollout", "status", "-n", lab.namespace, "--timeout", f"{3 * _PATCH_SECONDS:.0f}s"]
    for what in (f"deployment/{CONTROLLER}", *(f"statefulset/{name}" for name in _sets(lab))):
        subprocess.run(["kubectl", *rolled, what], check=True, capture_output=True, timeout=3 * _PATCH_SECONDS)
    lab.wait_pods(lab.whole)
    if time.monotonic() > ends:
        raise ExperimentError(f"the pods did not come to run {source.strip().splitlines()[0]} in time")


def _stray_resume(lab: Lab) -> None:
    """To a consumer of the colour that waits, of the epoch under which it was at work."""
    waiting, epoch = other(lab.active), lab.wait_steady().epoch - 2
    program = (
        "import json, urllib.request as r; "
        f"q = r.Request('http://127.0.0.1:{LIFECYCLE_PORT}/lifecycle/resume', "
        f"json.dumps({{'epoch': {epoch}, 'deadline_ms': 3000}}).encode(), "
        "headers={'Content-Type': 'application/json'}); print(r.urlopen(q, timeout=10).read())"
    )
    with suppress(ExperimentError):  # one that is right refuses it
        output_of(lab.namespace, lab.pod(waiting, 0), CONSUMER, ["python3", "-c", program], seconds=30.0)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a breach. switches: how many there were until it was caught, or in all. findings: all of them."""

    switches: int
    findings: Sequence[str]

    def caught(self, breach: Breach) -> str:
        """The finding that it was caught by; empty: by none."""
        return next((text for text in self.findings if text.startswith(breach.says)), "")


def write(folder: Path, name: str, came: Tried, code: str | None) -> Path:
    """The result of a breach, as JSON. code: the commit that was run."""
    breach = BREACHES[name]
    content = {
        "schema": 1,
        "breach": name,
        "what": breach.what,
        "strategy": breach.strategy,
        "code": code,
        "seed": None,  # its steps are given, and below
        "steps": [step.as_json() for step in breach.steps],
        "switches": came.switches,
        "caught": bool(came.caught(breach)),
        "finding": came.caught(breach),
        "findings": list(came.findings),
    }
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.json"
    target.write_text(json.dumps(content, indent=1) + "\n")
    return target


def tried(breach: Breach, stage: Stage, lab: Lab, scratch: Path, say: Callable[[str], None]) -> Tried:
    """What the judge finds of a pair that has the breach."""
    put(lab, breach.workload, breach.source)
    witness = Witness(lab.cluster, lab.namespace)
    witness.start()
    judge = Judge(lab, witness, scratch)
    found: list[str] = []
    switches = 0
    try:
        live = lab.cluster.switch(lab.namespace)
        lab.active = "green" if live.active == "green" else "blue"
        span = begin(lab, scratch / "span")
        for step in breach.steps:
            carried = carry(Scene(lab, stage.bootstrap, lab.active, other(lab.active)), step, witness)
            if breach.stray and step is breach.steps[-1]:
                lab.active = carried.target
                _stray_resume(lab)
            judged = judge.judge(span, carried)
            say(f"{carried.source} -> {carried.target}: {judged.outcome}; {'; '.join(judged.findings) or 'nothing'}")
            found += judged.findings
            switches += 1
            if any(text.startswith(breach.says) for text in found):
                break
    finally:
        witness.stop()
        lab.lag.close()
    return Tried(switches, found)


def main(arguments: list[str]) -> int:
    """The command."""
    if len(arguments) != 1 or arguments[0] not in BREACHES:
        sys.stderr.write(f"one of {', '.join(BREACHES)}\n")
        return 2
    breach, progress = BREACHES[arguments[0]], Progress()
    with Interrupts() as interrupts, tempfile.TemporaryDirectory() as folder, only_one(f"breach-{breach.strategy}"):
        scratch = Path(folder)
        stage = Stage(REPOSITORY, breach.strategy, scratch, preflight(), interrupts=interrupts, progress=progress)
        try:
            came = tried(breach, stage, stage.prepare(), scratch, progress.say)
        except ExperimentError as error:
            progress.say(f"{breach.what}: could not be tried: {error}")
            return 2
        finally:
            stage.end()
    caught = came.caught(breach)
    progress.say(f"{breach.what}: {'found: ' + caught if caught else 'NOT found'}")
    progress.say(f"result: {write(RESULTS, arguments[0], came, environment.commit())}")
    return 0 if caught else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""After a switch: what is waited for, and what is found, with everybody replaced but the validator and the logs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.strategies.consumers import PARTS
from experiments import recorders
from experiments.cluster import ClusterError, LiveSwitch
from experiments.errors import DeadlineError, PreconditionError
from experiments.fault_campaign import judge as room
from experiments.fault_campaign import shapes
from experiments.fault_campaign.carry import Carried
from experiments.fault_campaign.injection import Hit
from experiments.fault_campaign.judge import Judge, Judged, Span, crashes, patiently, record_findings, stepped
from experiments.fault_campaign.kinds import Phase
from experiments.fault_campaign.plan import Injection, Step
from experiments.fault_campaign.tail import Tail
from tests.experiments.fault_campaign.samples import EXPLAINED
from tests.experiments.fault_campaign.test_tail import Volume
from tests.experiments.test_recorders import ONE

NS = 1_000_000_000
GREEN = "consumer-green-0"


class World:
    """A pair of one pod each, in which green has been switched to, and everything is as it has to be."""

    def __init__(self, folder: Path) -> None:
        self.volume = Volume(folder)
        for kind in ("produced", "consumed", "events"):
            (folder / GREEN / kind).mkdir(parents=True)
        self.volume.pods.append(GREEN)
        self.active = self.wanted = self.holder = "green"
        self.ready, self.settled, self.outcome = "True", "True", "Switched"
        self.owned: dict[str, list[int]] = {"green": [0, 1], "blue": []}
        self.pods: list[Any] = []
        self.said_ready = ("", 0)
        self.did: list[str] = []
        self.fails: dict[str, list[Exception]] = {}
        self.lab: Any = SimpleNamespace(
            namespace="ns",
            active="blue",
            parts=PARTS,
            whole={"blue": 1, "green": 1},
            settings=SimpleNamespace(partitions=2),
            wait_pods=lambda _: self.do("pods"),
            wait_assigned=lambda color, _: self.do(f"{color} assigned"),
            lag=SimpleNamespace(
                members=lambda: (
                    [SimpleNamespace(color=c, positions=dict.fromkeys(own, 1)) for c, own in self.owned.items()],
                    [],
                ),
                wait_flow=lambda _, color: self.do(f"flow of {color}"),
                wait_caught_up=lambda _, color: self.do(f"{color} caught up"),
            ),
            cluster=SimpleNamespace(
                switch=lambda _: self.live(),
                lease=lambda _: self.lease(),
                pods=lambda *_: self.pods,
                delete_pod=self.delete_pod,
                wait_switch=self.wait,
            ),
        )

    def do(self, what: str) -> None:
        if self.fails.get(what):
            raise self.fails[what].pop(0)
        self.did.append(what)

    def delete_pod(self, _: str, name: str) -> None:
        self.do(f"delete {name}")
        self.pods = [pod for pod in self.pods if pod.name != name]

    def live(self) -> LiveSwitch:
        conditions = [
            {"type": kind, "status": status, "observedGeneration": 4}
            for kind, status in (("Ready", self.ready), ("Settled", self.settled))
        ]
        last = {"from": "blue", "to": "green", "epoch": 6, "outcome": self.outcome, "generation": 4}
        status = {"active": self.active, "phase": "Ready", "conditions": conditions, "lastSwitch": last}
        return LiveSwitch.of({"metadata": {"generation": 4}, "spec": {"active": self.wanted}, "status": status})

    def lease(self) -> Mapping[str, Any]:
        return {"metadata": {}, "spec": {"holderIdentity": self.holder}}

    def wait(self, _: str, missing: Callable[[LiveSwitch], str | None], what: str, seconds: float) -> LiveSwitch:
        if (said := missing(self.live())) is not None:
            raise DeadlineError(what, seconds, said)
        return self.live()

    def produce(self, *seqs: int) -> None:
        for seq in seqs:
            line = {"producer": "p0", "seq": seq, "topic": "t", "partition": 0, "offset": seq, "status": "acked"}
            self.volume.write("producer-0", "produced", "p0.jsonl", json.dumps(line | {"t": seq * NS}) + "\n")

    def consume(self, pod: str, epoch: int, *seqs: int, at: int = 1) -> None:
        color = pod.split("-")[1]
        for seq in seqs:
            line = {"color": color, "pod": pod, "epoch": epoch, "producer": "p0", "seq": seq, "topic": "t"}
            line |= {"partition": 0, "offset": seq, "t": (seq + at) * NS}
            self.volume.write(pod, "consumed", f"{pod}.{color}.jsonl", json.dumps(line) + "\n")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for that is not there."""
    monkeypatch.setattr(shapes, "look", lambda _: None)
    for name in ("_AGREE_SECONDS", "_WRITTEN_SECONDS", "_LEAST_SECONDS", "_POLL_SECONDS"):
        monkeypatch.setattr(room, name, 0.0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "volumes")
    made.produce(1, 2, 3, 4)
    made.consume("consumer-blue-0", 4, 1, 2)
    made.consume(GREEN, 6, 3, 4)
    return made


def carried(way: str = "worker-kill", commanded: str = "patch", **more: Any) -> Carried:
    one = Injection(way, "old", 0, 0.0, 0.0)
    step = Step(1, Phase.STEADY, "up" if commanded == "up" else "patch", (one,))
    hit = Hit(one, 2.5, "consumer-blue-0", 2.6)
    return Carried(step, "blue", "green", 1.0, 5.0, before=3, hits=[hit], **more)


def judged(world: World, tmp_path: Path, done: Carried | None = None, leases: list[Any] | None = None) -> Judged:
    witness: Any = SimpleNamespace(
        leases=lambda: leases or [],
        since=lambda _: [(1.0, "seen")],
        at_work=lambda _: world.said_ready,
        note=lambda _: None,
    )
    processes: Any = world.volume
    span = Span(Tail(processes, PARTS, tmp_path / "copy", 0.0), 0, "p0")
    return Judge(world.lab, witness, tmp_path).judge(span, done or carried())


def test_nothing_is_found_where_all_is_well(world: World, tmp_path: Path) -> None:
    found = judged(world, tmp_path)
    assert found.findings == []
    assert (found.outcome, found.acked, found.anomalies, found.timeline) == ("Switched", 4, {}, ())
    assert found.well_seconds is not None
    assert world.lab.active == "green"
    assert world.did == ["pods", "flow of green", "blue assigned", "green caught up"]


def findings(world: World, tmp_path: Path, done: Carried | None = None) -> str:
    return "\n".join(judged(world, tmp_path, done).findings)


def test_a_switch_without_an_outcome_is_found(world: World, tmp_path: Path) -> None:
    world.outcome = ""
    assert "invariant 4: generation 4 has no outcome" in findings(world, tmp_path)


def test_a_record_that_nobody_handled_is_lost(world: World, tmp_path: Path) -> None:
    world.produce(5)
    assert findings(world, tmp_path) == "invariant 5: lost 1"


def test_two_colours_at_work_at_once_are_found(world: World, tmp_path: Path) -> None:
    world.produce(5)
    world.consume("consumer-blue-0", 4, 5, at=9)
    assert "invariant 1: dual_active 1" in findings(world, tmp_path)


def test_a_record_that_was_handled_twice_is_explained_by_the_crash_of_its_pod(world: World, tmp_path: Path) -> None:
    """And by nothing, where that one has lived on."""
    world.consume(GREEN, 6, 2, at=3)
    lived = judged(world, tmp_path / "lived")
    assert "nothing that could explain it" in "\n".join(lived.findings)
    again = json.dumps({"event": "ACTIVE", "epoch": 4, "partitions": [], "t": 4 * NS}) + "\n"
    (world.volume.folder / "consumer-blue-0" / "events" / "consumer-blue-0.again.jsonl").write_text(again)
    found = judged(world, tmp_path)
    assert not any("duplicate" in text for text in found.findings)
    assert [(one.count, one.crash and one.crash.what, one.mechanism) for one in found.duplicates] == [
        (1, "worker-kill", "its process ended")
    ]
    assert any("worker-kill of consumer-blue-0 begins" in line for line in found.duplicates[0].timeline)


def test_colours_that_overlap_by_less_than_what_was_seen_late_are_not_told_apart(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who handles no records itself has them written down by others, who see them late."""
    world.produce(5)
    world.consume("consumer-blue-0", 4, 5, at=0)  # 5 s, while green has handled one at 5 s
    late = replace(ONE, late_seconds_max=0.0)
    monkeypatch.setattr(recorders, "every", lambda *_: [late])
    assert "dual_active 1" in findings(world, tmp_path / "sharp")
    late = replace(ONE, late_seconds_max=2.5)
    assert "dual_active" not in findings(world, tmp_path / "late")


def test_without_a_crash_it_is_found(world: World, tmp_path: Path) -> None:
    world.consume(GREEN, 6, 2, at=3)
    assert "nothing that could explain it" in findings(world, tmp_path, carried("mover-kill"))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"ready": "False"}, "invariant 6: Ready is False, but green is asked for"),
        ({"holder": "blue"}, "invariant 6: Ready is True, but green is asked for, blue holds the grant"),
        ({"owned": {"green": [0], "blue": []}}, "green owns 1 of 2"),
        ({"settled": "False"}, "invariant 4: 90 s after its faults it is not well by itself"),
        ({"outcome": "RollbackBlocked"}, "invariant 4: 90 s after its faults it is not well by itself"),
    ],
)
def test_what_is_not_as_it_has_to_be_is_found(world: World, tmp_path: Path, broken: dict[str, Any], says: str) -> None:
    vars(world).update(broken)
    found = judged(world, tmp_path)
    assert says in "\n".join(found.findings)
    assert found.timeline == [(1.0, "seen")]


def test_pods_that_do_not_come_back_need_a_hand(world: World, tmp_path: Path) -> None:
    world.fails["pods"] = [DeadlineError("the pods", 90, "consumer-blue 0 of 1 ready")] * 9
    monkey = carried()
    assert "consumer-blue 0 of 1 ready" in findings(world, tmp_path, monkey)


def test_an_update_that_returned_0_for_nothing_is_found(world: World, tmp_path: Path) -> None:
    world.active = world.holder = "blue"
    world.owned, world.outcome, world.ready = {"blue": [0, 1]}, "Failed", "False"
    assert "invariant 6: pulumi up returned 0 for green" in findings(world, tmp_path, carried(commanded="up"))
    assert findings(world, tmp_path / "again", carried(commanded="up", error="it failed")) == ""


@pytest.mark.parametrize(
    ("way", "said", "found"),
    [
        ("worker-kill", ("green", 4), "invariant 6: pulumi up failed, but green was active and Ready: it failed"),
        ("worker-kill", ("", 0), ""),
        ("worker-kill", ("green", 3), ""),
        ("worker-kill", ("blue", 4), ""),
        ("api-restart", ("green", 4), ""),
    ],
    ids=["it was so", "not yet", "of another generation", "another colour", "the API server was hit"],
)
def test_an_update_that_failed_where_the_switch_was_there_is_found(
    world: World, tmp_path: Path, way: str, said: tuple[str, int], found: str
) -> None:
    """Found by an audit: only the other way round was looked at."""
    world.said_ready = said
    done = carried(way, commanded="up", error="updating:\n  it failed\n", returned=4.0)
    assert findings(world, tmp_path, done).replace(":   ", ": ") == found


def test_nothing_is_done_by_hand_before_it_is_judged_whether_all_is_well(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by an audit: pods were deleted first, and then it was judged that nothing needed a hand."""
    often = SimpleNamespace(
        name=GREEN, app="consumer", restarts_by_container={"consumer": 3}, terminating=False, ready=True
    )
    controller = SimpleNamespace(
        name="controller-x", app="controller", restarts_by_container={"controller": 0}, terminating=False, ready=True
    )
    world.pods = [often, controller]
    found = judged(world, tmp_path)
    assert (found.made_anew, found.findings) == ([GREEN], [])
    assert world.did == ["pods", "flow of green", "blue assigned", f"delete {GREEN}", "green caught up", "pods"]
    world.pods = [often]
    monkeypatch.setattr(room, "_WELL_SECONDS", 0.0)
    assert "made anew do not come back" in findings(world, tmp_path / "gone"), "there is no controller"
    world.pods, world.did = [often, controller], []
    world.settled = "False"
    assert judged(world, tmp_path / "unwell").made_anew == []
    assert f"delete {GREEN}" not in world.did


def test_what_cannot_be_taken_back_is_found(world: World, tmp_path: Path) -> None:
    done = carried()
    done.hits[0].left = "the route is not there"
    assert "worker-kill cannot be taken back: the route is not there" in findings(world, tmp_path, done)


def test_what_cannot_be_judged_is_no_pass(world: World, tmp_path: Path) -> None:
    world.volume.write(GREEN, "consumed", f"{GREEN}.green.jsonl", "{}\n")
    assert "what became of the records cannot be told" in findings(world, tmp_path)


def test_the_members_that_were_held_count_as_crashed() -> None:
    done = carried("lease-delete", held=("consumer-blue-0",))
    assert [(one.what, one.pod) for one in crashes(done)] == [("held in steady", "consumer-blue-0")]
    assert [(one.what, one.pod) for one in crashes(carried("broker-stall"))] == [("broker-stall", "")]


def test_the_clocks_that_were_stepped_are_known() -> None:
    (found,) = stepped(carried("clock-step"))
    assert (found.pod, found.seconds, found.began, found.ended) == ("consumer-blue-0", -86_400, 2.5, 2.6)
    assert stepped(carried("worker-kill")) == []


def test_duplicates_at_other_offsets_are_not_explained() -> None:
    assert record_findings({"duplicate": 3}, [EXPLAINED]) == []
    assert record_findings({"duplicate": 5}, [EXPLAINED]) == [
        "invariant 5: 2 duplicates at other offsets than where they were handled first"
    ]


def test_who_does_not_answer_is_asked_again_until_the_time_is_over() -> None:
    said: list[Exception] = [ClusterError("503", 503), PreconditionError("not yet")]

    def answer() -> str:
        if said:
            raise said.pop()
        return "there"

    assert patiently("somebody", answer, 60) == "there"

    def never() -> str:
        raise ClusterError("503", 503)

    with pytest.raises(DeadlineError, match="waited 0 s for somebody; last seen: 503"):
        patiently("somebody", never, 0)

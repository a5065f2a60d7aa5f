"""The two sets of pods get the number of the switch: by their scale alone, and only what differs."""

import threading
from typing import Any

import pytest

from tests.workloads.controller.samples import switch_object
from tests.workloads.controller.script import Script
from workloads.common.kube import ApiError, Kube, Object
from workloads.common.lease import Grant, Shape
from workloads.common.states import Color, Outcome, State
from workloads.controller.observe import SwitchError, read_switch
from workloads.controller.scaled import Size, held
from workloads.controller.sets import SETS, SetSizes
from workloads.controller.terms import phase_key

PATH = SETS.format("n")
WAY = "takeover/classic"


class Scales(Kube):
    """The scales of some StatefulSets. errors: raised by the next calls. written: set once `until` writes are in."""

    def __init__(self, until: int = 1, **pods: int) -> None:
        self.pods = pods
        self.errors: list[Exception] = []
        self.calls: list[tuple[str, str, Any]] = []
        self.written = threading.Event()
        self._until = until

    def get(self, path: str, *, deadline: float = 1.0) -> Object:
        if self.errors:
            raise self.errors.pop()
        self.calls.append(("get", path, None))
        name = _name(path)
        if name not in self.pods:
            raise ApiError("GET", 404, "NotFound", "there is no such set")
        return {"metadata": {"resourceVersion": "7"}, "spec": {"replicas": self.pods[name]}}

    def patch(self, path: str, body: Object, **_: Any) -> Object:
        self.calls.append(("patch", path, body))
        self.pods[_name(path)] = body["spec"]["replicas"]
        if sum(call[0] == "patch" for call in self.calls) >= self._until:
            self.written.set()
        return body


def _name(path: str) -> str:
    start, name, scale = path.rsplit("/", 2)
    assert (start, scale) == (PATH, "scale"), "nothing else of a set is written or read"
    return name


@pytest.mark.parametrize(
    ("has", "size", "written"),
    [
        (3, Size(6, fewer=True), True),
        (3, Size(6, fewer=False), True),
        (6, Size(3, fewer=True), True),
        (6, Size(3, fewer=False), False),
        (3, Size(3, fewer=True), False),
    ],
)
def test_a_set_gets_its_size_unless_pods_would_go_that_are_wanted_still(has: int, size: Size, written: bool) -> None:
    kube = Scales(a=has)
    assert SetSizes(kube, PATH).write("a", size, lambda: True) is written
    assert kube.pods == {"a": size.pods if written else has}


def test_no_pod_is_taken_away_by_what_the_lease_does_not_say_any_more() -> None:
    """Another controller may have granted more; and a set that somebody has written since is looked at again."""
    kube = Scales(a=6)
    sizes = SetSizes(kube, PATH)
    assert not sizes.write("a", Size(3, fewer=True), lambda: False)
    assert kube.pods == {"a": 6}
    assert sizes.write("a", Size(7, fewer=True), lambda: False), "more can do no harm"
    assert sizes.write("a", Size(3, fewer=True), lambda: True)
    more, fewer = (body for kind, _, body in kube.calls if kind == "patch")
    assert more == {"spec": {"replicas": 7}}
    assert fewer == {"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 3}}


def test_both_sets_are_written_beside_whoever_asks_and_a_refusal_is_tried_again() -> None:
    kube = Scales(until=2, a=3, b=3)
    kube.errors = [ApiError("GET", 404, "NotFound", "not yet")]
    sizes = SetSizes(kube, PATH)
    sizes.want(("a", "b"), Size(6, fewer=True), lambda: True)
    sizes.thread.start()
    assert kube.written.wait(10)
    sizes.stop()
    sizes.thread.join(10)
    assert not sizes.thread.is_alive()
    assert kube.pods == {"a": 6, "b": 6}


def test_a_set_that_is_not_there_holds_the_other_up_for_nothing() -> None:
    kube = Scales(b=3)  # "a" is not: its scale cannot be read, however often
    sizes = SetSizes(kube, PATH)
    sizes.want(("a", "b"), Size(6, fewer=True), lambda: True)
    sizes.thread.start()
    assert kube.written.wait(10)
    sizes.stop()
    sizes.thread.join(10)
    assert kube.pods == {"b": 6}


def test_sets_without_a_name_or_a_number_are_left_alone() -> None:
    kube = Scales(a=3)
    sizes = SetSizes(kube, PATH)
    sizes.want(("", ""), Size(6, fewer=True), lambda: True)
    sizes.want(("a", ""), None, lambda: True)
    sizes.thread.start()
    sizes.stop()
    sizes.thread.join(10)
    assert kube.calls == []


# -- what the switch says ------------------------------------------------------------------------------------------


def scaled(number: int = 5) -> Object:
    made = switch_object(replicas=number, way=WAY)
    for color in Color:
        made["spec"][color]["set"] = f"consumer-{color}"
    return made


def test_one_number_is_that_of_both_colours() -> None:
    switch = read_switch(scaled())
    assert (switch.spec.number, switch.spec.replicas) == (5, (5, 5))
    assert switch.sets == ("consumer-blue", "consumer-green")
    plain = read_switch(switch_object())
    assert (plain.spec.number, plain.spec.replicas, plain.sets) == (None, (3, 2), ("", ""))


def test_one_number_needs_a_way_to_grant_it() -> None:
    made = scaled()
    del made["spec"]["way"]
    with pytest.raises(SwitchError, match=r"spec\.replicas: .* needs spec\.way"):
        read_switch(made)


def test_a_number_that_a_scaler_has_left_behind_is_none() -> None:
    """Whoever takes the scaler away has the sets named no more; the field is another writer's, and stays."""
    spec = read_switch(switch_object(replicas=5, way=WAY)).spec
    assert (spec.number, spec.replicas) == (None, (3, 2))


# -- the loop ------------------------------------------------------------------------------------------------------


def _asks(script: Script, active: str, generation: int, number: int) -> None:
    """The script's switch, with a scaler's number."""
    made = script.asks(active, generation, replicas=number, way=WAY)
    for color in Color:
        made["spec"][color] |= {"set": f"consumer-{color}", "group": "g"}
    script.store.switch_is(made)


def _begun() -> Script:
    script = Script()
    _asks(script, "blue", 1, 2)
    script.turn()
    shape = Shape(2, 4, WAY)
    script.leased(Grant(Color.BLUE, 2, Color.BLUE, None, 1, Outcome.SWITCHED, shape=shape, asked="blue  1"))
    script.store.pods_listed([], 1)
    script.stands(Color.BLUE, State.ACTIVE, 2)
    script.stands(Color.GREEN, State.PAUSED, 2)
    script.turn()
    return script


def test_a_scalers_number_goes_to_both_sets_and_is_granted_when_the_pods_are_there() -> None:
    script = _begun()
    assert script.sets.wanted == dict.fromkeys(("consumer-blue", "consumer-green"), Size(2, fewer=True))
    status = script.publisher.status
    assert (status["replicas"], status["observedGeneration"]) == (2, 1)
    assert status["selector"] == "app.kubernetes.io/name=consumer,kafka-bluegreen.io/color=blue"
    _asks(script, "blue", 2, 3)
    script.turn()
    grant = script.grant()
    assert grant is not None
    assert (grant.generation, grant.epoch, grant.outcome) == (2, 2, Outcome.SWITCHED), "settled, and nothing moved"
    assert script.sets.wanted["consumer-blue"] == Size(3, fewer=True)
    assert script.condition("Ready")[0] == "True"


def test_a_number_that_comes_during_a_switch_changes_nothing_of_it() -> None:
    script = _begun()
    _asks(script, "green", 2, 2)
    script.turn()
    withdrawn = script.grant()
    assert withdrawn is not None
    assert (withdrawn.holder, withdrawn.leave) == (None, False)
    _asks(script, "green", 3, 3)
    script.turn()
    assert script.grant() == withdrawn
    assert script.sets.wanted["consumer-green"] == Size(2, fewer=False)
    assert script.publisher.status["observedGeneration"] == 3, "what is shown is of the object as it is now"
    assert script.condition("Settled")[0] == "False"


def test_a_switch_that_waits_goes_on_waiting_when_a_number_comes() -> None:
    """By the lag that it waits for the scaler gives more pods: the time for the lag does not begin anew with each."""
    script = _begun()
    keys = set()
    for generation, number in ((2, 2), (3, 3), (4, 4)):
        _asks(script, "green", generation, number)
        switch = script.store.look().asked.switch
        assert switch is not None
        grant = script.grant()
        keys.add(phase_key(held(switch.spec, grant), grant))
    assert len(keys) == 1
    _asks(script, "blue", 5, 4)
    switch = script.store.look().asked.switch
    assert switch is not None
    assert phase_key(held(switch.spec, script.grant()), script.grant()) not in keys


def test_without_a_scaler_there_is_no_scale_to_be_shown() -> None:
    script = Script()
    script.begins(Grant(Color.BLUE, 2, Color.BLUE, None, 1, Outcome.SWITCHED))
    assert {"replicas", "selector"}.isdisjoint(script.publisher.status)
    assert script.sets.wanted == {}

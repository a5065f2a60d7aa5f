"""What is done for everything that is registered: taken back, compared with what stands, explained."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import pulumi
import pytest
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import names, standing, switch
from components.cluster.access import ClusterAccess
from components.cluster.errors import ApiError
from components.live_objects import DesiredObject, Difference
from components.live_switch import SwitchError
from components.platform_stack import build_platform
from components.settings import StackName, platform_settings, strategy_settings
from components.standing import Explanation, Standing, Workload, compare, forced, look
from components.strategy_stack import build_strategy
from tests.components.strategy_stack.deployed import live
from tests.support.recorder import Recorder, deploy

FORCE = "pulumi.com/patchForce"


# -- what others wrote is taken back ---------------------------------------------------------------------


def test_one_metadata_of_several_objects_stays_as_it_is() -> None:
    shared = ObjectMetaArgs(name="n", annotations={"a": "1"})
    assert forced(shared).annotations == {FORCE: "true", "a": "1"}
    assert shared.annotations == {"a": "1"}
    assert forced(ObjectMetaArgs(name="n")).annotations == {FORCE: "true"}
    assert forced({"name": "n"}) == {"name": "n", "annotations": {FORCE: "true"}}


def test_who_says_otherwise_is_left_alone() -> None:
    assert forced(ObjectMetaArgs(annotations={FORCE: "false"})).annotations == {FORCE: "false"}


# -- a whole stack ---------------------------------------------------------------------------------------


def up(letter: str, monkeypatch: pytest.MonkeyPatch, preview: bool = False) -> tuple[Recorder, list[DesiredObject]]:
    """A strategy stack as __main__ makes it; what it was compared with what stands there."""
    compared: list[DesiredObject] = []

    def differences(wanted: Sequence[DesiredObject], _: ClusterAccess) -> list[Difference]:
        compared.extend(wanted)
        return found(wanted)

    monkeypatch.setattr(standing, "_differences", differences)
    monkeypatch.setattr(standing, "_PATIENCE_SECONDS", 3600.0)
    monkeypatch.setattr(switch, "_check", lambda expected, _: live(expected.active))
    found: Callable[[Sequence[DesiredObject]], list[Difference]] = FOUND.get(letter, _nothing)
    stack = StackName(f"strategy-{letter}")
    images = {"workloads": "localhost/w:1", "connect": "localhost/c:1"}

    def program() -> None:
        there = Standing(stack.name, ClusterAccess(context="there"))
        pulumi.runtime.register_stack_transformation(there)
        settings = strategy_settings({"strategy": letter}, stack.name)
        build_strategy(settings, stack, images, there.access, besides=there.differences)
        there.watch()

    return deploy(program, stack=stack.name, preview=preview), compared


def _nothing(_: Sequence[DesiredObject]) -> list[Difference]:
    return []


FOUND: dict[str, Callable[[Sequence[DesiredObject]], list[Difference]]] = {}


@pytest.mark.parametrize("letter", ["c", "e"])
def test_everything_is_forced_but_what_an_agent_writes(letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, _ = up(letter, monkeypatch)
    made = [resource for resource in recorder.order if resource.type.startswith("kubernetes:")]
    assert len(made) > 15
    for resource in made:
        wanted = "false" if resource.type.endswith(":KafkaConnector") else "true"
        assert resource.inputs["metadata"]["annotations"][FORCE] == wanted, resource.name


def test_what_carries_the_work_is_compared_as_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, compared = up("c", monkeypatch)
    assert {str(wanted) for wanted in compared} == {
        f"{kind} strategy-c/{name}"
        for kind, named in {
            "ConfigMap": ("producer", "controller", "consumer-blue", "consumer-green"),
            "StatefulSet": ("producer", "consumer-blue", "consumer-green"),
            "Deployment": ("controller",),
            "Job": ("topic",),
            "KafkaConsumerSwitch": ("consumer",),
        }.items()
        for name in named
    }
    (blue,) = [wanted for wanted in compared if str(wanted) == "StatefulSet strategy-c/consumer-blue"]
    assert blue.collection == "/apis/apps/v1/namespaces/strategy-c/statefulsets"
    assert blue.ignored == ("spec.podManagementPolicy",)
    assert json.loads(json.dumps(blue.content["spec"])) == recorder.of("StatefulSet")["consumer-blue"].inputs["spec"]


def test_a_platform_is_compared_with_all_that_has_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log collector's are a DaemonSet's."""
    compared: list[DesiredObject] = []

    def differences(wanted: Sequence[DesiredObject], _: ClusterAccess) -> list[Difference]:
        compared.extend(wanted)
        return []

    def program() -> None:
        there = Standing("platform", ClusterAccess())
        pulumi.runtime.register_stack_transformation(there)
        settings = platform_settings({"logs": "true", "alerts": "true", "argo": "true"})
        build_platform(settings, defaultdict(lambda: "localhost/i:1"))
        there.watch()

    monkeypatch.setattr(standing, "_differences", differences)
    monkeypatch.setattr(standing, "_PATIENCE_SECONDS", 3600.0)
    recorder = deploy(program, stack="platform")
    with_pods = {
        f"{one.type.rpartition(':')[2]} {one.inputs['metadata']['namespace']}/{one.inputs['metadata']['name']}"
        for one in recorder.order
        if "template" in (one.inputs.get("spec") or {})
    }
    assert f"DaemonSet {names.LOGS_NAMESPACE}/{names.LOG_COLLECTOR}" in with_pods
    assert with_pods <= {str(wanted) for wanted in compared}
    (agent,) = [wanted for wanted in compared if wanted.kind == "DaemonSet"]
    assert agent.collection == f"/apis/apps/v1/namespaces/{names.LOGS_NAMESPACE}/daemonsets"


def test_whoever_has_pods_is_looked_at_where_its_pods_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log collector's are a DaemonSet's, and KEDA's are in a namespace that the stack makes first."""
    monkeypatch.setattr(standing, "_differences", lambda wanted, _: _nothing(wanted))
    monkeypatch.setattr(standing, "_PATIENCE_SECONDS", 3600.0)
    monkeypatch.setattr(Standing, "_mark", lambda *_: None)  # nothing comes to stand
    there = Standing("platform", ClusterAccess())

    def program() -> None:
        pulumi.runtime.register_stack_transformation(there)
        build_platform(platform_settings({"logs": "true", "keda": "true"}), defaultdict(lambda: "localhost/i:1"))
        there.watch()

    recorder = deploy(program, stack="platform")
    with_pods = {
        Workload(one.type.rpartition(":")[2], one.inputs["metadata"]["namespace"], one.inputs["metadata"]["name"])
        for one in recorder.order
        if "template" in (one.inputs.get("spec") or {})
    }
    assert set(there._awaited()) == with_pods
    assert {one.namespace for one in with_pods} == {
        names.PLATFORM_NAMESPACE,
        names.LOGS_NAMESPACE,
        names.KEDA_NAMESPACE,
    }
    assert "DaemonSet" in {one.kind for one in with_pods}


def test_a_preview_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert up("c", monkeypatch, preview=True)[1] == []


def test_an_update_that_was_cut_off_is_not_taken_for_done(monkeypatch: pytest.MonkeyPatch) -> None:
    FOUND["c"] = lambda wanted: [Difference(wanted[0], ("spec.template.spec.containers[0].image",))]
    try:
        with pytest.raises(pulumi.RunError, match="pulumi up --refresh -s strategy-c"):
            up("c", monkeypatch)
        FOUND["c"] = lambda wanted: [Difference(wanted[0], ("spec.replicas",))]
        up("c", monkeypatch)  # somebody's own number of pods is told, and no error
    finally:
        del FOUND["c"]


def test_a_switch_that_failed_tells_also_what_is_not_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise SwitchError("nobody is active")

    monkeypatch.setattr(standing, "_differences", lambda wanted, _: [Difference(wanted[0], ())])
    monkeypatch.setattr(standing, "_PATIENCE_SECONDS", 3600.0)
    monkeypatch.setattr(switch, "_check", fail)

    def program() -> None:
        there = Standing("strategy-c", ClusterAccess())
        pulumi.runtime.register_stack_transformation(there)
        settings = strategy_settings({"strategy": "c"}, "strategy-c")
        images = {"workloads": "localhost/w:1"}
        build_strategy(settings, StackName("strategy-c"), images, there.access, besides=there.differences)
        there.watch()

    with pytest.raises(pulumi.RunError, match=r"(?s)nobody is active\n.*is not there\n.*--refresh -s strategy-c"):
        deploy(program)


def test_what_cannot_be_read_is_no_second_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> list[Difference]:
        raise ApiError("403", 403)

    monkeypatch.setattr(standing, "_differences", refuse)
    assert asyncio.run(Standing("s", ClusterAccess()).differences()) == ""


# -- reading ---------------------------------------------------------------------------------------------


class Api:
    """Answers by path; `asked` has every path that was asked for."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        return {"items": self.answers[path.rpartition("/")[2]]}

    def request(self, method: str, path: str, *, query: Sequence[tuple[str, str]] = ()) -> bytes:
        assert method == "GET"
        assert dict(query) == {"container": "producer", "tailLines": "1", "previous": "true"}
        self.asked.append(path)
        return b"no broker\n"


def test_each_kind_is_read_once() -> None:
    path = "/apis/apps/v1/namespaces/n/statefulsets"
    wanted = [DesiredObject("StatefulSet", "n", name, path, {"spec": {"replicas": 1}}) for name in ("a", "b", "c")]
    api = Api(statefulsets=[{"metadata": {"name": n}, "spec": {"replicas": r}} for n, r in (("a", 1), ("b", 2))])
    assert [str(found) for found in compare(wanted, api)] == [
        "StatefulSet n/b: spec.replicas",
        "StatefulSet n/c is not there",
    ]
    assert api.asked == [path]


def crashing(name: str, owner: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "ownerReferences": [{"kind": "StatefulSet", "name": owner}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {
                    "name": "producer",
                    "ready": False,
                    "restartCount": 1,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 1}},
                }
            ],
        },
    }


ENDED = "pod producer-0, container producer: ended with exit code 1; its last line: no broker"


def test_only_the_pods_of_what_is_waited_for_are_looked_at() -> None:
    api = Api(pods=[crashing("producer-0", "producer"), crashing("other-0", "other")])
    assert look(api, [Workload("StatefulSet", "n", "producer")]) == {("n", "producer-0", "producer"): ENDED}
    assert api.asked == ["/api/v1/namespaces/n/pods", "/api/v1/namespaces/n/pods/producer-0/log"]


def test_each_namespace_is_read_once_and_what_is_of_another_one_is_not_meant() -> None:
    api = Api(pods=[crashing("producer-0", "producer"), crashing("other-0", "other")])
    awaited = [Workload("StatefulSet", "n", "producer"), Workload("Job", "n", "x"), Workload("StatefulSet", "m", "y")]
    assert list(look(api, awaited)) == [("n", "producer-0", "producer")]
    assert [path for path in api.asked if path.endswith("/pods")] == [
        "/api/v1/namespaces/n/pods",
        "/api/v1/namespaces/m/pods",
    ]


def test_a_namespace_that_cannot_be_read_hides_no_other() -> None:
    class Guarded(Api):
        def get(self, path: str) -> dict[str, Any]:
            if "/m/" in path:
                raise ApiError("403", 403)
            return super().get(path)

    awaited = [Workload("StatefulSet", "m", "producer"), Workload("StatefulSet", "n", "producer")]
    assert list(look(Guarded(pods=[crashing("producer-0", "producer")]), awaited)) == [("n", "producer-0", "producer")]


def test_a_trouble_is_said_when_it_stays_and_again_when_it_lasts() -> None:
    now = [0.0]
    says = Explanation(lambda: now[0])
    seen = {("n", "p", "c"): "ErrImagePull"}
    told = []
    for now[0] in (0.0, 4.0, 8.0, 64.0, 68.0):
        told.append([(how.__name__, text) for how, text in says.of(seen)])
    assert told == [
        [],
        [("warn", "does not start: ErrImagePull")],
        [],
        [("error", "does not start: ErrImagePull")],
        [],
    ]


def test_a_trouble_that_passes_is_not_said() -> None:
    says = Explanation(lambda: 0.0)
    assert says.of({("n", "p", "c"): "crashed once"}) == []
    assert says.of({}) == []
    assert says.of({("n", "p", "c"): "crashed once"}) == []

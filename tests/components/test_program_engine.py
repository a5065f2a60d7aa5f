"""The program under the real engine: what it refuses, what a switch's preview shows, what `up` says and leaves.

What is deployed here is small (one pod for each colour) and a stack of its own, beside whatever else runs.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from pulumi import automation
from pulumi.automation.errors import CommandError

from components.cluster.access import ClusterAccess
from components.live_reader import check
from components.live_switch import Expectation
from tests.support.cluster_use import shared
from tests.support.engine import Changed, Log, Project, kubectl
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("engine"), pytest.mark.usefixtures("whole_cluster")]

STACK = "strategy-c-engine"
CONFIGURATION = {
    "strategy": "c",
    "topic": "engine-test",
    "partitions": "2",
    "replicas": "1",
    "rate": "10",
    "lagTimeoutSeconds": "10",
}


def refused(stack: automation.Stack) -> str:
    """What the engine said when `up` refused to do anything."""
    log = Log()
    with pytest.raises(CommandError):
        stack.up(on_event=log)
    # The stack itself is there, and the engine's own provider by which the platform was looked for.
    assert [name for name in log.order if not name.startswith(("Stack/", "pulumi/"))] == []
    return "\n".join(log.errors)


# -- without a deployment --------------------------------------------------------------------------------


def test_a_wrong_configuration_is_refused_before_anything_is_registered(empty_project: Project) -> None:
    said = refused(
        empty_project.stack(
            "strategy-c",
            {"strategy": "c", "active": "purple", "nonsense": "1", "blue": '{"config": {"group.id": "x"}}'},
        )
    )
    assert "kafka-bluegreen:active: 'purple' is refused; allowed: 'blue' or 'green'" in said
    assert "kafka-bluegreen:nonsense: unknown key; allowed: strategy, active" in said
    assert "kafka-bluegreen:blue.config.group.id" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("color", "config", "said"),
    [
        ("blue", {"partition.assignment.strategy": "range,cooperative-sticky"}, "must have the same protocol type"),
        ("blue", {"fetch.max.wait.ms": 5}, "it is a Java client's setting, librdkafka's is fetch.wait.max.ms"),
        ("blue", {"heartbeat.interval.ms": 90000}, "it belongs to the switching protocol: always 500"),
        ("green", {"partition.assignment.strategy": "cooperative-sticky"}, "both colours are members of one group"),
    ],
)
def test_what_the_client_refuses_is_refused_at_preview(
    empty_project: Project, color: str, config: dict[str, object], said: str
) -> None:
    stack = empty_project.stack("strategy-c", {"strategy": "c", color: json.dumps({"config": config})})
    log = Log()
    with pytest.raises(CommandError):
        stack.preview(on_event=log)
    told = "\n".join(log.errors)
    (name,) = config
    assert f"kafka-bluegreen:{color}.config.{name}: " in told
    assert said in told


@pytest.mark.parametrize("path", ["topic", "blue.version"])
def test_a_secret_that_would_not_stay_one_is_refused(empty_project: Project, path: str) -> None:
    stack = empty_project.stack("strategy-c", {"strategy": "c"})
    stack.set_config(f"kafka-bluegreen:{path}", automation.ConfigValue(CREDENTIAL, secret=True), path=True)
    said = refused(stack)
    assert f"kafka-bluegreen:{path.partition('.')[0]}: is set as a secret, and would not stay one: " in said
    assert CREDENTIAL not in said


def test_a_wrong_type_is_refused_by_the_schema(empty_project: Project) -> None:
    stack = empty_project.stack("strategy-c", {"strategy": "c", "rate": "lots"})
    with pytest.raises(CommandError, match=r"configuration key 'rate' must be of type 'integer'"):
        stack.preview()


def test_without_a_platform_what_to_run_is_told(empty_project: Project) -> None:
    said = refused(empty_project.stack("strategy-c", {"strategy": "c"}))
    assert "run: pulumi stack select --create platform && pulumi up -s platform" in said
    empty_project.stack("platform")
    said = refused(empty_project.stack("strategy-c", {"strategy": "c"}))
    assert "has no output bootstrapServers; run: pulumi up -s platform" in said


def test_without_images_what_to_run_is_told(empty_project: Project) -> None:
    project = replace(empty_project, environment={**empty_project.environment, "KAFKA_BLUEGREEN_IMAGES": ""})
    assert "run: python -m tools.sandbox images" in refused(project.stack("platform", {}))


CREDENTIAL = "hunter2-hunter2-hunter2"


@pytest.mark.parametrize(
    ("kubeconfig", "context", "why"),
    [
        (f"users:\n\t- token: {CREDENTIAL}", "", "is neither YAML nor JSON"),
        (f'{{"users": [{{"name": "u", "user": {{"token": "{CREDENTIAL}"}}}}]}}', "x", "has no context 'x'"),
        (CREDENTIAL, "", "is neither a file that is there nor the content of a kubeconfig"),
    ],
    ids=["broken", "of another context", "a credential alone"],
)
def test_a_cluster_that_the_check_could_not_read_is_refused_before_anything_is_registered(
    empty_project: Project, kubeconfig: str, context: str, why: str
) -> None:
    others = {"kubernetes:kubeconfig": kubeconfig, **({"kubernetes:context": context} if context else {})}
    stack = empty_project.stack("strategy-c", {"strategy": "c"}, others)
    log = Log()
    with pytest.raises(CommandError) as failed:
        stack.up(on_event=log)
    said = "\n".join(log.errors)
    assert why in said
    assert "Traceback" not in said
    assert CREDENTIAL not in said + str(failed.value)
    assert [name for name in log.order if name.startswith(("Namespace/", "KafkaConsumerSwitch/"))] == []


@pytest.mark.parametrize("stack", ["platform", STACK])
def test_without_kubeconfig_the_sandboxs_stacks_are_refused_in_preview_too(
    project: Project, platform: None, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG")
    log = Log()
    with pytest.raises(CommandError):
        project.stack(stack, {"strategy": "c"} if stack != "platform" else {}).preview(on_event=log)
    assert "KUBECONFIG is not set" in "\n".join(log.errors)


def test_a_stack_of_another_name_hears_which_are_allowed(empty_project: Project) -> None:
    said = refused(empty_project.stack("dev", {"strategy": "c"}))
    assert "stack name 'dev': allowed: 'platform', or 'strategy-<letter>', or 'strategy-<letter>-<name>'" in said


def test_the_platform_can_be_previewed_without_a_cluster(empty_project: Project) -> None:
    nowhere = empty_project.folder / "kubeconfig"
    user = {"name": "u", "user": {"token": "t"}}
    nowhere.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [user],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    project = replace(empty_project, environment={**empty_project.environment, "KUBECONFIG": str(nowhere)})
    summary = project.stack("platform", {}).preview().change_summary
    assert summary == {automation.OpType.CREATE: 25}


# -- one deployment, from its beginning to its end -------------------------------------------------------


@pytest.fixture(scope="module")
def deployed(project: Project, platform: None) -> Iterator[automation.Stack]:
    """The stack with blue active; taken away at the end."""
    stack = project.stack(STACK, CONFIGURATION)
    try:
        with shared():
            stack.up()
        yield stack
    finally:
        with shared():
            stack.destroy()
        stack.workspace.remove_stack(STACK)


def active() -> str:
    return kubectl("get", "kcs", "consumer", "-n", STACK, "-o", "jsonpath={.status.active}")


def configure(project: Project, **values: str) -> automation.Stack:
    """The stack with these settings beside its usual ones."""
    return project.stack(STACK, {**CONFIGURATION, **values})


def settle(project: Project, color: str) -> None:
    """Bring the stack to `color`, with all its pods."""
    configure(project, active=color, allowInPlace="true").up(refresh=True)
    assert active() == color


def test_a_preview_of_a_switch_shows_one_changed_field(project: Project, deployed: automation.Stack) -> None:
    settle(project, "blue")
    log = Log()
    preview = configure(project, active="green").preview(on_event=log, diff=True)
    assert log.changes == [Changed("update", "KafkaConsumerSwitch/switch", ("spec.active",))]
    assert preview.change_summary.pop(automation.OpType.UPDATE) == 1
    assert preview.change_summary.keys() == {automation.OpType.SAME}
    assert 'active: "blue" => "green"' in preview.stdout
    assert active() == "blue"


def test_up_switches_and_does_nothing_when_there_is_nothing_to_do(project: Project, deployed: automation.Stack) -> None:
    settle(project, "blue")
    log = Log()
    configure(project, active="green").up(on_event=log)
    assert log.changes == [Changed("update", "KafkaConsumerSwitch/switch", ("spec.active",))]
    assert active() == "green"
    told = "\n".join(log.told)
    assert re.search(r"switched blue -> green in \d\.\d\d s, epoch \d+", told), told
    outputs = {name: output.value for name, output in deployed.outputs().items()}
    assert (outputs["active"], outputs["outcome"]) == ("green", "Switched")
    assert 0 < outputs["handoffSeconds"] < 5
    assert outputs["versions"] == {"blue": "1", "green": "1"}
    assert outputs["epoch"] == int(kubectl("get", "kcs", "consumer", "-n", STACK, "-o", "jsonpath={.status.epoch}"))
    again = Log()
    configure(project, active="green").up(on_event=again)
    assert again.changes == []
    assert f"green was active already, epoch {outputs['epoch']:.0f}" in "\n".join(again.told)


def test_a_preview_of_an_untouched_stack_shows_nothing(project: Project, deployed: automation.Stack) -> None:
    settle(project, "blue")
    log = Log()
    preview = configure(project, active="blue").preview(on_event=log, diff=True)
    assert log.changes == []
    assert "Outputs:" not in preview.stdout


def test_a_preview_says_whether_the_switch_would_be_refused(project: Project, deployed: automation.Stack) -> None:
    settle(project, "blue")
    log = Log()
    configure(project, active="green").preview(on_event=log)
    assert "blue -> green would not be refused now: 1 of 1 green members stand by" in "\n".join(log.told)
    kubectl("scale", "statefulset", "consumer-green", "-n", STACK, "--replicas=0")
    kubectl("wait", "pod", "consumer-green-0", "-n", STACK, "--for=delete", "--timeout=60s")

    def foreseen() -> bool:  # status follows, off the hand-off path
        seen = Log()
        configure(project, active="green").preview(on_event=seen)
        return "would not go through now. NotReady: 0 of 1 green pods exist" in "\n".join(seen.told)

    until("the status to say that green is away", foreseen)
    settle(project, "blue")


def test_a_change_of_the_active_colour_is_refused_unless_it_is_allowed(
    project: Project, deployed: automation.Stack
) -> None:
    settle(project, "blue")
    blue = _pod_uid("consumer-blue-0")
    for act in ("preview", "up"):
        log = Log()
        with pytest.raises(CommandError):
            getattr(configure(project, active="blue", blue="{version: four}"), act)(on_event=log)
        said = "\n".join(log.errors)
        assert "blue is active, and this update would restart its pods in place. Nothing was touched." in said
        assert "StatefulSet consumer-blue: settings" in said
        assert log.changes == []
    assert _pod_uid("consumer-blue-0") == blue
    configure(project, active="blue", blue="{version: four}", allowInPlace="true").up()
    assert _pod_uid("consumer-blue-0") != blue


@pytest.mark.parametrize("form", ["path", "content", "list", "as kubectl finds it", "context", "cluster"])
def test_the_check_reads_the_switch_by_every_way_to_give_the_cluster(
    project: Project, deployed: automation.Stack, form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settle(project, "blue")
    path = os.environ["KUBECONFIG"]
    content = Path(path).read_text(encoding="utf-8")
    current = yaml.safe_load(content)["current-context"]
    cluster = yaml.safe_load(content)["clusters"][0]["name"]
    access = {
        "path": ClusterAccess(path),
        "content": ClusterAccess(content),
        "list": ClusterAccess(),
        "as kubectl finds it": ClusterAccess(),
        "context": ClusterAccess(content, context=current),
        "cluster": ClusterAccess(path, cluster=cluster),
    }[form]
    if form == "list":
        monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}:{path}")
    check(Expectation(STACK, "consumer", "blue", _attempt(), timeout_seconds=10), access)


def _attempt() -> int:
    return int(kubectl("get", "kcs", "consumer", "-n", STACK, "-o", "jsonpath={.spec.attempt}"))


def test_a_version_is_rolled_out_before_it_is_switched_to(project: Project, deployed: automation.Stack) -> None:
    settle(project, "blue")
    before = _pod_uid("consumer-green-0")
    log = Log()
    configure(project, active="green", green="{version: two}").up(on_event=log)
    assert log.order == [
        "ConfigMap/consumer-green",
        "StatefulSet/consumer-green",
        "KafkaConsumerSwitch/switch",
    ]
    assert _pod_uid("consumer-green-0") != before
    assert active() == "green"
    events = kubectl("get", "pod", "consumer-green-0", "-n", STACK, "-o", "jsonpath={.metadata.creationTimestamp}")
    granted = kubectl("get", "kcs", "consumer", "-n", STACK, "-o", "jsonpath={.status.lastSwitch.startedAt}")
    assert events[:19] <= granted[:19]


def test_a_new_image_of_the_project_spares_the_colour_at_work(
    project: Project, deployed: automation.Stack, tmp_path: Path
) -> None:
    """It need not be there: nothing is made, and a preview reads what runs as an update does."""
    settle(project, "blue")
    references = json.loads(Path(os.environ["KAFKA_BLUEGREEN_IMAGES"]).read_text(encoding="utf-8"))
    file = tmp_path / "images.json"
    file.write_text(
        json.dumps({**references, "workloads": "localhost/kafka-bluegreen/workloads:new"}), encoding="utf-8"
    )
    newer = replace(project, environment={**project.environment, "KAFKA_BLUEGREEN_IMAGES": str(file)})
    log = Log()
    said = configure(newer).preview(on_event=log).stdout
    assert "StatefulSet/consumer-green" in log.order
    assert "Deployment/controller" in log.order
    assert "StatefulSet/consumer-blue" not in log.order
    assert "blue is at work, so its sidecar and consumer get no new image until it waits" in said
    log = Log()
    configure(newer, allowInPlace="true").preview(on_event=log)
    assert "StatefulSet/consumer-blue" in log.order


def test_a_secret_of_a_colours_client_stays_one(project: Project, deployed: automation.Stack) -> None:
    """In the Secret that the colour's consumers see, and in clear nowhere else: not in diff, state, objects or their
    log. Another one rolls that colour's pods, and no others.
    """
    settle(project, "blue")
    stack = configure(project, green="{config: {fetch.min.bytes: 1}}")
    key = 'kafka-bluegreen:green.config["sasl.password"]'
    kept: set[str] = set()
    uids = {_pod_uid("consumer-green-0")}
    blue = _pod_uid("consumer-blue-0")
    try:
        for value in (CREDENTIAL, f"another-{CREDENTIAL}"):
            stack.set_config(key, automation.ConfigValue(value, secret=True), path=True)
            said: list[str] = []
            stack.preview(diff=True, on_output=said.append)
            stack.up(on_output=said.append)
            said += [json.dumps(stack.export_stack().deployment)]
            said += [kubectl("get", kind, "-n", STACK, "-o", "yaml") for kind in ("cm,sts,pod,kcs,lease,event",)]
            said += [kubectl("logs", "consumer-green-0", "-c", "consumer", "-n", STACK)]
            assert not any(CREDENTIAL in text for text in said)
            # The one before is taken away once nobody has it any more.
            (name,) = kubectl("get", "secret", "-n", STACK, "-o", "jsonpath={.items[*].metadata.name}").split()
            kept.add(name)
            show = "print(open('/etc/kafka-bluegreen/secrets.yaml').read())"
            seen = kubectl("exec", "consumer-green-0", "-c", "consumer", "-n", STACK, "--", "python3", "-c", show)
            assert yaml.safe_load(seen) == {"secret_client": {"fetch.min.bytes": "1", "sasl.password": value}}
            uids.add(_pod_uid("consumer-green-0"))
        assert (len(kept), len(uids), _pod_uid("consumer-blue-0")) == (2, 3, blue)
        # With a secret, too, a switch shows as what it is.
        stack.set_config("kafka-bluegreen:active", automation.ConfigValue("green"))
        log = Log()
        stack.up(on_event=log)
        assert log.changes == [Changed("update", "KafkaConsumerSwitch/switch", ("spec.active",))]
        assert active() == "green"
    finally:
        settle(project, "blue")
    assert kubectl("get", "secret", "-n", STACK, "-o", "name") == ""


def test_a_failed_switch_fails_the_up_with_the_controllers_reason(project: Project, deployed: automation.Stack) -> None:
    settle(project, "blue")
    # Behind Pulumi's back: nobody is there to switch to.
    kubectl("scale", "statefulset", "consumer-green", "-n", STACK, "--replicas=0")
    kubectl("wait", "pod", "consumer-green-0", "-n", STACK, "--for=delete", "--timeout=60s")
    # The old colour's new version must not be rolled out when the switch failed.
    asked = configure(project, active="green", blue="{version: three}")
    blue = _pod_uid("consumer-blue-0")
    for _ in range(2):  # the second time there is nothing to write, and it is as false
        log = Log()
        with pytest.raises(CommandError):
            asked.up(on_event=log)
        said = "\n".join(log.errors)
        assert f"KafkaConsumerSwitch {STACK}/consumer: blue is active, not green. Refused: " in said
        assert f"kubectl -n {STACK} get statefulsets,pods -l " in said
        assert f"pulumi up --refresh -s {STACK}" in said
        assert "Traceback" not in said
        assert "StatefulSet/consumer-blue" not in log.order
    assert (active(), _pod_uid("consumer-blue-0")) == ("blue", blue)
    # A new attempt, with somebody there, ends well; and then the old colour follows.
    log = Log()
    configure(project, active="green", blue="{version: three}", attempt="2").up(on_event=log, refresh=True)
    assert active() == "green"
    assert log.order.index("KafkaConsumerSwitch/switch") < log.order.index("StatefulSet/consumer-blue")


def test_a_switch_that_somebody_else_made_is_not_taken_for_ones_own(
    project: Project, deployed: automation.Stack
) -> None:
    settle(project, "blue")
    kubectl("patch", "kcs", "consumer", "-n", STACK, "--type=merge", "-p", json.dumps({"spec": {"active": "green"}}))
    log = Log()
    with pytest.raises(CommandError):
        configure(project, active="blue").up(on_event=log)
    assert "changed outside of Pulumi" in "\n".join(log.errors)
    settle(project, "blue")


def test_the_definition_refuses_what_makes_no_sense(project: Project, deployed: automation.Stack) -> None:
    for change, why in (
        ({"leaseName": "another"}, "the Lease is the protocol's memory"),
        ({"strategy": "b"}, "the strategy of a switch cannot be changed"),
        ({"partitions": 1}, "can only grow"),
        ({"active": "red"}, "Unsupported value"),
        ({"active": "green", "green": {"replicas": 0}}, "the active colour must have at least one replica"),
        ({"blue": {"selector": {"kafka-bluegreen.io/color": "green"}}}, "must select different pods"),
        ({"lagThreshold": -1}, "greater than or equal to 0"),
        ({"attempt": 2**31}, "less than or equal to 1000000000"),
        ({"drainTimeoutSeconds": 2**63 - 1}, "less than or equal to 300"),
        ({"standby": "Assigned"}, "need a group of each colour to itself"),
    ):
        patch = json.dumps({"spec": change})
        with pytest.raises(AssertionError, match=why):
            kubectl("patch", "kcs", "consumer", "-n", STACK, "--type=merge", "-p", patch, "--dry-run=server")


def test_destroy_leaves_nothing(project: Project, deployed: automation.Stack) -> None:
    """The last test of the deployment: it takes it away, and `deployed` finds nothing more to do."""
    claims = kubectl("get", "pvc", "-n", STACK, "-o", "jsonpath={.items[*].spec.volumeName}").split()
    assert len(claims) == 3
    configure(project).destroy()
    assert kubectl("get", "namespace", STACK, "--ignore-not-found") == ""
    for volume in claims:
        kubectl("wait", f"persistentvolume/{volume}", "--for=delete", "--timeout=30s")
    for kind in ("clusterrole", "clusterrolebinding"):
        assert STACK not in kubectl("get", kind, "-o", "name")


def _pod_uid(name: str) -> str:
    return kubectl("get", "pod", name, "-n", STACK, "-o", "jsonpath={.metadata.uid}")

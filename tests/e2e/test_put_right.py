"""Accidents of an ordinary year, each put right by the next `pulumi up`, or by the command that it names.

A small stack of its own, beside whatever else runs; of the platform only what has to be.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pulumi import automation
from pulumi.automation.errors import CommandError

from tests.support.cluster_use import shared, updating_the_platform
from tests.support.engine import Log, Project, Updating, kubectl, topics
from tests.support.field import Ground
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("engine")]

STACK = "strategy-c-put-right"
TOPIC = "put-right"
CONFIGURATION = {"strategy": "c", "topic": TOPIC, "partitions": "2", "replicas": "1", "rate": "10"}
NOWHERE = "localhost/kafka-bluegreen/nowhere:1"
PLATFORM = "kafka-bluegreen"
SAID_SECONDS = 90.0


def images() -> dict[str, str]:
    """The sandbox's images by their names."""
    found: dict[str, str] = json.loads(Path(os.environ["KAFKA_BLUEGREEN_IMAGES"]).read_text(encoding="utf-8"))
    return found


def configure(project: Project, **values: str) -> automation.Stack:
    """The stack with these settings beside its usual ones."""
    return project.stack(STACK, {**CONFIGURATION, **values})


def failed(run: Callable[[Log], object]) -> str:
    """What an `up` said that failed."""
    log = Log()
    with pytest.raises(CommandError):
        run(log)
    said = "\n".join(log.errors)
    assert "Traceback" not in said
    return said


def put_right(project: Project) -> None:
    """The next `up`; or, where the update that was cut off got further than it could write down, the command that it
    names.
    """
    right, log = configure(project), Log()
    try:
        right.up(on_event=log)
    except CommandError:
        assert f"pulumi up --refresh -s {STACK}" in "\n".join(log.errors)
        right.up(refresh=True)


@pytest.fixture(scope="module")
def stack(ground: Ground) -> Iterator[automation.Stack]:
    """The stack, made by the first test; taken away at the end."""
    made = configure(ground.project)
    try:
        yield made
    finally:
        with shared():
            made.destroy(remove=True)


@pytest.mark.usefixtures("whole_cluster")
@pytest.mark.parametrize(
    ("image", "why"),
    [(NOWHERE, ("ErrImagePull",)), ("kafka", ("ended with exit code 1", "its last line", "No module named"))],
    ids=["an image that is not there", "one without the program"],
)
def test_what_does_not_start_is_told_and_its_correction_taken(
    ground: Ground, stack: automation.Stack, image: str, why: tuple[str, ...]
) -> None:
    """The first time the Job and the controller are made, the second time they are there."""
    configure(ground.project, images=json.dumps({"workloads": images().get(image, image)}))
    update = Updating(ground.project, STACK)
    try:
        update.wait_said("does not start: pod topic-", *why)
    finally:
        update.interrupt()
    put_right(ground.project)
    assert kubectl("get", "kcs", "consumer", "-n", STACK, "-o", "jsonpath={.status.active}") == "blue"


@pytest.mark.usefixtures("whole_cluster")
def test_a_topic_that_was_deleted_is_made_again(ground: Ground, stack: automation.Stack) -> None:
    configure(ground.project).up(refresh=True)
    topics("--delete", "--topic", TOPIC)
    until("the topic to be gone", lambda: TOPIC not in topics("--list").split())
    until("the switch to know it", lambda: not condition("Ready"), SAID_SECONDS)
    configure(ground.project).up()
    assert "PartitionCount: 2" in topics("--describe", "--topic", TOPIC)
    assert condition("Ready")


@pytest.mark.usefixtures("whole_cluster")
def test_a_bad_setting_whose_update_was_cut_off_is_not_forgotten(ground: Ground, stack: automation.Stack) -> None:
    configure(ground.project).up(refresh=True)
    before = uid("consumer-green-0")
    configure(ground.project, green='{"config": {"security.protocol": "ssl"}}')  # nobody answers it: never ready
    update = Updating(ground.project, STACK)
    try:
        until("green's pod to be replaced", lambda: uid("consumer-green-0") not in ("", before), SAID_SECONDS)
    finally:
        update.kill()
    right = configure(ground.project)
    right.cancel()
    said = failed(lambda log: right.up(on_event=log))
    assert f"stack {STACK} is not as Pulumi wrote it last" in said
    assert f"StatefulSet {STACK}/consumer-green: spec.template.metadata.annotations" in said
    assert f"pulumi up --refresh -s {STACK}" in said
    right.up(refresh=True)
    assert ready(STACK, "consumer-green-0")
    again = Log()
    right.up(on_event=again)
    assert again.changes == []


@pytest.mark.usefixtures("whole_cluster")
def test_what_kubectl_wrote_is_taken_back_by_the_command_that_is_named(ground: Ground, stack: automation.Stack) -> None:
    right = configure(ground.project)
    right.up(refresh=True)
    patch("sts", "consumer-green", {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 77}}}})
    patch("kcs", "consumer", {"spec": {"lagThreshold": 5}})
    kubectl("scale", "sts", "producer", "-n", STACK, "--replicas=0")
    said = failed(lambda log: right.up(on_event=log))
    for path in (
        "consumer-green: spec.template.spec.terminationGracePeriodSeconds",
        "consumer: spec.lagThreshold",
        "producer: spec.replicas",
    ):
        assert path in said
    assert f"pulumi up --refresh -s {STACK}" in said
    changed = right.preview(refresh=True).change_summary
    assert changed[automation.OpType.UPDATE] >= 3
    right.up(refresh=True)
    assert field("sts", "consumer-green", "{.spec.template.spec.terminationGracePeriodSeconds}") != "77"
    assert field("kcs", "consumer", "{.spec.lagThreshold}") == "0"
    assert field("sts", "producer", "{.spec.replicas}") == "1"


@pytest.mark.usefixtures("whole_cluster")
def test_another_number_of_pods_is_told_and_no_error(ground: Ground, stack: automation.Stack) -> None:
    right = configure(ground.project)
    right.up(refresh=True)
    kubectl("scale", "sts", "producer", "-n", STACK, "--replicas=0")
    said = right.up().stdout
    assert "producer: spec.replicas" in said
    assert f"pulumi up --refresh -s {STACK}" in said
    right.up(refresh=True)


@pytest.mark.usefixtures("whole_cluster")
def test_a_platform_that_stacks_stand_on_is_not_taken_away(ground: Ground, stack: automation.Stack) -> None:
    configure(ground.project).up(refresh=True)
    for what in (
        ("configmap", "kafka-bluegreen-in-use", "-n", PLATFORM),
        ("namespace", PLATFORM),
        ("crd", "kafkaconsumerswitches.kafka-bluegreen.io"),
    ):
        with pytest.raises(AssertionError, match=r"stack strategy-\S+ stands on this platform"):
            kubectl("delete", *what, "--dry-run=server")
    before = kubectl("get", "all,configmaps", "-n", PLATFORM, "-o", "jsonpath={.items[*].metadata.uid}")
    with updating_the_platform():
        platform = ground.project.stack("platform", {})
        said = failed(lambda log: platform.destroy(on_event=log))
        assert "take it away first: pulumi destroy -s strategy-" in said
        assert kubectl("get", "all,configmaps", "-n", PLATFORM, "-o", "jsonpath={.items[*].metadata.uid}") == before
        platform.up()


# -- looking ---------------------------------------------------------------------------------------------


def condition(kind: str) -> bool:
    """Whether a condition of the switch is True."""
    return field("kcs", "consumer", f"{{.status.conditions[?(@.type=='{kind}')].status}}") == "True"


def field(kind: str, name: str, path: str) -> str:
    return kubectl("get", kind, name, "-n", STACK, "-o", f"jsonpath={path}")


def patch(kind: str, name: str, change: object) -> None:
    kubectl("patch", kind, name, "-n", STACK, "--type=merge", "-p", json.dumps(change))


def uid(pod: str) -> str:
    """Empty while there is none."""
    return kubectl("get", "pod", pod, "-n", STACK, "--ignore-not-found", "-o", "jsonpath={.metadata.uid}")


def ready(namespace: str, pod: str) -> bool:
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    return kubectl("get", "pod", pod, "-n", namespace, "-o", path) == "True"

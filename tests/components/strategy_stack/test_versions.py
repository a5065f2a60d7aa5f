"""A new version is a new image of one colour; a new image of the project waits until a colour does."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

from components.before import NOTHING, Before
from components.names import Color
from tests.components.strategy_stack.deployed import CONNECT_IMAGE, IMAGE, containers, live, remember, up
from tests.support.recorder import Answers, Recorder

pytestmark = pytest.mark.usefixtures("checks")

APP = "registry/app:1.7.2"
NEW = "localhost/kafka-bluegreen/workloads:2"


def working(color: Color, images: Mapping[str, str] | None = None) -> Before:
    """What a cluster has in which this colour is at work and runs these images."""
    return Before(live(color), images or {})


def images(recorder: Recorder, color: Color) -> dict[str, str]:
    return {one["name"]: one["image"] for one in containers(recorder.of("StatefulSet")[f"consumer-{color}"])}


def changed(before: Recorder, after: Recorder) -> set[str]:
    old, new = before.by_name, after.by_name
    assert old.keys() == new.keys()
    return {key for key in old if old[key].inputs != new[key].inputs}


def spec(recorder: Recorder) -> Mapping[str, Any]:
    found: Mapping[str, Any] = recorder.of("KafkaConsumerSwitch")["switch"].inputs["spec"]
    return found


@pytest.mark.parametrize("letter", ["b", "c"])
def test_a_new_image_of_one_colour_changes_that_colour_only(letter: str) -> None:
    before, after = up(strategy=letter), up(strategy=letter, green={"image": APP})
    assert changed(before, after) == {
        "StatefulSet/consumer-green",
        "ConfigMap/consumer-green",
        "KafkaConsumerSwitch/switch",
    }
    # Of the switch it is the version alone, which is the image's tag.
    assert spec(after) == {**spec(before), "green": {**spec(before)["green"], "version": "1.7.2"}}
    assert images(after, "green") == {"sidecar": IMAGE, "consumer": APP}
    assert images(after, "blue") == {"sidecar": IMAGE, "consumer": IMAGE}


def test_nothing_but_the_consumer_runs_the_applications_image() -> None:
    recorder = up(blue={"image": APP}, green={"image": APP})
    users = {
        container["name"]
        for kind in ("StatefulSet", "Deployment", "Job")
        for resource in recorder.of(kind).values()
        for container in containers(resource)
        if container["image"] == APP
    }
    assert users == {"consumer"}


def test_a_pod_says_what_it_runs() -> None:
    template = up(green={"image": APP}).of("StatefulSet")["consumer-green"].inputs["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    assert annotations["kafka-bluegreen.io/version"] == "1.7.2"
    assert annotations["kafka-bluegreen.io/image"] == APP
    assert annotations["prometheus.io/scrape"] == "true"
    assert "kafka-bluegreen.io/settings-hash" in annotations
    environment = {one["name"]: one.get("value") for one in template["spec"]["containers"][0]["env"]}
    assert environment["APPLICATION_IMAGE"] == APP


def test_with_an_image_a_switch_is_still_one_field() -> None:
    at_work = working("blue", {"sidecar": IMAGE, "consumer": IMAGE})
    given: dict[str, Any] = {"green": {"image": APP}, "found": at_work}
    before, after = up(active="blue", **given), up(active="green", **given)
    assert changed(before, after) == {"KafkaConsumerSwitch/switch"}
    assert {key for key in spec(before) if spec(before)[key] != spec(after)[key]} == {"active"}


# -- a new image of this project -------------------------------------------------------------------------------------


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the update says, but for what it says of the switch."""
    lines: list[str] = []

    def info(line: str, resource: pulumi.Resource | None = None) -> None:
        if resource is None:
            lines.append(line)

    monkeypatch.setattr(pulumi.log, "info", info)
    return lines


def test_a_new_image_of_the_project_spares_the_colour_at_work(said: list[str]) -> None:
    at_work = working("blue", {"sidecar": IMAGE, "consumer": IMAGE})
    before, after = up(found=at_work), up(found=at_work, workloads=NEW)
    assert changed(before, after) == {
        "StatefulSet/consumer-green",
        "StatefulSet/producer",
        "Deployment/controller",
        "Job/topic",
    }
    assert images(after, "green") == {"sidecar": NEW, "consumer": NEW}
    (line,) = said
    assert line.startswith("blue is at work, so its sidecar and consumer get no new image until it waits: ")
    assert "run pulumi up -s strategy-c" in line


def test_an_image_that_is_asked_for_does_not_wait() -> None:
    """It was said of this colour; the sidecar's was not."""
    at_work = working("blue", {"sidecar": IMAGE, "consumer": IMAGE})
    found = images(up(found=at_work, workloads=NEW, blue={"image": APP}), "blue")
    assert found == {"sidecar": IMAGE, "consumer": APP}


def test_after_the_switch_the_other_colour_follows() -> None:
    """The update that switches leaves blue as it is, so that it can be gone back to at once; the next one has it."""
    blue, green = {"sidecar": IMAGE, "consumer": IMAGE}, {"sidecar": NEW, "consumer": NEW}
    waiting = up(active="blue", found=working("blue", blue), workloads=NEW)
    switching = up(active="green", found=working("blue", blue), workloads=NEW)
    assert changed(waiting, switching) == {"KafkaConsumerSwitch/switch"}
    following = up(active="green", found=working("green", green), workloads=NEW)
    assert changed(switching, following) == {"StatefulSet/consumer-blue"}
    assert images(following, "blue") == green


def test_an_update_that_switches_with_a_new_image_has_it_in_the_new_colour() -> None:
    at_work = working("blue", {"sidecar": IMAGE, "consumer": IMAGE})
    found = up(active="green", found=at_work, workloads=NEW, green={"image": APP})
    assert images(found, "green") == {"sidecar": NEW, "consumer": APP}
    assert images(found, "blue") == {"sidecar": IMAGE, "consumer": IMAGE}


@pytest.mark.parametrize("at_work", [NOTHING, working("blue")], ids=["nobody is at work", "no pods"])
def test_where_nobody_works_the_new_image_is_there_at_once(at_work: Before, said: list[str]) -> None:
    found = up(found=at_work, workloads=NEW)
    assert images(found, "blue") == images(found, "green") == {"sidecar": NEW, "consumer": NEW}
    assert said == []


# -- one update that changes image and colour ------------------------------------------------------------------------


def test_the_new_image_is_there_before_the_switch_and_the_old_colour_after_it() -> None:
    recorder = up(active="green", green={"image": APP})
    green, switch, blue = "StatefulSet/consumer-green", "KafkaConsumerSwitch/switch", "StatefulSet/consumer-blue"
    assert recorder.position(green) < recorder.position(switch) < recorder.position(blue)


@pytest.mark.parametrize("letter", ["b", "c"])
def test_an_image_that_does_not_start_ends_the_update_before_the_switch(
    letter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_resource = Answers.new_resource

    def failing(self: Answers, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ.endswith(":StatefulSet") and args.name == "consumer-green":
            raise RuntimeError("ErrImagePull")
        return new_resource(self, args)

    monkeypatch.setattr(Answers, "new_resource", failing)
    recorders: list[Recorder] = []
    monkeypatch.setattr(Recorder, "__post_init__", remember(recorders, Recorder.__post_init__))
    with pytest.raises(Exception, match="ErrImagePull"):
        up(strategy=letter, active="green", green={"image": APP})
    (recorder,) = recorders
    assert recorder.of("KafkaConsumerSwitch") == {}
    assert "consumer-blue" not in recorder.of("StatefulSet")
    assert "consumer-blue" not in recorder.of("ConfigMap")


# -- connectors ------------------------------------------------------------------------------------------------------


def workers(recorder: Recorder) -> dict[str, str | None]:
    return {name: one.inputs["spec"].get("image") for name, one in recorder.of("KafkaConnect").items()}


@pytest.mark.parametrize("control", ["strimzi", "rest"])
def test_a_connectors_image_is_its_workers(control: str) -> None:
    before, after = up(strategy="e", control=control), up(strategy="e", control=control, green={"image": APP})
    assert changed(before, after) == {
        "KafkaConnect/connect-green",
        "ConfigMap/agent-green",
        "StatefulSet/agent-green",
        "ConfigMap/recorder-green",
        "StatefulSet/recorder-green",
        "KafkaConsumerSwitch/switch",
    }
    assert workers(after) == {"connect-blue": CONNECT_IMAGE, "connect-green": APP}
    template = after.of("StatefulSet")["agent-green"].inputs["spec"]["template"]
    assert template["metadata"]["annotations"]["kafka-bluegreen.io/image"] == APP
    assert {one["image"] for one in template["spec"]["containers"]} == {IMAGE}


def test_a_new_image_of_the_workers_spares_the_connector_at_work() -> None:
    at_work = working("blue", {"connect": "localhost/kafka-bluegreen/connect:0"})
    assert workers(up(strategy="e", found=at_work)) == {
        "connect-blue": "localhost/kafka-bluegreen/connect:0",
        "connect-green": CONNECT_IMAGE,
    }


def test_a_preview_shows_what_the_update_does() -> None:
    at_work = working("blue", {"sidecar": IMAGE})
    given: dict[str, Any] = {"green": {"image": APP}, "found": at_work, "workloads": NEW}
    preview, deployed = up(preview=True, **given), up(**given)
    assert {key: one.inputs for key, one in preview.by_name.items()} == {
        key: one.inputs for key, one in deployed.by_name.items()
    }

"""An update that would restart the active colour in place is refused by what the cluster has, before it begins."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from components.before import NOTHING, Before, InPlaceError, Stake, look, look_at, require_beside, running
from components.cluster.access import ClusterAccess
from components.cluster.errors import ApiError
from components.names import Color
from components.strategies.consumers import PARTS
from tests.components.strategy_stack.deployed import live
from tests.support.fake_api import FakeApi

ROOT = Path(__file__).parents[2]
NAMESPACE = "strategy-c"

SWITCH = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/strategy-c/kafkaconsumerswitches/consumer"
SET = "/apis/apps/v1/namespaces/strategy-c/statefulsets/consumer-blue"
PATHS = PARTS.members.paths(NAMESPACE)
WANTED = {"image": "app:2", "settings": "s1", "pod template": "t1"}


class Api:
    """Stands for an API server with these objects."""

    def __init__(self, objects: Mapping[str, Any], status: int = 404) -> None:
        self.objects, self.status = objects, status

    def get(self, path: str) -> dict[str, Any]:
        if path in self.objects:
            found: dict[str, Any] = self.objects[path]
            return found
        raise ApiError(f"GET {path}: {self.status}", self.status)


def stateful_set(replicas: int = 3, **changed: str) -> dict[str, Any]:
    """One that was last brought to `WANTED`, but for what is changed."""
    annotations = {"kafka-bluegreen.io/restarted-by": json.dumps({**WANTED, **changed})}
    pod = {
        "initContainers": [{"name": "sidecar", "image": "project:1"}],
        "containers": [{"name": "consumer", "image": "app:1"}],
    }
    return {"metadata": {"annotations": annotations}, "spec": {"replicas": replicas, "template": {"spec": pod}}}


RUNS = {"sidecar": "project:1", "consumer": "app:1"}


def stakes(found: Before) -> list[Stake]:
    holder = str(found.holder)
    return [Stake(f"StatefulSet consumer-{holder}", SET.replace("blue", holder), WANTED)]


def found(switch: Any = None, **objects: Any) -> Before:
    return look_at(Api({SWITCH: switch or live("blue"), **objects}), NAMESPACE, PATHS, stakes)


def test_what_would_restart_the_holder_is_told_by_what_differs() -> None:
    seen = found(**{SET: stateful_set(image="app:1", settings="s0")})
    assert seen.in_place == ("StatefulSet consumer-blue: image app:1 -> app:2, settings",)
    assert seen.holder == "blue"


def test_the_holder_is_whom_the_live_switch_names() -> None:
    """Not the colour that is asked for, there or here."""
    asked = live("green")
    asked["status"]["active"] = "blue"
    assert found(asked, **{SET: stateful_set(settings="s0")}).in_place
    green = found(live("green"), **{SET: stateful_set(settings="s0")})
    assert (green.holder, green.in_place) == ("green", ())
    # While nobody holds the grant, whoever held it last is about to have it again.
    going_on = live("green", lastHolder="blue")
    going_on["status"]["active"] = ""
    assert found(going_on, **{SET: stateful_set(settings="s0")}).in_place


@pytest.mark.parametrize(
    "there",
    [
        stateful_set(),
        stateful_set(replicas=0, image="app:1"),
        {**stateful_set(), "metadata": {}},
        {**stateful_set(), "metadata": {"annotations": {"kafka-bluegreen.io/restarted-by": "nonsense"}}},
        None,
    ],
    ids=["as it is wanted", "without pods", "from before the annotation", "not ours", "not there"],
)
def test_what_restarts_nobody_is_no_matter(there: Any) -> None:
    assert found(**({SET: there} if there else {})).in_place == ()


def test_a_stack_without_a_switch_has_nothing_to_lose() -> None:
    assert look_at(Api({SET: stateful_set(image="app:1")}), NAMESPACE, PATHS, stakes) == NOTHING
    new = live("blue")
    del new["status"]
    seen = found(new, **{SET: stateful_set(image="app:1")})
    assert (seen.holder, seen.kept, seen.in_place) == (None, {}, ())


def test_what_is_compared_has_the_images_that_are_kept() -> None:
    """A new image of the project, which the colour at work does not get, restarts nobody."""

    def kept(found: Before) -> list[Stake]:
        return [Stake("it", SET, {"image": found.image("blue", "consumer", "app:2")})]

    objects = Api({SWITCH: live("blue"), SET: stateful_set(image="app:1")})
    assert look_at(objects, NAMESPACE, PATHS, kept).in_place == ()
    assert look_at(objects, NAMESPACE, {}, kept).in_place == ("it: image app:1 -> app:2",)


HIDDEN = "/api/v1/namespaces/strategy-c/secrets/consumer-blue-1a2b"


def with_secret(text: str = "secret_client: {sasl.password: old}\n") -> dict[str, Any]:
    """A set whose pods see a Secret, and that."""
    made = stateful_set()
    made["spec"]["template"]["spec"]["volumes"] = [
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        {"projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "consumer-blue-1a2b"}}]}},
    ]
    return {SET: made, HIDDEN: {"data": {"secrets.yaml": base64.b64encode(text.encode()).decode()}}}


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        (with_secret(), ("it: a secret",)),
        (with_secret("secret_client: {sasl.password: new}\n"), ()),
        ({SET: with_secret()[SET]}, ()),  # nobody may see it, or it is gone
        ({SET: stateful_set()}, ()),  # the first secret, which is a change of the pods' template
    ],
    ids=["another value", "the same value", "out of sight", "none yet"],
)
def test_another_value_of_a_secret_restarts_pods_and_is_not_told(
    objects: dict[str, Any], told: tuple[str, ...]
) -> None:
    """Nothing that anybody may read says it: the value itself is compared, here and nowhere else."""

    def hidden(_: Before) -> list[Stake]:
        return [Stake("it", SET, WANTED, "secret_client: {sasl.password: new}\n")]

    seen = look_at(Api({SWITCH: live("blue"), **objects}), NAMESPACE, PATHS, hidden)
    assert seen.in_place == told
    assert "old" not in str(seen)
    assert "new" not in repr(hidden(seen))


# -- which image a container gets ------------------------------------------------------------------------


BLUE_RUNS = Before(live("blue"), RUNS)


@pytest.mark.parametrize(
    ("before", "color", "container", "gets"),
    [
        (NOTHING, "blue", "sidecar", "project:2"),  # the first deployment
        (NOTHING, "green", "sidecar", "project:2"),
        (BLUE_RUNS, "blue", "sidecar", "project:1"),  # it is at work: it waits for that
        (BLUE_RUNS, "blue", "consumer", "app:1"),
        (BLUE_RUNS, "green", "sidecar", "project:2"),  # it waits already
        (BLUE_RUNS, "green", "consumer", "project:2"),
        (Before(live("blue")), "blue", "sidecar", "project:2"),  # without pods there is nothing to spare
        (Before(live("blue"), {"consumer": "app:1"}), "blue", "sidecar", "project:2"),  # it has not got one yet
        (Before(live("green"), RUNS), "blue", "sidecar", "project:2"),  # after the switch
        (Before(live("green"), {"sidecar": "project:2"}), "green", "sidecar", "project:2"),
    ],
)
def test_which_image_a_container_gets(before: Before, color: Color, container: str, gets: str) -> None:
    assert before.image(color, container, "project:2") == gets


@pytest.mark.parametrize(
    ("obj", "images"),
    [
        ({}, {}),
        (stateful_set(), RUNS),
        (stateful_set(replicas=0), {}),
        ({"spec": {"replicas": 1, "image": "connect:1", "template": {"pod": {}}}}, {"connect": "connect:1"}),
        ({"spec": {"replicas": 0, "image": "connect:1"}}, {}),
        ({"spec": {"replicas": 1, "template": {"pod": {}}}}, {}),  # a KafkaConnect of its operator's own image
    ],
)
def test_what_runs(obj: Mapping[str, Any], images: Mapping[str, str]) -> None:
    assert running(obj) == images


def test_what_the_holder_runs_is_kept_where_it_is_to_be() -> None:
    there = Api({SWITCH: live("blue"), SET: stateful_set(), SET.replace("blue", "green"): stateful_set()})
    assert look_at(there, NAMESPACE, PATHS, stakes).kept == RUNS
    assert look_at(there, NAMESPACE, {}, stakes).kept == {}  # colours that share their pods, or may be restarted
    assert look_at(Api({SWITCH: live("blue")}), NAMESPACE, PATHS, stakes).kept == {}
    assert look_at(there, NAMESPACE, PATHS, stakes, keeps=False).kept == {}


# -- of the cluster that Pulumi deploys to ---------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """An API server."""
    made = FakeApi()
    yield made
    made.close()


def test_it_is_asked_of_the_cluster_that_pulumi_deploys_to(api: FakeApi, tmp_path: Path) -> None:
    access = ClusterAccess(api.kubeconfig(tmp_path))
    api.answers["GET", SWITCH] = (200, live("blue"))
    api.answers["GET", SET] = (200, stateful_set(settings="s0"))
    seen = look(access, NAMESPACE, PATHS, stakes)
    assert (seen.holder, seen.kept, seen.unknown) == ("blue", RUNS, "")
    assert seen.in_place == ("StatefulSet consumer-blue: settings",)


@pytest.mark.parametrize("path", [SWITCH, SET])
def test_what_cannot_be_read_is_not_taken_for_absent(api: FakeApi, tmp_path: Path, path: str) -> None:
    api.answers["GET", SWITCH] = (200, live("blue"))
    api.answers["GET", path] = (403, {})
    seen = look(ClusterAccess(api.kubeconfig(tmp_path)), NAMESPACE, PATHS, stakes)
    assert seen.switch is None
    assert seen.unknown.startswith(f"GET {path}: 403")


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    absent = ClusterAccess(str(tmp_path / "kubeconfig"), context="x")
    assert look(absent, NAMESPACE, PATHS, stakes).unknown


def test_its_words_load_no_client() -> None:
    """Half a second that reading settings would wait for."""
    loaded = "[name for name in ('kubernetes', 'pulumi', 'urllib3') if name in sys.modules]"
    code = f"import sys; import components.before; print({loaded})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


# -- the refusal -----------------------------------------------------------------------------------------


def test_the_refusal_says_what_and_what_to_do_instead() -> None:
    require_beside(Before(live("blue")), NAMESPACE, both_first=False)
    refused = Before(live("blue"), in_place=("StatefulSet consumer-blue: settings",))
    with pytest.raises(InPlaceError) as told:
        require_beside(refused, NAMESPACE, both_first=False)
    said = str(told.value)
    assert "blue is active" in said
    assert "Nothing was touched" in said
    assert "StatefulSet consumer-blue: settings" in said
    assert "pulumi config set kafka-bluegreen:active green -s strategy-c && pulumi up -s strategy-c" in said
    assert "pulumi config set kafka-bluegreen:allowInPlace true -s strategy-c && pulumi up -s strategy-c" in said
    with pytest.raises(InPlaceError, match="take the change back, switch first"):
        require_beside(refused, NAMESPACE, both_first=True)


def test_how_many_pods_the_holder_has_now_is_what_its_object_says() -> None:
    """Also where it keeps no images: who has more than are wanted has to know it."""
    there = Api({SWITCH: live("blue", shape="3x12 takeover/classic"), SET: stateful_set(replicas=3)})
    for keeps in (True, False):
        seen = look_at(there, NAMESPACE, PATHS, stakes, keeps=keeps)
        assert (seen.members, seen.way) == (3, "takeover/classic")
        assert [seen.has_more("blue", 2), seen.has_more("blue", 3), seen.has_more("green", 2)] == [True, False, False]
    assert look_at(there, NAMESPACE, {}, stakes).members is None
    assert found().way == ""

"""A new version is a new image of one colour: beside the one at work, together with the switch, and when it is a wrong
one. Nothing is lost by any of it, and nobody at work is restarted.
"""

import os
from collections.abc import Iterator

import pytest

from components.images import SECOND_VERSION, sandbox_images
from tests.support.engine import Updating, kubectl
from tests.support.field import Field, Ground
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c"), pytest.mark.usefixtures("judged")]

DUPLICATES = 0


@pytest.fixture(scope="module")
def second() -> str:
    """The sandbox's second version of the consumer."""
    return sandbox_images((SECOND_VERSION,), os.environ)[SECOND_VERSION]


@pytest.fixture
def put_back(blue: Field) -> Iterator[None]:
    """Blue is active again at the end, and green as it is checked in."""
    yield
    blue.stack.configuration.put_back("green")
    for _ in range(2):  # what was at work until the switch keeps its image, and follows with the update after it
        assert blue.up("blue").error is None
    blue.wait_ready_pods()


def images(field: Field, color: str) -> set[tuple[str, str]]:
    """Container and image of all pods of a colour."""
    return {item for pod in field.pods(color) for item in pod.images.items()}


def runs(field: Field, color: str) -> tuple[str, str]:
    """What the switch's status says of a colour."""
    told = field.switch().raw["status"][color]
    return told["version"], told["image"]


@pytest.mark.usefixtures("put_back")
def test_an_image_of_green_changes_greens_pods_only(blue: Field, second: str) -> None:
    before, epoch, old = blue.uids("blue"), blue.switch().epoch, blue.uids("green")
    blue.stack.configuration.set(green={"image": second})
    update = blue.stack.up()
    assert update.error is None, update.error
    blue.wait_ready_pods()
    assert blue.uids("blue") == before
    assert not set(blue.uids("green").values()) & set(old.values())
    assert (blue.holder(), blue.switch().epoch) == ("blue", epoch)
    assert ("consumer", second) in images(blue, "green")
    assert ("consumer", second) not in images(blue, "blue")
    assert ("sidecar", second) not in images(blue, "green")
    version = second.rpartition(":")[2]
    until("the status to tell it", lambda: runs(blue, "green") == (version, second), 30, 0.2)
    assert second in kubectl("-n", blue.namespace, "get", "kcs", "-o", "wide")


@pytest.mark.usefixtures("put_back")
def test_one_update_brings_green_its_image_and_then_the_switch(blue: Field, second: str) -> None:
    before, old = blue.uids("blue"), blue.uids("green")
    update = blue.up("green", green={"image": second, "version": "2"})
    assert update.error is None, update.error
    assert blue.holder() == "green"
    assert not set(blue.uids("green").values()) & set(old.values())
    assert blue.uids("blue") == before
    until("the status to tell it", lambda: runs(blue, "green") == ("2", second), 30, 0.2)
    back = blue.up("blue")
    assert back.error is None, back.error
    assert blue.uids("blue") == before


@pytest.mark.usefixtures("put_back")
def test_a_wrong_image_ends_the_update_before_the_switch(ground: Ground, blue: Field, second: str) -> None:
    """By itself after five minutes; whoever reads what it says does not wait for that."""
    before, epoch, wanted = blue.uids("blue"), blue.switch().epoch, blue.switch().wanted
    configuration = blue.stack.configuration
    configuration.set(active="green", green={"image": f"{second}-that-is-not-there"})
    update = Updating(ground.project, blue.namespace, configuration.file)
    try:
        update.wait_said("does not start: pod consumer-green-", "ErrImagePull")
    finally:
        update.interrupt()
    assert (blue.holder(), blue.switch().epoch, blue.switch().wanted) == ("blue", epoch, wanted)
    assert blue.uids("blue") == before
    # The right one after it is rolled out, and switched to.
    again = blue.up("green", green={"image": second})
    assert again.error is None, again.error
    assert (blue.holder(), blue.uids("blue")) == ("green", before)

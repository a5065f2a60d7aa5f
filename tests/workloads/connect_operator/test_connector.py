"""What a KafkaConnector wants, read from its resource."""

import pytest

from tests.workloads.connect_operator.play import CONFIG, NAME, resource
from workloads.connect_operator.connector import State, cluster_of, is_true, read
from workloads.connect_operator.errors import InvalidResourceError


def test_the_configuration_is_what_connect_will_tell() -> None:
    assert read(resource()).config == CONFIG


def test_values_become_texts_and_keys_of_the_resources_own_are_left_out() -> None:
    config = {"a": True, "b": 3, "c": 1.5, "d": None, "e": "x", "name": "y", "connector.class": "z", "Tasks.Max": 9}
    read_back = read(resource({"config": config, "version": "1.2"})).config
    assert read_back == {
        "a": "true",
        "b": "3",
        "c": "1.5",
        "d": "",
        "e": "x",
        "name": NAME,
        "connector.class": "FileStreamSink",
        "tasks.max": "2",
        "connector.plugin.version": "1.2",
    }


def test_without_a_number_of_tasks_connect_decides() -> None:
    assert "tasks.max" not in read(resource({"tasksMax": None})).config


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (resource({"state": "gone"}), "spec.state is 'gone'"),
        (resource({"config": {"a": ["x"]}}), "spec.config: a must be"),
        ({**resource(), "spec": None}, "no spec"),
    ],
)
def test_what_nobody_can_do_is_refused_by_name(made: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidResourceError, match=said):
        read(made)


def test_state_and_what_else_is_read() -> None:
    spec = {
        "state": "paused",
        "autoRestart": {"enabled": True, "maxRestarts": 3},
        "listOffsets": {"toConfigMap": {"name": "to"}},
        "alterOffsets": {"fromConfigMap": {"name": "from"}},
    }
    made = read(resource(spec))
    assert (made.state, made.auto_restart, made.max_restarts) == (State.PAUSED, True, 3)
    assert (made.list_to, made.alter_from) == ("to", "from")
    assert read(resource()).state is State.RUNNING


def test_labels_and_annotations_that_are_not_there() -> None:
    made = resource(labels=None, annotations=None)
    assert cluster_of(made) is None
    assert not is_true(made, "x")
    assert read(made).labels == {}

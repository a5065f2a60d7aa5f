"""Plays the other side of a plan: what was asked, in order, and answers from a table."""

from collections.abc import Mapping
from typing import Any

from workloads.connect_operator.errors import RestError
from workloads.connect_operator.terms import (
    Plan,
    ReadConfigMap,
    ReadConnector,
    RemoveAnnotation,
    Request,
    Rest,
    WriteConfigMap,
)

NAME = "sink"
RUNNING = {"name": NAME, "connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "RUNNING"}]}
STOPPED = {"name": NAME, "connector": {"state": "STOPPED"}, "tasks": []}


def resource(
    spec: Mapping[str, Any] | None = None, annotations: Mapping[str, str] | None = None, **metadata: Any
) -> dict[str, Any]:
    """A KafkaConnector as the API server gives it. spec: on top of a class and a number of tasks."""
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaConnector",
        "metadata": {
            "name": NAME,
            "namespace": "n",
            "uid": "u",
            "generation": 1,
            "labels": {"strimzi.io/cluster": "blue"},
            "annotations": dict(annotations or {}),
            **metadata,
        },
        "spec": {"class": "FileStreamSink", "tasksMax": 2, "config": {"topics": "t"}, **(spec or {})},
    }


#: What Connect has of such a connector.
CONFIG = {"name": NAME, "connector.class": "FileStreamSink", "tasks.max": "2", "topics": "t"}


class Other:
    """Answers by `asked` text; a list is used up one by one, its last one stays. `asked` has what came, in order."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        usual = {
            f"GET /connectors/{NAME}/config": CONFIG,
            f"GET /connectors/{NAME}/status": RUNNING,
            f"GET /connectors/{NAME}/topics": {NAME: {"topics": ["t"]}},
        }
        self._answers = {asked: list(given) if isinstance(given, list) else [given] for asked, given in usual.items()}
        self._answers |= {
            asked: list(given) if isinstance(given, list) else [given] for asked, given in answers.items()
        }
        self.requests: list[Request] = []

    @property
    def asked(self) -> list[str]:
        """What came, as texts."""
        return [text(request) for request in self.requests]

    @property
    def changes(self) -> list[str]:
        """What came and changes something."""
        return [asked for asked in self.asked if not asked.startswith(("GET", "Read"))]

    def play(self, plan: Plan[Any]) -> Any:
        """What the plan comes to. Raises what it raises."""
        try:
            request = next(plan)
            while True:
                self.requests.append(request)
                answer = self._answer(text(request))
                request = plan.throw(answer) if isinstance(answer, Exception) else plan.send(answer)
        except StopIteration as ended:
            return ended.value

    def _answer(self, asked: str) -> Any:
        given = self._answers.get(asked, [None])
        return given.pop(0) if len(given) > 1 else given[0]


def text(request: Request) -> str:
    """A request in a word."""
    match request:
        case Rest(method, path):
            return f"{method} {path}"
        case ReadConfigMap(name):
            return f"ReadConfigMap {name}"
        case WriteConfigMap(body):
            return f"WriteConfigMap {body['metadata']['name']}"
        case ReadConnector():
            return "ReadConnector"
        case RemoveAnnotation(name):
            return f"RemoveAnnotation {name}"


def refused(status: int, said: str = "a test asked for it") -> RestError:
    """An answer of Connect that is an error."""
    return RestError("GET", "/x", status, said)

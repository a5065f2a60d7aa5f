"""What the pure core asks for, and how it is answered.

A plan is a generator: it yields one request at a time, gets the answer sent in, and returns what it came to. It does no
I/O and has no clock: a test plays the other side. A request that fails is thrown into it, as RestError,
RestUnreachableError or KubeError; what it does not catch ends the reconcile.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Rest:
    """One request to Kafka Connect. accept: the HTTP statuses that are no error; the answer is the body, parsed.

    retry_on: statuses after which it is asked again, `waits(retries)` apart.
    """

    method: str
    path: str
    accept: frozenset[int]
    body: object = None
    retry_on: frozenset[int] = frozenset()
    retries: int = 0


@dataclass(frozen=True, slots=True)
class ReadConfigMap:
    """Answered with the ConfigMap, None if there is none."""

    name: str


@dataclass(frozen=True, slots=True)
class WriteConfigMap:
    """Create it, or replace what was read: then it has its resourceVersion. Answered with None."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReadConnector:
    """Answered with the KafkaConnector as it is by now, None if it is gone."""


@dataclass(frozen=True, slots=True)
class RemoveAnnotation:
    """From the KafkaConnector. Answered with None."""

    name: str


Request = Rest | ReadConfigMap | WriteConfigMap | ReadConnector | RemoveAnnotation
Plan = Generator[Request, Any, Result]


@dataclass(frozen=True, slots=True)
class Warn:
    """Something that went wrong without ending the reconcile: becomes a condition of type Warning."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reconcile of one connector came to: Connect's own status of it, its topics, warnings, and the count of
    automatic restarts (`status.autoRestart`, None for none).
    """

    connector: Mapping[str, Any]
    topics: tuple[str, ...] = ()
    warnings: tuple[Warn, ...] = ()
    auto_restart: Mapping[str, Any] | None = field(default=None)


def waits(retries: int) -> tuple[float, ...]:
    """Seconds before each repetition: at once, 0.2, 0.4, … (Strimzi's `BackOff(200, 2, retries)`)."""
    return (0.0, *(0.2 * 2**n for n in range(retries - 1))) if retries else ()

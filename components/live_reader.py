"""Reads the live KafkaConsumerSwitch: Pulumi's own picture is only what it last wrote.

Loading this module loads the Kubernetes client's transport, and making the client the rest of it (half a second); it is
wanted after the switch, not before.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from components import names
from components.cluster.access import AccessError, ClusterAccess
from components.cluster.client import ApiError, KubernetesApi
from components.live_switch import Expectation, Object, SwitchError, require, require_ready

_UNREACHABLE_SECONDS = 30.0
_RETRY_SECONDS = 0.5
_GONE = 410
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


class Api(Protocol):
    """What is needed of `KubernetesApi`."""

    def get(self, path: str) -> dict[str, Any]: ...

    def watch(
        self, path: str, *, query: list[tuple[str, str]], resource_version: str, seconds: float
    ) -> Iterator[dict[str, Any]]: ...


def check(expected: Expectation, access: ClusterAccess) -> Object:
    """Wait for `expected` on the live object, settled and then Ready; returns it. Blocks; raises `SwitchError`."""
    why = ""
    try:
        api = KubernetesApi(access, agent=names.UPDATE_AGENT)
    except AccessError as error:
        why = str(error)
    if why:
        raise SwitchError(f"{expected} cannot be read: {why}")
    settled = require(expected, states(api, expected, expected.timeout_seconds))
    return require_ready(expected, settled, states(api, expected, expected.ready_seconds))


@dataclass
class _Patience:
    """How long the API server may stay away."""

    expected: Expectation
    clock: Callable[[], float]
    since: float | None = None

    def answered(self) -> None:
        self.since = None

    def failed(self, error: Exception) -> None:
        """Pauses before the next attempt. Raises `SwitchError` when the first failure was too long ago."""
        now = self.clock()
        self.since = now if self.since is None else self.since
        if now - self.since > _UNREACHABLE_SECONDS:
            raise SwitchError(
                f"{self.expected} cannot be read: the API server has not answered for "
                f"{_UNREACHABLE_SECONDS:g} s: {error}"
            ) from error
        time.sleep(_RETRY_SECONDS)


def states(
    api: Api, expected: Expectation, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[Object | None]:
    """The object now and after each change, for so many seconds; None when it does not exist.

    Raises `SwitchError` when the object may not be read, or the API server stays away.
    """
    kind = names.switches(expected.namespace)
    only = [("fieldSelector", f"metadata.name={expected.name}")]
    deadline = clock() + seconds
    patience = _Patience(expected, clock)
    while (left := deadline - clock()) > 0:
        try:
            current = api.get(f"{kind}/{expected.name}")
            patience.answered()
            yield current
            version = current["metadata"]["resourceVersion"]
            for change in api.watch(kind, query=only, resource_version=version, seconds=left):
                yield _state(change)
        except ApiError as error:
            if error.not_found:
                yield None
            elif _passes(error.status):
                patience.failed(error)
            else:
                raise SwitchError(f"{expected} cannot be read: {error}") from error


def _state(change: Mapping[str, Any]) -> Object | None:
    if change["type"] == "ERROR":
        told = change["object"]
        raise ApiError(f"the watch ended: {told.get('message')}", told.get("code"))
    return None if change["type"] == "DELETED" else change["object"]


def _passes(status: int | None) -> bool:
    """Whether it is about the moment: no answer, a version that is too old, or a server that says so of itself."""
    return status is None or status in {_GONE, _TOO_MANY_REQUESTS} or status >= _SERVER_ERROR

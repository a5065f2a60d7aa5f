"""A connector by Connect's REST API (`control: rest`)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from workloads.sidecar.connect.config import EPOCH_KEY, body, differs, epoch_of, group_of
from workloads.sidecar.connect.control import RefusedError, SilentError
from workloads.sidecar.connect.http import Change, ConnectHttp, Reply
from workloads.sidecar.connect.ledger import START, Ledger
from workloads.sidecar.connect.seen import ABSENT, NO_EPOCH, STOPPED, Connector

POLL_SECONDS = 0.01  # Connect has no watch
# Connect says nothing of when a status is from: a STOPPED that is seen after a start may be the one from before it. So
# after a start it counts when something else was seen in between, or when the start has had this long to come true. An
# agent that was restarted does not know what was asked for before.
SETTLES_SECONDS = 5.0
NO_WORKER = "its cluster has no worker"
_NO_CLASS = "Failed to find any class"


@dataclass(frozen=True, slots=True)
class ConnectorAddress:
    """A connector by its name, and the cluster that it is in."""

    name: str
    http: ConnectHttp


class RestControl:
    """See Control.

    ledger: of the own cluster's calls. config: the connector's whole configuration but the epoch; it is made with it.
    """

    def __init__(
        self, own: ConnectorAddress, other: ConnectorAddress, config: Mapping[str, str], ledger: Ledger
    ) -> None:
        self._name, self._http = own.name, own.http
        self._other = other
        self._config = dict(config)
        self._ledger = ledger
        self._path = f"/connectors/{own.name}"
        self._epoch = NO_EPOCH
        self._refused = ""
        self._quiet_at = time.monotonic() + SETTLES_SECONDS
        self._starts = 0
        self._stopped = False  # a stop was accepted after every start had its answer

    def own(self, deadline: float) -> Connector:
        """See Control."""
        starts, stopped = self._starts, self._stopped
        found, config = _read(self._http, self._name, deadline)
        if config is None:
            return Connector(self._name, ABSENT, group=group_of(self._name, self._config), refused=self._refused)
        self._epoch = epoch_of(config)
        state = found.get("state")
        if state not in (None, "", STOPPED) and starts == self._starts and not self._ledger.unanswered():
            self._quiet_at = 0.0
        return Connector(
            **found,
            asked=STOPPED if stopped and state == STOPPED else "",
            epoch=self._epoch,
            group=group_of(self._name, config),
            refused=self._refused,
            drift=differs(config, self._config),
        )

    def other(self, deadline: float) -> Connector:
        """See Control."""
        name = self._other.name
        absent = Connector(name, ABSENT, group=group_of(name, {}))
        try:
            found, config = _read(self._other.http, name, deadline)
        except SilentError:
            if self._other.http.has_workers(deadline):
                raise
            return replace(absent, refused=NO_WORKER)
        if config is None:
            return replace(absent, refused="it does not exist")
        return Connector(**found, epoch=epoch_of(config), group=group_of(name, config))

    def create(self, deadline: float) -> None:
        """See Control."""
        content = {"name": self._name, "config": self._with_epoch(NO_EPOCH), "initial_state": "STOPPED"}
        self._configured(self._http.change(Change("create", "POST", "/connectors", content), deadline))

    def configure(self, deadline: float) -> None:
        """See Control."""
        self._put(self._epoch, deadline)

    def stop(self, epoch: int, deadline: float) -> None:  # noqa: ARG002 - Connect has no place for it
        """See Control."""
        after_all = not self._ledger.unanswered()
        self._done(self._http.change(Change("stop", "PUT", f"{self._path}/stop"), deadline))
        self._stopped = after_all

    def alter(self, epoch: int, offsets: Mapping[tuple[str, int], int | None], deadline: float) -> None:  # noqa: ARG002
        """See Control (KIP-875)."""
        self._done(self._http.change(Change("alter", "PATCH", f"{self._path}/offsets", body(offsets)), deadline))

    def bear(self, epoch: int, deadline: float) -> None:
        """See Control."""
        self._put(epoch, deadline)

    def start(self, epoch: int, deadline: float) -> None:  # noqa: ARG002
        """See Control."""
        self._stopped = False
        self._starts += 1
        try:
            self._done(self._http.change(Change(START, "PUT", f"{self._path}/resume"), deadline))
        finally:
            self._quiet_at = time.monotonic() + SETTLES_SECONDS

    def unanswered(self) -> tuple[str, ...]:
        """See Control."""
        if self._ledger.unanswered():
            try:
                self._http.forget_the_gone(1.0)
            except SilentError as error:
                return (*self._ledger.unanswered(), str(error))
        return self._ledger.unanswered()

    def quiet_in(self) -> float:
        """See Control."""
        return max(0.0, self._quiet_at - time.monotonic())

    def wait(self, seconds: float) -> None:
        """See Control."""
        time.sleep(min(POLL_SECONDS, seconds))

    def _put(self, epoch: int, deadline: float) -> None:
        change = Change("configure", "PUT", f"{self._path}/config", self._with_epoch(epoch))
        self._configured(self._http.change(change, deadline))

    def _with_epoch(self, epoch: int) -> dict[str, str]:
        return {**self._config, EPOCH_KEY: str(epoch)}

    def _configured(self, said: Reply) -> None:
        """Connect took the configuration, or it is remembered why not."""
        if said.status == 400 or (said.status >= 400 and _NO_CLASS in said.message):
            self._refused = said.message
            raise RefusedError(said.message)
        self._done(said)
        self._refused = ""

    @staticmethod
    def _done(said: Reply) -> None:
        if said.status < 300:
            return
        problem = f"Connect answers with {said.status}: {said.message}"
        if said.status >= 500:
            raise SilentError(problem)
        raise RefusedError(problem)


def _read(http: ConnectHttp, name: str, deadline: float) -> tuple[dict[str, Any], Mapping[str, object] | None]:
    """What a status says, and the configuration; None: there is no such connector."""
    config = http.read(f"/connectors/{name}/config", deadline)
    if config.status == 404:
        return {}, None
    status = http.read(f"/connectors/{name}/status", deadline)
    if config.status != 200 or not isinstance(config.body, dict):
        raise SilentError(f"the configuration of {name} cannot be read: {config.status} {config.message}")
    if status.status == 404:
        return {"name": name, "pending": "it has no status yet"}, config.body
    if status.status != 200 or not isinstance(status.body, dict):
        raise SilentError(f"the status of {name} cannot be read: {status.status} {status.message}")
    return {"name": name, **told(status.body)}, config.body


def told(status: Mapping[str, Any]) -> dict[str, Any]:
    """What Connect's status of a connector says, as fields of Connector."""
    connector = status.get("connector") or {}
    tasks = status.get("tasks") or []
    traces = [one["trace"] for one in (connector, *tasks) if one.get("trace")]
    return {
        "state": str(connector.get("state") or ""),
        "tasks": tuple(sorted((int(task["id"]), str(task["state"])) for task in tasks)),
        "trace": str(traces[0]).partition("\n")[0] if traces else "",
    }

"""One connector: from what is to what its resource wants, in Strimzi's order.

A connector that has its configuration: state, offsets, restarts, then its status is read. One whose configuration
changed: configuration and state, and nothing else: no offsets, no restarts. One that does not exist: made in its state.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workloads.connect_operator import asking, offsets, restarts
from workloads.connect_operator.connector import Connector
from workloads.connect_operator.errors import ReconcileError, RestError
from workloads.connect_operator.terms import Outcome, Plan, Warn
from workloads.connect_operator.transitions import Move, move


def converge(connector: Connector, now: datetime) -> Plan[Outcome]:
    """Bring it to what its resource wants; what it came to. now: for automatic restarts.

    Raises what a request raised that is not forgiven (RestError, RestUnreachableError, KubeError), and ReconcileError.
    """
    try:
        config: Mapping[str, str] = yield asking.config(connector.name)
    except RestError as error:
        if error.status != 404:
            raise
        return (yield from _made(connector, now))
    if dict(config) == dict(connector.config):
        return (yield from _kept(connector, now))
    return (yield from _configured(connector))


def remove(name: str) -> Plan[None]:
    """Delete a connector that has no resource, and see it gone. Raises as `converge`."""
    yield asking.delete(name)
    yield asking.status_gone(name)


def _made(connector: Connector, now: datetime) -> Plan[Outcome]:
    yield asking.create(connector)
    told = yield asking.status_soon(connector.name)
    told, restarted = yield from restarts.automatic(connector, told, now)
    return Outcome(told, (yield from _topics(connector)), (), restarted)


def _configured(connector: Connector) -> Plan[Outcome]:
    yield asking.configure(connector)
    told = yield asking.status_soon(connector.name)
    yield from _change_state(connector, told)  # a warning of it is not told, as by Strimzi
    told = yield asking.status(connector.name)
    return Outcome(told, (yield from _topics(connector)))


def _kept(connector: Connector, now: datetime) -> Plan[Outcome]:
    told = yield asking.status(connector.name)
    warnings = yield from _change_state(connector, told)
    warnings += yield from offsets.manage(connector)
    warnings += yield from restarts.asked_for(connector)
    # The state was asked for just now, so this may be the one before: pause and resume return at once.
    told = yield asking.status_soon(connector.name)
    told, restarted = yield from restarts.automatic(connector, told, now)
    return Outcome(told, (yield from _topics(connector)), warnings, restarted)


def _change_state(connector: Connector, told: Mapping[str, Any]) -> Plan[tuple[Warn, ...]]:
    state = (told.get("connector") or {}).get("state")
    if not isinstance(state, str):
        raise ReconcileError(f"Connect's status of {connector.name} has no connector.state")
    then = move(state, connector.state)
    if then is Move.IMPOSSIBLE:
        return (Warn("UpdateState", f"the connector is {state} and cannot be {connector.state}: restart or stop it"),)
    if then is not Move.NONE:
        yield asking.change_state(connector.name, then.value)
    return ()


def _topics(connector: Connector) -> Plan[tuple[str, ...]]:
    found = yield asking.topics(connector.name)
    return tuple(sorted(found[connector.name]["topics"]))

"""The requests to Kafka Connect's REST API that a reconcile is made of, with what counts as their success.

Paths and statuses: Kafka 4.3.1, `ConnectorsResource` and `ConnectorPluginsResource`.
"""

from collections.abc import Mapping
from urllib.parse import quote

from workloads.connect_operator.connector import Connector
from workloads.connect_operator.terms import Rest

OK = frozenset({200})
REBALANCING = frozenset({409})
MISSING = frozenset({404})


def connectors() -> Rest:
    """The names of all connectors."""
    return Rest("GET", "/connectors", OK)


def plugins() -> Rest:
    """The connector classes that there are."""
    return Rest("GET", "/connector-plugins", OK)


def config(name: str) -> Rest:
    """The configuration. 404: no such connector."""
    return Rest("GET", _path(name, "config"), OK, retry_on=REBALANCING, retries=6)


def create(connector: Connector) -> Rest:
    """Make it, in its state from the start (KIP-980)."""
    body = {"name": connector.name, "config": connector.config, "initial_state": connector.state.name}
    return Rest("POST", "/connectors", frozenset({201}), body, retry_on=REBALANCING, retries=10)


def configure(connector: Connector) -> Rest:
    """Replace the configuration."""
    body = {key: value for key, value in connector.config.items() if key != "name"}
    accept = frozenset({200, 201})
    return Rest("PUT", _path(connector.name, "config"), accept, body, retry_on=REBALANCING, retries=10)


def status(name: str) -> Rest:
    """State of the connector and of its tasks."""
    return Rest("GET", _path(name, "status"), OK)


def status_soon(name: str) -> Rest:
    """The same of one that was just made or changed: 404 until the workers know of it."""
    return Rest("GET", _path(name, "status"), OK, retry_on=MISSING, retries=10)


def status_gone(name: str) -> Rest:
    """Answered once there is no status any more."""
    return Rest("GET", _path(name, "status"), MISSING, retry_on=OK, retries=10)


def change_state(name: str, verb: str) -> Rest:
    """pause, resume: 202, taken and not done yet. stop: 204."""
    return Rest("PUT", _path(name, verb), frozenset({204 if verb == "stop" else 202}))


def delete(name: str) -> Rest:
    """Delete the connector."""
    return Rest("DELETE", _path(name), frozenset({204}), retry_on=REBALANCING, retries=10)


def topics(name: str) -> Rest:
    """The topics that it used."""
    return Rest("GET", _path(name, "topics"), OK)


def offsets(name: str) -> Rest:
    """Its offsets (KIP-875)."""
    return Rest("GET", _path(name, "offsets"), OK)


def alter_offsets(name: str, body: Mapping[str, object]) -> Rest:
    """Needs the connector STOPPED; 400 otherwise."""
    return Rest("PATCH", _path(name, "offsets"), OK, body)


def reset_offsets(name: str) -> Rest:
    """Needs the connector STOPPED; 400 otherwise."""
    return Rest("DELETE", _path(name, "offsets"), OK)


def restart(name: str, *, tasks: bool, only_failed: bool) -> Rest:
    """Restart the connector; its tasks, too; of all these only what has failed (KIP-745)."""
    query = f"?includeTasks={str(tasks).lower()}&onlyFailed={str(only_failed).lower()}"
    return Rest("POST", _path(name, "restart") + query, frozenset({202, 204}))


def restart_task(name: str, task: int) -> Rest:
    """Restart one task."""
    return Rest("POST", _path(name, f"tasks/{task}/restart"), frozenset({202, 204}))


def _path(name: str, of: str = "") -> str:
    path = f"/connectors/{quote(name, safe='')}"
    return f"{path}/{of}" if of else path

"""A reconcile, whole: of one connector, or of a Connect cluster with all of its connectors. Runs under the cluster's
lock, in its lane's thread.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from workloads.common.kube import ApiError, Kube, KubeError, Object
from workloads.common.logs import fields
from workloads.connect_operator import asking, cluster, connector, names, reconcile, status, statuses
from workloads.connect_operator.errors import NoSuchResourceError, ReconcileError, RestUnreachableError
from workloads.connect_operator.hands import Hands
from workloads.connect_operator.rest import ConnectApi
from workloads.connect_operator.tally import Tally
from workloads.connect_operator.terms import Outcome
from workloads.connect_operator.workers import Workers

logger = logging.getLogger(__name__)


class Reconciler:
    """api_of: the REST API of a cluster, by its name."""

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        *,
        workers: Workers,
        api_of: Callable[[str], ConnectApi],
        tally: Tally,
        stopping: threading.Event,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._workers = workers
        self._api_of = api_of
        self._tally = tally
        self._stopping = stopping
        self._connects = names.CONNECTS.format(namespace)
        self._connectors = names.CONNECTORS.format(namespace)

    # -- one connector -------------------------------------------------------------------------------------------------

    def connector(self, resource: Object, of: str, *, uses_resources: bool) -> None:
        """Bring a connector to what `resource` wants: this version of it, whatever was written since.

        of: its Connect cluster. Raises nothing but errors of our own; what went wrong is in the resource's status.
        """
        api = self._api_of(of)
        try:
            self._connector(api, resource, of, uses_resources=uses_resources)
        finally:
            api.close()

    def deleted(self, name: str, of: str, *, uses_resources: bool) -> None:
        """The connector's resource was deleted: so is the connector, if the cluster is managed by resources."""
        if not uses_resources:
            return
        api = self._api_of(of)
        try:
            self._remove(api, name)
        finally:
            api.close()

    def refuse(self, resource: Object, error: ReconcileError) -> None:
        """Write to a connector's resource why nothing is done for it."""
        self._write_connector(resource, None, error)

    def orphaned(self, resource: Object, of: str) -> None:
        """Write to a connector's resource that there is no such Connect cluster."""
        self.refuse(resource, _missing(of, self._namespace))

    def without_workers(self, resource: Object, of: str) -> None:
        """Write to a connector's resource that its Connect cluster has no workers."""
        self.refuse(resource, _no_workers(of))

    def _connector(self, api: ConnectApi, resource: Object, of: str, *, uses_resources: bool) -> None:
        name = resource["metadata"]["name"]
        with self._tally.reconcile(names.CONNECTOR_KIND) as verdict:
            outcome: Outcome | None = None
            error: Exception | None = None
            if not status.is_paused(resource):
                try:
                    outcome = self._converged(api, resource, of, uses_resources=uses_resources)
                except (ReconcileError, KubeError) as failure:
                    error = failure
                except Exception as failure:
                    logger.exception("a reconcile failed by an error of our own", extra=fields(connector=name))
                    error = failure
            written = self._write_connector(resource, outcome, error)
            verdict.failed = error is not None or not written
            logger.info(
                "connector reconciled",
                extra=fields(
                    connector=name,
                    generation=resource["metadata"].get("generation"),
                    wanted=(resource.get("spec") or {}).get("state"),
                    state=None if outcome is None else (outcome.connector.get("connector") or {}).get("state"),
                    warnings=[warn.message for warn in outcome.warnings] if outcome else [],
                    error=None if error is None else str(error),
                ),
            )

    def _converged(self, api: ConnectApi, resource: Object, of: str, *, uses_resources: bool) -> Outcome:
        wanted = connector.read(resource)
        if not uses_resources:
            raise NoSuchResourceError(f"KafkaConnect {of} has no annotation {names.USE_RESOURCES}: true")
        hands = Hands(self._kube, self._namespace, wanted.name, api, self._stopping)
        return hands.carry_out(reconcile.converge(wanted, datetime.now(UTC)))

    def _remove(self, api: ConnectApi, name: str) -> None:
        with self._tally.reconcile(names.CONNECTOR_KIND) as verdict:
            try:
                Hands(self._kube, self._namespace, name, api, self._stopping).carry_out(reconcile.remove(name))
                logger.info("connector deleted", extra=fields(connector=name))
            except (ReconcileError, KubeError) as error:
                verdict.failed = True
                logger.warning("a connector was not deleted", extra=fields(connector=name, error=str(error)))

    def _write_connector(self, resource: Object, outcome: Outcome | None, error: Exception | None) -> bool:
        wanted = status.of_connector(resource, outcome, error, datetime.now(UTC))
        return statuses.write(self._kube, f"{self._connectors}/{resource['metadata']['name']}", wanted)

    # -- a cluster -----------------------------------------------------------------------------------------------------

    def cluster(self, name: str) -> None:
        """Bring a KafkaConnect, read anew, to what it wants: its workers, then every connector of it."""
        with self._tally.reconcile(names.CONNECT_KIND) as verdict:
            resource = self._read(name)
            if resource is None:
                self._refuse_all(name, _missing(name, self._namespace))
                return
            if status.is_paused(resource):
                verdict.failed = not self._write_cluster(resource, status.paused(resource, datetime.now(UTC)))
                return
            plugins: Sequence[Mapping[str, str]] = ()
            error: Exception | None = None
            try:
                plugins = self._brought(resource)
            except (ReconcileError, KubeError) as failure:
                error = failure
            except Exception as failure:
                logger.exception("a reconcile failed by an error of our own", extra=fields(cluster=name))
                error = failure
            wanted = status.of_cluster(
                resource, error, datetime.now(UTC), replicas=cluster.replicas_of(resource), plugins=plugins
            )
            written = self._write_cluster(resource, wanted)
            verdict.failed = error is not None or not written
            logger.info("cluster reconciled", extra=fields(cluster=name, error=None if error is None else str(error)))

    def _brought(self, resource: Object) -> Sequence[Mapping[str, str]]:
        """The workers and the connectors; the connector classes that the workers have."""
        wanted = cluster.read(resource)
        self._workers.reconcile(wanted)
        if not wanted.uses_resources:
            return ()
        if not wanted.replicas:
            self._refuse_all(wanted.name, _no_workers(wanted.name))
            return ()
        api = self._api_of(wanted.name)
        try:
            return self._all_connectors(api, wanted.name)
        except RestUnreachableError as error:
            self._refuse_all(wanted.name, error)
            raise
        finally:
            api.close()

    def _all_connectors(self, api: ConnectApi, of: str) -> Sequence[Mapping[str, str]]:
        """Delete those that have no resource; then the others, by what their resources say now."""
        running: list[str] = api.ask(asking.connectors())
        resources = self._resources_of(of)
        plugins: list[Mapping[str, str]] = api.ask(asking.plugins())
        for name in sorted(set(running) - {resource["metadata"]["name"] for resource in resources}):
            self._remove(api, name)
        for resource in resources:
            self._connector(api, resource, of, uses_resources=True)
        return plugins

    def _refuse_all(self, of: str, error: ReconcileError) -> None:
        for resource in self._resources_of(of):
            self.refuse(resource, error)

    def _resources_of(self, of: str) -> list[Object]:
        listed = self._kube.list(self._connectors, labels_are=f"{names.CLUSTER_LABEL}={of}")
        # The items of a list say neither kind nor version of themselves.
        return [{"kind": names.CONNECTOR_KIND, **item} for item in listed["items"] or []]

    def _read(self, name: str) -> Object | None:
        try:
            return self._kube.get(f"{self._connects}/{name}")
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def _write_cluster(self, resource: Object, wanted: Mapping[str, Any]) -> bool:
        return statuses.write(self._kube, f"{self._connects}/{resource['metadata']['name']}", wanted)


def _missing(name: str, namespace: str) -> NoSuchResourceError:
    """Why nothing is done for the connectors of a cluster that does not exist."""
    return NoSuchResourceError(f"KafkaConnect {name}, which label {names.CLUSTER_LABEL} names, is not in {namespace}")


def _no_workers(name: str) -> ReconcileError:
    """Why nothing is done for the connectors of a cluster without workers."""
    return ReconcileError(f"KafkaConnect {name} has 0 replicas")

"""Carries out what a plan asks for: Connect's REST API, and the API server."""

import threading
from typing import Any

from workloads.common.kube import ApiError, Kube, KubeError, Object
from workloads.connect_operator import names
from workloads.connect_operator.errors import ReconcileError, RestError
from workloads.connect_operator.rest import ConnectApi
from workloads.connect_operator.terms import (
    Plan,
    ReadConfigMap,
    ReadConnector,
    RemoveAnnotation,
    Request,
    Rest,
    Result,
    WriteConfigMap,
    waits,
)

MERGE = "application/merge-patch+json"


class Hands:
    """For one connector of one cluster, in one reconcile.

    stopping: is set when the process ends; then no request is repeated any more.
    """

    def __init__(self, kube: Kube, namespace: str, connector: str, api: ConnectApi, stopping: threading.Event) -> None:
        self._kube = kube
        self._connector = f"{names.CONNECTORS.format(namespace)}/{connector}"
        self._config_maps = names.CONFIG_MAPS.format(namespace)
        self._api = api
        self._stopping = stopping

    def carry_out(self, plan: Plan[Result]) -> Result:
        """What the plan came to. Raises ReconcileError and KubeError, as the plan lets them through."""
        try:
            request = next(plan)
            while True:
                try:
                    answer = self._do(request)
                except (ReconcileError, KubeError) as error:
                    request = plan.throw(error)
                else:
                    request = plan.send(answer)
        except StopIteration as ended:
            result: Result = ended.value
            return result

    def ask(self, request: Rest) -> Any:
        """One request to Connect, repeated as it says. Raises RestError, RestUnreachableError."""
        for pause in waits(request.retries):
            try:
                return self._api.ask(request)
            except RestError as error:
                if error.status not in request.retry_on or self._stopping.wait(pause):
                    raise
        return self._api.ask(request)

    def _do(self, request: Request) -> Any:
        match request:
            case Rest():
                return self.ask(request)
            case ReadConfigMap(name):
                return _if_there(self._kube, f"{self._config_maps}/{name}")
            case WriteConfigMap(body):
                return self._write(dict(body))
            case ReadConnector():
                return _if_there(self._kube, self._connector)
            case RemoveAnnotation(name):
                # Only this: a spec that was changed since must not be written back.
                self._kube.patch(self._connector, {"metadata": {"annotations": {name: None}}}, content_type=MERGE)
                return None

    def _write(self, body: Object) -> None:
        if "resourceVersion" in body["metadata"]:
            self._kube.put(f"{self._config_maps}/{body['metadata']['name']}", body)
        else:
            self._kube.post(self._config_maps, body)


def _if_there(kube: Kube, path: str) -> Object | None:
    try:
        return kube.get(path)
    except ApiError as error:
        if error.status != 404:
            raise
        return None

"""The whole operator between an API server and a Connect cluster that can be made to misbehave."""

from typing import Any

from tests.support.fake_connect import FakeConnect
from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from workloads.common.kube import Access, Kube
from workloads.connect_operator.__main__ import assembled
from workloads.connect_operator.settings import OperatorSettings
from workloads.connect_operator.tally import Tally

CONNECTS = "/apis/kafka.strimzi.io/v1/namespaces/n/kafkaconnects"
CONNECTORS = "/apis/kafka.strimzi.io/v1/namespaces/n/kafkaconnectors"
STATEFUL_SETS = "/apis/apps/v1/namespaces/n/statefulsets"


def connect_resource(name: str = "blue", replicas: int = 1, **spec: Any) -> dict[str, Any]:
    """A KafkaConnect as the API server gives it."""
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaConnect",
        "metadata": {
            "name": name,
            "namespace": "n",
            "uid": f"uid-{name}",
            "generation": 1,
            "annotations": {"strimzi.io/use-connector-resources": "true"},
        },
        "spec": {
            "replicas": replicas,
            "bootstrapServers": "kafka:9092",
            "groupId": name,
            "configStorageTopic": f"{name}-configs",
            "offsetStorageTopic": f"{name}-offsets",
            "statusStorageTopic": f"{name}-status",
            **spec,
        },
    }


def make_workers_ready(api: FakeApi, name: str = "blue", replicas: int = 1) -> None:
    """Be the StatefulSet's controller, once so many workers are asked for."""
    path = f"{STATEFUL_SETS}/{name}-connect"

    def asked() -> dict[str, Any] | None:
        found = api.objects.get(path)
        return found if found and found["spec"]["replicas"] == replicas else None

    made = until("the StatefulSet", asked)
    counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas"), replicas)
    seen = made["metadata"].get("generation", 1)
    api.put(path, {**made, "status": {"observedGeneration": seen, **counts}})


class Place:
    """Settings are short: nothing periodic unless a test asks for it."""

    def __init__(self, **settings: Any) -> None:
        self.api = FakeApi()
        self.connect = FakeConnect()
        self.tally = Tally("n")
        usual: dict[str, Any] = {
            "default_image": "kafka",
            "pod_namespace": "n",
            "pod_name": "p",
            "rest_url": self.connect.url,
            "full_reconcile_seconds": 3600,
            "operation_timeout_seconds": 20,
        }
        kube = Kube(Access(self.api.url), "test")
        self.operator = assembled(kube, OperatorSettings(**usual | settings), self.tally)

    def start(self) -> None:
        """Run it."""
        self.operator.start()

    def close(self) -> None:
        """End it, and what is around it."""
        self.operator.stop()
        self.connect.close()
        self.api.close()

    # -- Connect clusters ----------------------------------------------------------------------------------------------

    def make_cluster(self, name: str = "blue", *, ready: bool = True, **more: Any) -> None:
        """Write a KafkaConnect, and be the controller that makes its workers ready."""
        self.api.put(f"{CONNECTS}/{name}", connect_resource(name, **more))
        if ready:
            self.make_workers_ready(name)

    def make_workers_ready(self, name: str = "blue", replicas: int = 1) -> None:
        """Once the StatefulSet asks for so many."""
        make_workers_ready(self.api, name, replicas)

    def cluster_status(self, name: str = "blue") -> dict[str, Any]:
        """What is written."""
        found: dict[str, Any] = self.api.objects[f"{CONNECTS}/{name}"].get("status") or {}
        return found

    def cluster_is(self, kind: str, name: str = "blue") -> dict[str, Any]:
        """Its status, once it has a condition of this type."""
        return self._is(f"{CONNECTS}/{name}", kind)

    # -- connectors ----------------------------------------------------------------------------------------------------

    def write(self, resource: dict[str, Any]) -> None:
        """Write a KafkaConnector, as its user: the status stays."""
        path = f"{CONNECTORS}/{resource['metadata']['name']}"
        known = self.api.objects.get(path, {})
        self.api.put(path, {**resource, "status": known.get("status") or {}})

    def connector(self, name: str) -> dict[str, Any]:
        """The resource as it is."""
        return self.api.objects[f"{CONNECTORS}/{name}"]

    def is_observed(self, name: str, generation: int) -> dict[str, Any]:
        """Its status, once that generation was carried out."""

        def check() -> dict[str, Any] | None:
            found: dict[str, Any] = self.connector(name).get("status") or {}
            return found if found.get("observedGeneration") == generation else None

        seen: dict[str, Any] = until(f"generation {generation} of {name} to be observed", check)
        return seen

    def connector_is(self, kind: str, name: str) -> dict[str, Any]:
        """Its status, once it has a condition of this type."""
        return self._is(f"{CONNECTORS}/{name}", kind)

    def _is(self, path: str, kind: str) -> dict[str, Any]:
        def check() -> dict[str, Any] | None:
            found: dict[str, Any] = self.api.objects[path].get("status") or {}
            return found if any(c["type"] == kind for c in found.get("conditions") or ()) else None

        seen: dict[str, Any] = until(f"{path} to be {kind}", check)
        return seen

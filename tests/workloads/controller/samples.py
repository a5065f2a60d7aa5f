"""API objects that the controller's tests begin from."""

from typing import Any

from workloads.common.kube import Object

LABELS = {"app.kubernetes.io/name": "consumer"}
COLOR = "kafka-bluegreen.io/color"


def switch_object(**changes: Any) -> Object:
    spec: dict[str, Any] = {
        "strategy": "c",
        "active": "green",
        "topic": "t",
        "partitions": 12,
        "leaseName": "l",
        "drainTimeoutSeconds": 10,
        "resumeTimeoutSeconds": 11,
        "blue": {"selector": {**LABELS, COLOR: "blue"}, "replicas": 3, "group": "g"},
        "green": {"selector": {**LABELS, COLOR: "green"}, "replicas": 2, "group": "h"},
    }
    metadata = {"name": "consumer", "uid": "u1", "generation": 4, "resourceVersion": "77"}
    return {"metadata": metadata, "spec": {**spec, **changes}}


def pod_object(name: str, version: int, color: str = "blue", **changes: Any) -> Object:
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "labels": {**LABELS, COLOR: color},
            **changes,
        },
        "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }

"""What the operator is told, by file and environment; everything about a Connect cluster is in its resources."""

import os

from pydantic import Field

from workloads.common.settings import WorkloadSettings, pod_name
from workloads.connect_operator.names import REST_PORT


class OperatorSettings(WorkloadSettings):
    """All of it. The periods and timeouts are Strimzi's by default (`ClusterOperatorConfig`, `AbstractOperator`).

    default_image: of the workers of a KafkaConnect that names none. full_reconcile_seconds: how often everything is
    reconciled, whether something happened or not. operation_timeout_seconds: how long a reconcile waits for workers to
    be ready. lock_timeout_seconds: after so long an event that waits for its Connect cluster's lock is not carried out.
    rest_timeout_seconds: for one answer of Connect. rest_url: where its REST API is, with {service} and {namespace}.
    """

    default_image: str = Field(min_length=1)
    full_reconcile_seconds: float = Field(default=120.0, gt=0)
    operation_timeout_seconds: float = Field(default=300.0, gt=0)
    lock_timeout_seconds: float = Field(default=10.0, gt=0)
    rest_timeout_seconds: float = Field(default=30.0, gt=0)
    rest_url: str = f"http://{{service}}.{{namespace}}.svc:{REST_PORT}"
    http_host: str = "0.0.0.0"  # noqa: S104 - the pod's network: probes and scrapes come from there
    http_port: int = Field(default=8080, ge=0, le=65535)
    pod_name: str = Field(default_factory=pod_name, min_length=1)
    pod_namespace: str = Field(
        default_factory=lambda: os.environ.get("POD_NAMESPACE", ""), min_length=1, validate_default=True
    )
    pod_uid: str = Field(default_factory=lambda: os.environ.get("POD_UID", ""))

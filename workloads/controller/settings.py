"""What the controller is told, by file and environment; everything about a switch is in the KafkaConsumerSwitch."""

import os

from pydantic import Field

from workloads.common.settings import WorkloadSettings, pod_name


class ControllerSettings(WorkloadSettings):
    """All of it. switch_name: the one KafkaConsumerSwitch it carries out. bootstrap_servers: for offsets."""

    switch_name: str = "consumer"
    bootstrap_servers: str = Field(min_length=1)
    http_host: str = "0.0.0.0"  # noqa: S104 - the pod's network: probes and scrapes come from there
    http_port: int = Field(default=8080, ge=0, le=65535)
    progress_port: int = Field(default=8080, ge=1, le=65535)
    report_port: int = Field(default=8082, ge=1, le=65535)
    pod_name: str = Field(default_factory=pod_name, min_length=1)
    pod_namespace: str = Field(
        default_factory=lambda: os.environ.get("POD_NAMESPACE", ""), min_length=1, validate_default=True
    )
    pod_uid: str = Field(default_factory=lambda: os.environ.get("POD_UID", ""))

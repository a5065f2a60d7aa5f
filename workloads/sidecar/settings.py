"""What a sidecar is told, by its pod's environment."""

import os
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from workloads.common.settings import WorkloadSettings, ordinal, pod_name
from workloads.common.states import Color
from workloads.sidecar.connect.settings import ConnectSettings


class SidecarSettings(WorkloadSettings):
    """All of it. lifecycle_url: where its consumer listens; connect: its subject is this connector instead.

    version, image: of the application, strategy: a label, which a connector needs; for the events and metrics of a
    connector. pod_*: its own pod, by the downward API.
    """

    color: Color
    version: str = ""
    image: str = ""
    strategy: str = ""
    connect: ConnectSettings | None = None
    lease_name: str = Field(min_length=1)
    lifecycle_url: str = "http://127.0.0.1:8081"
    http_host: str = "0.0.0.0"  # noqa: S104 - the pod's network: probes and scrapes come from there
    http_port: int = Field(default=8082, ge=0, le=65535)
    pod_name: str = Field(default_factory=pod_name, min_length=1)
    pod_namespace: str = Field(
        default_factory=lambda: os.environ.get("POD_NAMESPACE", ""), min_length=1, validate_default=True
    )
    pod_uid: str = Field(default_factory=lambda: os.environ.get("POD_UID", ""))

    @property
    def number(self) -> int:
        """The pod's ordinal: a grant names how many there are to be."""
        return ordinal(self.pod_name)

    @model_validator(mode="after")
    def _labelled(self) -> Self:
        if self.connect is not None and not self.strategy:
            raise ValueError("strategy: is required with connect, whose figures bear it")
        return self

    @field_validator("pod_name")
    @classmethod
    def _numbered(cls, value: str) -> str:
        ordinal(value)
        return value

    @field_validator("lifecycle_url")
    @classmethod
    def _url(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme != "http" or not url.hostname or not url.port:
            raise ValueError("must look like http://127.0.0.1:8081")
        return value

"""What the page is told, by file and environment; what it shows is the cluster's."""

import os

from pydantic import Field

from workloads.common.settings import WorkloadSettings, pod_name


class PageSettings(WorkloadSettings):
    """All of it.

    kube_url: an API server that asks for no credentials, such as `kubectl proxy`; empty: as the pod's account.
    report_port: where members' sidecars say at once what they are; report_url: where the one of {pod} does, such as
    through an API server's proxy, in place of the pod's own address. Who is not heard is told by its pod's condition.
    metrics_url: a store that answers Prometheus' HTTP API; empty: no figures. alerts_url: where its rules and alerts
    are, `/api/v1/rules`; by default the metrics store.
    hosts: the names under which it may be asked for, if not under any: on a workstation a page of another origin could
    have a name of its own lead here (DNS rebinding). max_viewers: so many are told at a time, others get 503.

    More than a dozen attributes: its fields are keys of one file, flat as the environment overrides them.
    """

    switch_name: str = "consumer"
    lease_name: str = "consumer-switch"
    kube_url: str = ""
    report_port: int = Field(default=8082, ge=1, le=65535)
    report_url: str = ""
    metrics_url: str = ""
    alerts_url: str = ""
    hosts: tuple[str, ...] = ()
    max_viewers: int = Field(default=32, ge=1, le=1000)
    http_host: str = "0.0.0.0"  # noqa: S104 - the pod's network: its Service, probes and scrapes come from there
    http_port: int = Field(default=8080, ge=0, le=65535)
    pod_name: str = Field(default_factory=pod_name, min_length=1)
    pod_namespace: str = Field(
        default_factory=lambda: os.environ.get("POD_NAMESPACE", ""), min_length=1, validate_default=True
    )
    pod_uid: str = Field(default_factory=lambda: os.environ.get("POD_UID", ""))

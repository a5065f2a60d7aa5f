"""What a recorder is told."""

from pathlib import Path

from pydantic import Field

from workloads.common.settings import WorkloadSettings, pod_name
from workloads.common.states import Color


class RecorderSettings(WorkloadSettings):
    """sink_dir: where the workers' sinks write `<worker's pod><sink_suffix>`. poll_seconds: how often it looks, which
    bounds how late a line is seen.
    """

    color: Color
    topic: str = Field(min_length=1)
    version: str = ""
    sink_dir: Path = Path("/sink")
    sink_suffix: str = Field(default=".txt", min_length=1)
    records_dir: Path = Path("/records")
    poll_seconds: float = Field(default=0.005, gt=0, le=1)
    http_host: str = "0.0.0.0"  # noqa: S104 - the pod's network: its agent, probes and scrapes come from there
    http_port: int = Field(default=8084, ge=0, le=65535)
    pod_name: str = Field(default_factory=pod_name, min_length=1)

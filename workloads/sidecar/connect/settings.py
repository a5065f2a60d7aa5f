"""What an agent is told of its connector, the other colour's, and where their workers are."""

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workloads.sidecar.connect.config import EPOCH_KEY, GROUP_KEY


class ControlKind(StrEnum):
    """By what a connector is moved: Connect's REST API, or an operator that acts on its resource."""

    REST = "rest"
    STRIMZI = "strimzi"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ConnectorSettings(_Part):
    """name: the connector's (and its resource's). workers: label selector of the pods of its Connect cluster."""

    name: str = Field(min_length=1)
    workers: str = Field(min_length=1)


class ConnectSettings(_Part):
    """control: by what it is moved. own, other: the two colours' connectors.

    config: the connector's configuration but the epoch, with `control: rest`; with `strimzi` the resource has it.
    rest_port, metrics_port: of every worker. recorder_port: of a recorder beside every worker; 0: none.
    recorder_urls: further recorders of this colour. lock_seconds: the operator's lock timeout.

    More than a dozen attributes: its fields are keys of one section of a file, one each.
    """

    control: ControlKind
    own: ConnectorSettings
    other: ConnectorSettings
    bootstrap_servers: str = Field(min_length=1)
    topic: str = Field(min_length=1)
    partitions: int = Field(ge=1)
    config: dict[str, str] = Field(default_factory=dict)
    rest_port: int = Field(default=8083, ge=1, le=65535)
    metrics_port: int = Field(default=9404, ge=1, le=65535)
    recorder_port: int = Field(default=0, ge=0, le=65535)
    recorder_urls: tuple[str, ...] = ()
    lock_seconds: float = Field(default=10.0, ge=0)
    records_dir: str = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.own.name == self.other.name and self.own.workers == self.other.workers:
            raise ValueError(f"own and other are the same connector ({self.own.name})")
        if (self.control is ControlKind.REST) != bool(self.config):
            raise ValueError("config must be given with control: rest, and only then")
        owned = sorted({EPOCH_KEY, GROUP_KEY} & self.config.keys())
        if owned:
            raise ValueError(f"config: the protocol owns {', '.join(owned)}")
        return self

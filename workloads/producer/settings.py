"""What the producer can be told, by file and environment, and what of it can be changed while it runs."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from workloads.common.settings import WorkloadSettings, pod_name

Rate = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
MessageBytes = Annotated[int, Field(ge=64, le=1_000_000)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

# What the producer's promise rests on (idempotent, acknowledged by all, its own partitioning); `client` cannot change
# it.
OWNED = frozenset(
    {
        "bootstrap.servers",
        "enable.idempotence",
        "acks",
        "request.required.acks",
        "transactional.id",
        "enable.gapless.guarantee",
        "on_delivery",
        "dr_cb",
    }
)


class Load(BaseModel):
    """The part that `PUT /config` and a changed file can change. rate: records per second; 0 stands still. plain_keys:
    the share of records whose key is plain text where the others' is JSON; with 0 records have no key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rate: Rate
    message_bytes: MessageBytes
    plain_keys: Share = 0.0


class LoadChange(BaseModel):
    """`PUT /config`: what is named is changed, the rest stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rate: Rate | None = None
    message_bytes: MessageBytes | None = None
    plain_keys: Share | None = None

    def applied_to(self, load: Load) -> Load:
        """The load with the named values changed."""
        return Load.model_validate(load.model_dump() | self.model_dump(exclude_none=True))


class ProducerSettings(WorkloadSettings):
    """All of it. write_partitions: the partitions that it writes to; empty: all there are. message_bytes: the size of a
    record's value. records_keep_bytes: what all record logs on the volume may take together.
    """

    bootstrap_servers: str = Field(min_length=1)
    topic: str = Field(min_length=1)
    write_partitions: tuple[int, ...] = ()
    rate: Rate = 100.0
    message_bytes: MessageBytes = 512
    records_dir: Path = Path("/records")
    records_keep_bytes: int = Field(default=4 << 30, ge=0)
    http_host: str = "0.0.0.0"  # noqa: S104 - the pod's network: probes, scrapes and the runner come from there
    http_port: int = Field(default=8080, ge=0, le=65535)
    flush_seconds: float = Field(default=10, gt=0)
    pod_name: str = Field(default_factory=pod_name, min_length=1)
    client: dict[str, Any] = Field(default_factory=dict)

    @field_validator("write_partitions")
    @classmethod
    def _different(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if value and (min(value) < 0 or len(set(value)) != len(value)):
            raise ValueError("must be a list of different partition numbers from 0")
        return value

    @model_validator(mode="after")
    def _client(self) -> Self:
        if taken := sorted(OWNED & self.client.keys()):
            raise ValueError(f"client: {', '.join(taken)} cannot be overridden: what the record log says rests on it")
        return self

    @property
    def load_now(self) -> Load:
        """The part that can change."""
        return Load(rate=self.rate, message_bytes=self.message_bytes)

"""What an application of ours can be told, whatever client it is built on."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from workloads.common.settings import WorkloadSettings, application_image, pod_name
from workloads.common.states import Color, Fencing, GroupProtocol, Membership
from workloads.member.faults import Faults

#: The session of a member without a `group.instance.id`. A longer one spares nobody anything, for who comes back is
#: another member; and one that is killed on its way into the group holds everybody's rebalance up for as long.
DYNAMIC_SESSION_SECONDS = 10.0

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class ApplicationSettings(WorkloadSettings):
    """All of it. Times are in seconds.

    membership, group_protocol: how a colour enters and leaves the group. stall_seconds: a poll loop that stood still
    for longer, outside processing, takes its grant for void. records_keep_bytes: what all record logs on the volume may
    take together. strategy, image: labels, no more. client: the client's overrides; secret_client: those that nobody
    may see. processing: a record's effect, which is none, or that its value is checked by a CRC-32, as in the sandbox's
    second version of this image.

    With membership `separate` the group is the colour's own. other_group_id: the other colour's. fencing: whether a
    zombie's commits are kept out by transactions. transactional_id: what the ids begin with that both colours' pods
    commit by; pod i's is `<transactional_id>-<i>`. transactional_ids: how many pods a colour has, so that an id beyond
    them is no colleague's.

    More than a dozen attributes: its fields are keys of one file, flat as the environment overrides them.
    """

    bootstrap_servers: str = Field(min_length=1)
    topic: str = Field(min_length=1)
    group_id: str = Field(min_length=1)
    color: Color
    strategy: str = Field(min_length=1)
    version: str = "1"
    image: str = Field(default_factory=application_image)
    processing: Literal["none", "checksum"] = "none"
    membership: Membership = Membership.TAKEOVER
    group_protocol: GroupProtocol = GroupProtocol.CLASSIC
    other_group_id: str = ""
    fencing: Fencing = Fencing.NONE
    transactional_id: str = ""
    transactional_ids: int = Field(default=0, ge=0)
    session_timeout_seconds: Seconds = 60
    drain_timeout_seconds: Seconds = 10
    resume_timeout_seconds: Seconds = 10
    stall_seconds: Seconds = 2
    commit_interval_seconds: Seconds = 1
    records_dir: Path = Path("/records")
    records_keep_bytes: int = Field(default=4 << 30, ge=0)
    http_host: str = "0.0.0.0"  # noqa: S104 - the pod's network: probes and scrapes come from there
    http_port: int = Field(default=8080, ge=0, le=65535)
    lifecycle_host: str = "127.0.0.1"
    lifecycle_port: int = Field(default=8081, ge=0, le=65535)
    faults_enabled: bool = False
    faults: Faults = Field(default_factory=Faults)
    client: dict[str, Any] = Field(default_factory=dict)
    secret_client: dict[str, SecretStr] = Field(default_factory=dict)
    pod_name: str = Field(default_factory=pod_name, min_length=1)

    @model_validator(mode="after")
    def _faults_are_enabled(self) -> Self:
        if self.faults != Faults() and not self.faults_enabled:
            raise ValueError("faults: are given, but faults_enabled is false; enable it, or leave them out")
        return self

    @property
    def overrides(self) -> dict[str, Any]:
        """All overrides of the client, secrets included: for the client, and nobody's eyes."""
        return {**self.client, **{name: value.get_secret_value() for name, value in self.secret_client.items()}}

"""The settings models: every key of the configuration is a field here, or of a strategy's own model, and nowhere else.

`StrategySettings` has what every strategy has; a strategy's model (`components.strategies`) derives from it and adds
its own keys. Which model a stack has, its key `strategy` tells. Times in seconds, sizes in bytes, the rate in records
per second.
"""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from components.names import Color
from components.settings import analysis as analyses
from components.settings import client
from components.settings.analysis import Analysis
from components.settings.application import Application
from components.settings.declare import NAMESPACE, Allowed, Goes, Section
from components.settings.scaler import Scaler
from components.settings.types import (
    ClientConfig,
    ClientValue,
    Fraction,
    ImageName,
    Partitions,
    TopicName,
    Version,
    shown,
    version_of,
)

#: How the key of the images is described, in every kind of stack's model.
OF_IMAGES = "image references where it is not the sandbox"
#: How the key of a colour is described, in every strategy's model.
OF_A_COLOR = "what this colour has to itself"
_LIBRDKAFKA_MAX_POLL_INTERVAL_MS = 300_000


class Faults(BaseModel):
    """What a colour does wrong on purpose (design §5.4). Being there at all, even empty, enables fault injection at run
    time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    processing_delay_ms: int = Field(default=0, ge=0, le=3_600_000)
    failure_rate: Fraction = 0.0
    commit_delay_ms: int = Field(default=0, ge=0, le=3_600_000)
    exceed_max_poll_interval: bool = False


class ColorSettings(Section):
    """What one colour has to itself, whatever it is made of; a strategy's model may add more.

    image: None means the one that both colours have by default. version: of an image that is given here it is the tag,
    unless it is given, too. replicas: None means the common number; 0 scales the inactive colour down.
    """

    image: Annotated[ImageName | None, Allowed("an image reference")] = Field(
        default=None,
        description="the application's image, sandbox:NAME for one of the sandbox's: a new version is a new image of "
        "one colour",
    )
    version: Annotated[Version, Goes(spec=True, consumer="version")] = Field(
        default="1", description="the version that this colour runs; for people; the image's tag by default, or 1"
    )
    replicas: Annotated[int | None, Goes(spec=True, required=True)] = Field(
        default=None,
        ge=0,
        le=100,
        description="how many pods this colour is meant to have; the common number by default, 0 for the inactive one; "
        "another one where the strategy's switch changes shapes",
    )

    @model_validator(mode="before")
    @classmethod
    def _version_of_the_image(cls, given: object) -> object:
        """An image that is given here tells the version, unless that is given, too."""
        if isinstance(given, dict) and "version" not in given and isinstance(given.get("image"), str):
            return {**given, "version": version_of(given["image"])}
        return given


class ConsumerColorSettings(ColorSettings):
    """What a colour of consumers has to itself."""

    application: Application | None = Field(
        default=None, description="how an application that is not this project's is run; its image is in image"
    )

    faults: Annotated[Faults | None, Goes(consumer="faults")] = Field(
        default=None, description="what it does wrong on purpose; being there, even empty, enables PUT /faults"
    )
    config: Annotated[ClientConfig, Goes(consumer="client", keeps="secret_client")] = Field(
        default_factory=dict,
        description="client settings, but not those that the protocol owns; those set with --secret stay secret",
    )

    @property
    def client(self) -> dict[str, ClientValue]:
        """The client settings as the client is given them, secrets included: for nobody's eyes."""
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in self.config.items()
        }


class ProducerSettings(Section):
    """What the producer has to itself, besides rate and size."""

    partitions: Annotated[Partitions, Goes(producer="write_partitions")] = Field(
        default=(), description="the partitions that are written to; all by default"
    )


class StrategyImages(Section):
    """Images of a strategy stack, for a cluster that is not the sandbox."""

    workloads: ImageName


class StrategySettings(Section):
    """The settings of a stack that deploys a strategy, whichever it is.

    More than a dozen attributes: its fields are keys of the configuration, one each.
    """

    strategy: str
    active: Annotated[Color, Goes(spec=True, required=True)] = Field(
        default="blue", description="the switch: the colour that shall be active"
    )
    attempt: Annotated[int, Goes(spec=True)] = Field(
        default=1, ge=1, le=1_000_000_000, description="a new number asks again for what failed"
    )
    topic: Annotated[TopicName, Goes(spec=True, required=True, consumer="topic", producer="topic")] = Field(
        default="bluegreen", description="the topic that is produced to and consumed from, made by a Job"
    )
    partitions: Annotated[
        int,
        Goes(
            spec=True,
            required=True,
            option=True,
            shape=True,
            rules=(("self >= oldSelf", "the number of a topic's partitions can only grow"),),
        ),
    ] = Field(default=12, ge=1, le=1000, description="the topic's partitions; they can be added, not taken away")
    replicas: Annotated[int, Goes(option=True, shape=True)] = Field(
        default=3, ge=1, le=100, description="pods (or Connect tasks) per colour; at most one per partition"
    )
    rate: Annotated[int, Goes(producer="rate", option=True)] = Field(
        default=100, ge=0, le=1_000_000, description="producer: records per second"
    )
    message_bytes: Annotated[int, Goes(producer="message_bytes", option=True)] = Field(
        default=512, ge=64, le=1_000_000, description="producer: bytes per record"
    )
    producer: ProducerSettings = Field(default=ProducerSettings(), description="what the producer has to itself")
    lag_policy: Annotated[Literal["wait", "immediate"], Goes(spec=True, option=True)] = Field(
        default="wait",
        description="whether a switch waits until each partition's position has reached the end offset read at the "
        "start (wait), or not (immediate)",
    )
    lag_timeout_seconds: Annotated[int, Goes(spec=True)] = Field(
        default=120, ge=1, le=3600, description="how long lagPolicy wait waits before the switch is refused"
    )
    lag_threshold: Annotated[int, Goes(spec=True)] = Field(
        default=0, ge=0, le=1_000_000_000, description="records per partition that do not count as lag"
    )
    ready_timeout_seconds: Annotated[int, Goes(spec=True)] = Field(
        default=30,
        ge=0,
        le=3600,
        description="how long a switch waits for members that are not ready before it is refused, and pulumi up, after "
        "a switch, for the colour to be ready",
    )
    drain_timeout_seconds: Annotated[int, Goes(spec=True, required=True, consumer="drain_timeout_seconds")] = Field(
        default=10, ge=1, le=300, description="the old colour has to be paused by then"
    )
    resume_timeout_seconds: Annotated[int, Goes(spec=True, required=True, consumer="resume_timeout_seconds")] = Field(
        default=10, ge=1, le=300, description="the new colour has to be active on all partitions by then"
    )
    analysis: Annotated[Analysis | None, Goes(spec=True, rules=analyses.RULES)] = Field(
        default=None,
        description="what the new colour has to show after the hand-off before the switch counts; none by default",
    )
    page: bool = Field(
        default=False,
        description="whether the switch page is served in the cluster, by one pod of 64 MiB that only reads",
    )
    allow_in_place: bool = Field(
        default=False,
        description="whether an update may restart the active colour's pods in place, for another version, image or "
        "setting; refused otherwise, before anything is touched, and a new image of the project waits",
    )
    blue: ColorSettings = Field(default=ColorSettings(), description=OF_A_COLOR)
    green: ColorSettings = Field(default=ColorSettings(), description=OF_A_COLOR)
    images: StrategyImages | None = Field(default=None, description=OF_IMAGES)

    #: Whether the colours may have other numbers of pods than each other, and than the common one.
    numbers_may_differ: ClassVar[bool] = False

    def color(self, color: Color) -> ColorSettings:
        """The settings that `color` has to itself."""
        return self.blue if color == "blue" else self.green

    def replicas_of(self, color: Color) -> int:
        """How many pods `color` has."""
        own = self.color(color).replicas
        return self.replicas if own is None else own

    @property
    def rests(self) -> bool:
        """Whether nobody is to be at work, whoever is active."""
        return False

    @property
    def scaling(self) -> Scaler | None:
        """Who gives both colours their number of pods, in the place of `replicas`; None: nobody."""
        return None

    @property
    def inactive(self) -> Color:
        """The colour that is not asked for."""
        return "green" if self.active == "blue" else "blue"

    def own(self, attribute: str) -> str:
        """The value of a key that only some strategies have, as text; empty for a strategy that has it not."""
        return str(getattr(self, attribute, ""))

    def contradictions(self) -> Iterator[str]:
        """What contradicts what, beyond the rules for every strategy: lines that begin with the key's name."""
        yield from ()


class ConsumerGroupSettings(StrategySettings):
    """The settings of a strategy whose colours are our consumers, on librdkafka."""

    group_protocol: Annotated[
        Literal["classic", "consumer"], Goes(consumer="group_protocol", option=True, shape=True)
    ] = Field(default="classic", description="the group protocol of the clients; consumer is KIP-848")
    session_timeout_seconds: Annotated[int, Goes(consumer="session_timeout_seconds")] = Field(
        default=60,
        ge=1,
        le=1800,
        description="after how long without a heartbeat the broker takes a member for gone (classic protocol), 10 "
        "at most of a member without an instance id; above 300 also set the client's max.poll.interval.ms",
    )
    on_rollback: Annotated[Literal["continue", "replay"], Goes(spec=True)] = Field(
        default="continue",
        description="where a colour that the switch goes back to by itself begins: where the other one has come to "
        "(continue), or where that was granted, so that what it handled is handled again (replay)",
    )
    blue: ConsumerColorSettings = Field(default=ConsumerColorSettings(), description=OF_A_COLOR)
    green: ConsumerColorSettings = Field(default=ConsumerColorSettings(), description=OF_A_COLOR)

    def color(self, color: Color) -> ConsumerColorSettings:
        """The settings that `color` has to itself."""
        return self.blue if color == "blue" else self.green

    #: Whether members look for partitions that are added; else the switch has them join anew.
    finds_partitions: ClassVar[bool] = False

    def trials(self) -> tuple[client.Trial, ...]:
        """The clients that each of a colour's pods makes."""
        classic, session_ms = self.group_protocol == "classic", self.session_timeout_seconds * 1000
        made = partial(client.consumer, classic=classic, session_ms=session_ms, refreshing=self.finds_partitions)
        return (client.Trial("consumer", made),)

    def contradictions(self) -> Iterator[str]:
        """What the client itself refuses: better here than in a pod that never gets ready."""
        for color in get_args(Color):
            own = self.color(color)
            if own.application is not None and own.image is None:
                yield (
                    f"{NAMESPACE}:{color}.application: is given without {color}.image; allowed: both, for an "
                    "application that is not this project's"
                )
            lines = list(self._of_the_poll_interval(color))
            yield from lines or self._refused(color)

    def _of_the_poll_interval(self, color: Color) -> Iterator[str]:
        """librdkafka refuses one below the session timeout."""
        session, longest = self.session_timeout_seconds, _LIBRDKAFKA_MAX_POLL_INTERVAL_MS
        own = self.color(color)
        given = own.client.get("max.poll.interval.ms")
        if given is None:
            if session * 1000 > longest:
                yield (
                    f"{NAMESPACE}:sessionTimeoutSeconds: {session} contradicts the client's max.poll.interval.ms "
                    f"of {longest}, which may not be shorter; at most {longest // 1000}, "
                    f"or set {color}.config max.poll.interval.ms"
                )
        elif not isinstance(given, bool) and str(given).isdecimal() and int(given) < session * 1000:
            told = shown(own.config["max.poll.interval.ms"]).strip("'")
            yield (
                f"{NAMESPACE}:{color}.config.max.poll.interval.ms: {told} contradicts sessionTimeoutSeconds: "
                f"{session}; at least {session * 1000}"
            )

    def _refused(self, color: Color) -> Iterator[str]:
        own = self.color(color)
        secrets = [str(own.client[name]) for name, value in own.config.items() if isinstance(value, SecretStr)]
        for name, said in client.refusals(self.trials(), own.client) if own.config else ():
            place, given = (f"config.{name}", shown(own.config[name])) if name else ("config", "it")
            yield (
                f"{NAMESPACE}:{color}.{place}: {given} is refused by the client: {client.hidden(said, secrets)}; "
                f"allowed: what {client.LIST_OF_SETTINGS} says"
            )

"""Strategy E, `connect`: a colour is one connector; its offsets move from the old colour's group to the new one's while
both stand (design §4, §7).

The system under test is Kafka Connect's own file sink: no application of ours, and no lifecycle API. What reports on a
colour, and moves it, is its agent.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from components import connect_names as connect
from components import images, names, restarts
from components.connect import config
from components.names import COLORS, Color
from components.settings.declare import NAMESPACE, Allowed, Goes, StrategyOf
from components.settings.models import (
    OF_A_COLOR,
    OF_IMAGES,
    ColorSettings,
    StrategyImages,
    StrategySettings,
)
from components.settings.stack import StackName
from components.settings.types import ClientValue, ImageName, dotted
from components.strategies import connectors
from components.strategies.base import Colors, Criteria, PlainSite, Site, Strategy, Target, register
from components.strategies.parts import STATEFUL_SET, Parts

if TYPE_CHECKING:
    import pulumi

    from components.connect.cluster import ConnectClusterArgs
    from components.connect.color import ConnectColorArgs, ConnectorAddress

#: What the JVM's PrintStream writes at once. A line that is longer is written in pieces, between which another task of
#: the same worker, as after the death of a third one, could write.
_LONGEST_LINE = 8192
_ROOM_FOR_THE_TRANSFORMS = 192


def _not_protocol_owned(key: str) -> str:
    if why := config.owned(key):
        raise ValueError(f"it belongs to the switching protocol: {why}")
    return key


ConnectorKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$"), AfterValidator(_not_protocol_owned)]
ConnectorConfig = Annotated[
    dict[ConnectorKey, ClientValue],
    BeforeValidator(dotted),
    Allowed("connector settings, but not those that the protocol owns"),
]


class ConnectorColorSettings(ColorSettings):
    """What a colour has to itself that is a connector."""

    config: Annotated[ConnectorConfig, Goes(shown="a connector's configuration can be read by Connect's REST API")] = (
        Field(default_factory=dict, description="connector settings, but not those that the protocol owns")
    )


class ConnectImages(StrategyImages):
    """Images of a strategy stack with Connect workers. connect: None for the image of the cluster's own operator, which
    then needs connect-file among its plugins.
    """

    connect: ImageName | None = None


class ConnectSettings(StrategySettings):
    """The settings of a stack of strategy E."""

    strategy: StrategyOf[Literal["e"]]
    control: Annotated[Literal["strimzi", "rest"], Goes(option=True, shape=True)] = Field(
        default="strimzi",
        description="by what a connector is moved: by its resource, on which Strimzi's operator acts, or by Connect's "
        "REST API",
    )
    connect: Annotated[Literal["clusters", "shared"], Goes(option=True, shape=True)] = Field(
        default="clusters", description="one Connect cluster per colour, or one with two connectors"
    )
    blue: ConnectorColorSettings = Field(default=ConnectorColorSettings(), description=OF_A_COLOR)
    green: ConnectorColorSettings = Field(default=ConnectorColorSettings(), description=OF_A_COLOR)
    images: ConnectImages | None = Field(default=None, description=OF_IMAGES)

    def color(self, color: Color) -> ConnectorColorSettings:
        """The settings that `color` has to itself."""
        return self.blue if color == "blue" else self.green

    def contradictions(self) -> Iterator[str]:
        """Workers that both colours share are not one colour's to scale down; lines that tasks of one worker could mix
        could not be judged; the stack's AnalysisTemplates ask for what consumers of our own tell.
        """
        if self.analysis is not None and self.analysis.templates is not None:
            yield (
                f"{NAMESPACE}:analysis.templates: contradicts strategy: {self.strategy}, of whose workers the stack's "
                "AnalysisTemplates know no metric; its analysis is by seconds and maxErrorRate"
            )
        if self.analysis is not None and self.analysis.max_restarts:
            yield (
                f"{NAMESPACE}:analysis.maxRestarts: contradicts strategy: {self.strategy}, whose members are no "
                "application of yours; a task that fails ends the analysis"
            )
        for color in get_args(Color):
            if self.connect == connect.SHARED and self.replicas_of(color) == 0:
                yield (
                    f"{NAMESPACE}:{color}.replicas: 0 contradicts connect: {self.connect}, where both colours have the "
                    "same workers; only with connect: clusters"
                )
            if self.connect == connect.SHARED and self.color(color).image is not None:
                yield (
                    f"{NAMESPACE}:{color}.image: contradicts connect: {self.connect}, where both colours have the same "
                    "workers; only with connect: clusters, or for both: images"
                )
        longest = _LONGEST_LINE - _ROOM_FOR_THE_TRANSFORMS
        if self.message_bytes > longest:
            yield (
                f"{NAMESPACE}:messageBytes: {self.message_bytes} contradicts strategy: {self.strategy}, whose sink "
                f"writes longer lines in pieces that those of another task could come between; at most {longest}"
            )


class KafkaConnect(Strategy):
    """Strategy E.

    absence: an agent that is not there confirms nothing; its connector runs on without it.

    positions: the groups' committed offsets. An agent does not handle records and can say nothing else of where they
    are; they are behind what the sink has written by at most a flush interval, a second. How many were handled, and
    failed, it tells by its workers' metrics.

    criteria: the plan's limits. What a killed worker had written and not committed is written again by whoever gets its
    partitions: duplicates are counted here, and no failure.
    """

    unjudged = connectors.UNJUDGED
    page = "*strategy-e*.md"
    paths = (
        "components/strategies/connectors.py",
        "components/connect*",
        "components/files/connect/*",
        "workloads/sidecar/connect/*",
        "workloads/recorder/*",
    )
    stand_ins = ("workloads/connect_operator/*", "components/connect/operator.py")

    letter = "e"
    settings = ConnectSettings
    criteria = Criteria(switch_seconds=30.0, rollback_seconds=60.0, tolerated=frozenset({"duplicate"}))
    absence = "Unknown"
    both_first = True
    progress_port = names.SIDECAR_PORT
    positions = "Groups"
    standby = "Outside"
    images = (*images.STRATEGY, images.CONNECT)
    definitions = {  # noqa: RUF012 - the base says that it is a class's
        f"{connect.STRIMZI_GROUP}/{connect.STRIMZI_VERSION}": (connect.CONNECT_PLURAL, connect.CONNECTOR_PLURAL)
    }

    def groups(self, stack: StackName) -> Mapping[Color, str]:
        """The group of each colour's connector, as Connect calls it."""
        return connectors.groups(stack)

    def parts(self, settings: StrategySettings, stack: StackName) -> Parts:
        """Agents, workers and recorders."""
        return connectors.parts(settings, stack)

    def members(self, settings: StrategySettings, color: Color) -> int:
        """One agent; none for a colour without workers, of whose connector it could see nothing."""
        return _agents(settings, color)

    def selector(self, color: Color) -> Mapping[str, str]:
        """An agent's labels."""
        return names.selector(connect.AGENT, color)

    def restarted_by(self, site: PlainSite, color: Color) -> Mapping[Target, Mapping[str, str]]:
        """Its workers, its agent and, where it is a resource, its connector. The recorder handles nothing."""
        from components.connect.cluster import of_workers  # noqa: PLC0415
        from components.connect.color import of_agent  # noqa: PLC0415 - see `components.strategies`
        from components.connect.connector import of_connector  # noqa: PLC0415

        args = _color(site, color, account="", after=())
        workers = args.cluster or _cluster(site, color, site.images.get(images.CONNECT))
        agent = of_agent(args, site.bootstrap_servers)
        found: dict[Target, Mapping[str, str]] = {
            (connectors.KAFKA_CONNECT, args.own.cluster): of_workers(workers),
            # Its image is the project's, and comes at once: the connector runs on without it.
            (STATEFUL_SET, connect.agent_set(color)): {name: agent[name] for name in agent if name != restarts.IMAGE},
        }
        if args.by_resource:
            found[connectors.KAFKA_CONNECTOR, args.own.connector] = of_connector(args.config)
        return found

    def deploy(self, site: Site) -> Colors:
        """Connectors, each with its agent and its recorder; in the sandbox also what stands in for the operator."""
        return ConnectColors(site)


class ConnectColors(Colors):
    """A connector for each colour, on workers of its own or on shared ones."""

    def __init__(self, site: Site) -> None:
        import pulumi  # noqa: PLC0415 - see `components.strategies`

        from components.access import Access, AccessArgs, agent_rules  # noqa: PLC0415
        from components.connect.cluster import ConnectCluster  # noqa: PLC0415

        self._site, self._settings = site, _settings(site)
        self._after: list[pulumi.Resource] = []
        if site.platform == "sandbox":
            self._after.append(self._operator())
        if self._settings.connect == connect.SHARED:
            waiting = pulumi.ResourceOptions(depends_on=self._after)
            shared = _cluster(site, "blue", site.images.get(images.CONNECT))
            self._after = [ConnectCluster(f"connect-{connect.SHARED}", shared, waiting)]
        self._agents = {
            color: Access(
                connect.agent_set(color),
                AccessArgs(
                    site.namespace,
                    agent_rules(_place(site, color).connector, _place(site, other).connector)
                    if _by_resource(self._settings)
                    else agent_rules(),
                ),
            )
            for color, other in zip(COLORS, reversed(COLORS), strict=True)
        }

    def color(self, color: Color, after: "pulumi.Input[Any]") -> "pulumi.Resource":
        """The component `connect-<color>`; see Colors."""
        import pulumi  # noqa: PLC0415 - see `components.strategies`

        from components.connect.color import ConnectColor  # noqa: PLC0415

        return ConnectColor(
            f"connect-{color}",
            _color(self._site, color, self._agents[color].account, self._after),
            pulumi.ResourceOptions(depends_on=after),
        )

    def _operator(self) -> "pulumi.Resource":
        from components.access import Access, AccessArgs, operator_rules  # noqa: PLC0415 - see `components.strategies`
        from components.connect.operator import OperatorArgs, StandInOperator  # noqa: PLC0415

        site = self._site
        access = Access(connect.OPERATOR, AccessArgs(site.namespace, operator_rules()))
        return StandInOperator(
            connect.OPERATOR,
            OperatorArgs(
                site.namespace,
                site.images["workloads"],
                site.images[images.CONNECT],
                access.account,
                self._settings.strategy,
            ),
        )


def _settings(site: Site) -> ConnectSettings:
    if not isinstance(site.settings, ConnectSettings):
        raise TypeError(f"{type(site.settings).__name__}: no settings of connectors")
    return site.settings


def _by_resource(settings: ConnectSettings) -> bool:
    return settings.control == "strimzi"


def _color(
    site: Site, color: Color, account: "pulumi.Input[str]", after: "Sequence[pulumi.Resource]"
) -> "ConnectColorArgs":
    from components.connect.color import ConnectColorArgs  # noqa: PLC0415 - see `components.strategies`

    settings = _settings(site)
    own, other = settings.color(color), "green" if color == "blue" else "blue"
    image = _image(site, color)
    return ConnectColorArgs(
        stack=site.stack.name,
        namespace=site.namespace,
        image=site.images["workloads"],
        bootstrap_servers=site.bootstrap_servers,
        service_account=account,
        color=color,
        strategy=settings.strategy,
        version=own.version,
        application=image or "",
        topic=settings.topic,
        partitions=settings.partitions,
        own=_place(site, color),
        other=_place(site, other),
        config=config.connector(topic=settings.topic, tasks=settings.replicas, color=color, overrides=own.config),
        by_resource=_by_resource(settings),
        agents=_agents(settings, color),
        cluster=None if settings.connect == connect.SHARED else _cluster(site, color, image),
        after=after,
    )


def _image(site: Site, color: Color) -> str | None:
    """The image of a colour's workers; None for the operator's own. Agents and recorders are this project's: the
    connector runs on without them.
    """
    if own := site.settings.color(color).image:
        return own
    given = site.images.get(images.CONNECT)
    return given and site.images_for(color, {images.CONNECT: given})[images.CONNECT]


def _place(site: Site, color: str) -> "ConnectorAddress":
    from components.connect.color import ConnectorAddress  # noqa: PLC0415 - see `components.strategies`

    shared = _settings(site).connect == connect.SHARED
    return ConnectorAddress(connect.connector(site.stack.name, color), connect.cluster(color, shared=shared))


def _cluster(site: Site, color: Color, image: str | None) -> "ConnectClusterArgs":
    """The workers of a colour; of both, if they are shared."""
    from components.connect.cluster import ConnectClusterArgs  # noqa: PLC0415 - see `components.strategies`

    settings = _settings(site)
    cluster = _place(site, color).cluster
    labels = {names.STRATEGY_LABEL: settings.strategy}
    return ConnectClusterArgs(
        namespace=site.namespace,
        name=cluster,
        cluster_id=f"{site.stack.name}-connect-{cluster}",
        image=image,
        bootstrap_servers=site.bootstrap_servers,
        replicas=settings.replicas_of(color),
        by_resources=_by_resource(settings),
        labels=labels if settings.connect == connect.SHARED else {**labels, names.COLOR_LABEL: color},
        slowest=max(settings.drain_timeout_seconds, settings.resume_timeout_seconds),
    )


def _agents(settings: StrategySettings, color: Color) -> int:
    return min(1, settings.replicas_of(color))


register(KafkaConnect())

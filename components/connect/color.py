"""One colour that is a connector, with all that belongs to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components import connect_names as connect
from components.connect import recorder
from components.connect.agent import Agent, AgentArgs, of_agents
from components.connect.cluster import ConnectCluster, ConnectClusterArgs
from components.connect.connector import Connector, ConnectorArgs
from components.connect.recorder import Recorder, RecorderArgs
from components.restarts import Digests


@dataclass(frozen=True)
class ConnectorAddress:
    """A connector by its name, and the KafkaConnect that it is on."""

    connector: str
    cluster: str

    def told(self) -> dict[str, str]:
        """As an agent's settings have it: its workers by their labels."""
        labels = {connect.CLUSTER_LABEL: self.cluster, connect.KIND_LABEL: connect.CONNECT_KIND}
        return {"name": self.connector, "workers": ",".join(f"{name}={value}" for name, value in labels.items())}


@dataclass(frozen=True)
class ConnectColorArgs:
    """own, other: the two colours' connectors. config: the own one's, all but its epoch. by_resource: it is moved by
    its resource, and not by Connect's REST API. cluster: the colour's own workers; None when both colours share some.

    stack: also the plain name of the namespace. image: of agent and recorder; application: the workers', empty for the
    operator's own. agents: how many; see AgentArgs. after: what the connector needs.

    More than a dozen attributes: a colour is several resources, and each takes what it needs of this.
    """

    stack: str
    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    bootstrap_servers: pulumi.Input[str]
    service_account: pulumi.Input[str]
    color: str
    strategy: str
    version: str
    application: str
    topic: str
    partitions: int
    own: ConnectorAddress
    other: ConnectorAddress
    config: Mapping[str, str]
    by_resource: bool
    agents: int
    cluster: ConnectClusterArgs | None
    after: Sequence[pulumi.Resource] = ()


class ConnectColor(pulumi.ComponentResource):
    """Workers, then the connector on them, then its agent; beside them the recorder."""

    def __init__(self, name: str, args: ConnectColorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:ConnectColor", name, None, opts)
        needs = list(args.after)
        if args.cluster is not None:
            cluster = ConnectCluster(name, args.cluster, pulumi.ResourceOptions(parent=self, depends_on=needs))
            needs = [cluster]
        Recorder(
            connect.recorder_set(args.color),
            RecorderArgs(
                args.namespace,
                args.image,
                args.own.cluster,
                args.color,
                args.strategy,
                args.topic,
                args.version,
            ),
            # Beside the workers, not behind them: it is there before the first line. Their claim it finds by its name.
            pulumi.ResourceOptions(parent=self),
        )
        if args.by_resource:
            connector = Connector(
                name,
                ConnectorArgs(
                    args.namespace, args.own.connector, args.own.cluster, args.color, args.strategy, args.config
                ),
                pulumi.ResourceOptions(parent=self, depends_on=needs),
            )
            needs = [connector]
        Agent(connect.agent_set(args.color), _agent(args), pulumi.ResourceOptions(parent=self, depends_on=needs))
        self.register_outputs({"connector": args.own.connector})


def of_agent(args: ConnectColorArgs, bootstrap_servers: str) -> Digests:
    """By what a colour's agent is restarted. Registers nothing."""
    return of_agents(_agent(args), bootstrap_servers)


def _agent(args: ConnectColorArgs) -> AgentArgs:
    return AgentArgs(
        namespace=args.namespace,
        image=args.image,
        bootstrap_servers=args.bootstrap_servers,
        service_account=args.service_account,
        color=args.color,
        strategy=args.strategy,
        version=args.version,
        application=args.application,
        replicas=args.agents,
        subject=_subject(args),
    )


def _subject(args: ConnectColorArgs) -> dict[str, object]:
    """The setting `connect` of the sidecar's program."""
    subject: dict[str, object] = {
        "control": "strimzi" if args.by_resource else "rest",
        "own": args.own.told(),
        "other": args.other.told(),
        "topic": args.topic,
        "partitions": args.partitions,
        "recorder_urls": [recorder.url(args.color, args.stack)],
    }
    # By REST the agent makes the connector; otherwise its resource says what it is.
    return subject if args.by_resource else {**subject, "config": dict(args.config)}

"""What a strategy's colours consist of when they are connectors: agents, Connect workers, recorders.

No strategy by itself: nothing in here registers one.
"""

from collections.abc import Mapping

from components import connect_names as connect
from components.connect.config import FLUSH_SECONDS
from components.names import COLORS, HTTP_PORT, NAME_LABEL, Color
from components.settings.models import StrategySettings
from components.settings.stack import StackName
from components.strategies.parts import Connectors, Kind, Part, Parts, Program

KAFKA_CONNECT = Kind(connect.CONNECT_KIND, connect.STRIMZI_GROUP, connect.STRIMZI_VERSION, connect.CONNECT_PLURAL)
KAFKA_CONNECTOR = Kind(connect.CONNECTOR_KIND, connect.STRIMZI_GROUP, connect.STRIMZI_VERSION, connect.CONNECTOR_PLURAL)

#: What a run of such a strategy cannot be judged on, with the reason. The sink is the standard one: what it does not
#: say, nobody can say for it.
UNJUDGED: Mapping[str, str] = {
    "times closer than clock_error_ms": "a line of the sink has no time of its own; it bears the time at which the "
    "recorder saw it, so colours that overlap by less are not told apart",
    "which record ended a task": "the sink has no line for a record that Connect could not give to it; what Connect "
    "skips is counted as failed, by its dead-letter queue, and what ends a task is told by the task's trace alone",
    "a sink's file that was cut": "its lines have no count and the file no end line; what is missing from it shows as "
    "lost",
    "what was in hand at a crash": "the sink says nothing between its write and Connect's commit",
}


def names(stack: StackName) -> dict[Color, str]:
    """The connector of each colour."""
    return {color: connect.connector(stack.name, color) for color in COLORS}


def groups(stack: StackName) -> dict[Color, str]:
    """The consumer group of each colour's connector."""
    return {color: connect.group(name) for color, name in names(stack).items()}


def parts(settings: StrategySettings, stack: StackName) -> Parts:
    """What both colours consist of, by the keys `control` and `connect` of the settings."""
    shared = settings.own("connect") == connect.SHARED
    clusters = {color: connect.cluster(color, shared=shared) for color in COLORS}
    workers = {color: connect.workers(cluster) for color, cluster in clusters.items()}
    return Parts(
        members=Part(
            connect.AGENT,
            {color: connect.agent_set(color) for color in COLORS},
            Program(connect.AGENT_CONTAINER, "workloads.sidecar"),
            # A colour without workers has nothing that an agent could see.
            count="OneIfAny",
        ),
        workers=Part(
            connect.WORKERS,
            workers,
            Program(
                workers["blue"],
                connect.WORKERS_COMMAND,
                # A worker is told its name, and where the others find it; its namespace stands in that.
                ("POD_NAME={pod}", "ADVERTISED_HOSTNAME={pod}.{set}.{namespace}.svc"),
            ),
            kind=KAFKA_CONNECT,
            objects=clusters,
        ),
        recorder=Part(
            connect.RECORDER,
            {color: connect.recorder_set(color) for color in COLORS},
            Program(connect.RECORDER, "workloads.recorder"),
            count="One",
            answers=(connect.RECORDER_PORT, "/reached"),
        ),
        connectors=Connectors(
            names=names(stack),
            by_resource=settings.own("control") == "strimzi",
            rest_port=connect.REST_PORT,
            resources=KAFKA_CONNECTOR,
            writers=frozenset({connect.AGENTS_MANAGER, connect.OPERATORS_MANAGER}),
            commit_seconds=FLUSH_SECONDS,
            operator=(f"{NAME_LABEL}={connect.OPERATOR}", HTTP_PORT, "/metrics"),
        ),
        # What an agent did step by step, and what a worker made of it, stands nowhere else.
        logged=(connect.AGENT, connect.WORKERS, connect.RECORDER, connect.OPERATOR),
    )

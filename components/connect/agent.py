"""A colour's agent: the sidecar's program with a connector as its subject. It is the colour's one member.

It has a token, which no program of others shares its pod with, so the account's own mount will do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi
from pulumi_kubernetes.core.v1 import PodSpecArgs

from components import connect_names as connect
from components import names, pods
from components.restarts import Digests
from components.sidecar import sidecar
from components.stateful import StatefulArgs, configured, restarted_by


@dataclass(frozen=True)
class AgentArgs:
    """service_account: one with `access.agent_rules`. replicas: one, or none for a colour without workers. application:
    the image of what it reports on, the workers'.

    subject: the setting `connect` of the sidecar's program, but for the broker's address and where records go.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    bootstrap_servers: pulumi.Input[str]
    service_account: pulumi.Input[str]
    color: str
    strategy: str
    version: str
    application: str
    replicas: int
    subject: Mapping[str, object]
    storage: str = "1Gi"


class Agent(pulumi.ComponentResource):
    """The StatefulSet `agent-<color>` with its settings and a volume for its record of events."""

    def __init__(self, name: str, args: AgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:ConnectAgent", name, None, opts)
        settings = pulumi.Output.from_input(args.bootstrap_servers).apply(lambda servers: _settings(args, servers))
        by = pulumi.Output.from_input(args.bootstrap_servers).apply(lambda servers: of_agents(args, servers))
        self.config, self.service, self.stateful_set = configured(name, _stateful(args), settings, parent=self, by=by)
        self.register_outputs({"statefulSet": self.stateful_set.metadata.name})


def of_agents(args: AgentArgs, bootstrap_servers: str) -> Digests:
    """By what an agent of these arguments is restarted, but for more partitions, which both colours' agents learn of at
    once: the connector runs on without it, and finds them by itself. Registers nothing.
    """
    subject = {key: value for key, value in args.subject.items() if key != "partitions"}
    return restarted_by(_stateful(args), _settings(replace(args, subject=subject), bootstrap_servers))


def _stateful(args: AgentArgs) -> StatefulArgs:
    set_name = connect.agent_set(args.color)
    selector = names.selector(connect.AGENT, args.color)
    return StatefulArgs(
        name=set_name,
        namespace=args.namespace,
        labels={**names.labels(connect.AGENT), **selector, names.STRATEGY_LABEL: args.strategy},
        selector=selector,
        pod=_pod(args, set_name),
        claim="records",
        storage=args.storage,
        port=names.SIDECAR_PORT,
        annotations=pods.application(args.version, args.application),
        replicas=args.replicas,
    )


def _settings(args: AgentArgs, servers: str) -> str:
    subject = {**args.subject, "bootstrap_servers": servers, "records_dir": names.RECORDS_DIRECTORY}
    return pods.rendered(
        {"strategy": args.strategy, "version": args.version, "image": args.application, "connect": subject}
    )


def _pod(args: AgentArgs, config_map: str) -> PodSpecArgs:
    agent = sidecar(
        args.image,
        args.color,
        port_name="metrics",
        ready="/readyz",
        startup_probe=pods.http_probe("/healthz", names.SIDECAR_PORT, period=1, failures=60),
        resources=pods.resources("30m", "64Mi", "256Mi"),
        mounts=[
            pods.mount("settings", names.SETTINGS_DIRECTORY, read_only=True),
            pods.mount("records", names.RECORDS_DIRECTORY),
        ],
    )
    return pods.pod(
        [agent],
        volumes=[pods.config_volume("settings", config_map)],
        service_account_name=args.service_account,
        automount_service_account_token=True,
        # The connector runs on without it; nothing is to be finished but a last report.
        termination_grace_period_seconds=5,
    )

"""A colour's connector as a resource, which the operator carries out and the colour's agent moves."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import connect_names as connect
from components import names, restarts
from components.connect.config import as_resource

#: What the agent changes of what is written here. The rest of what it writes (the epoch in the configuration, the
#: offsets to alter, annotations) is not written here at all: a field that Pulumi never had, server-side apply leaves to
#: whoever has it. `ignoreChanges` could not protect the epoch's key, either: Pulumi's Kubernetes provider splits a path
#: at its dots, those within a key included (provider 4.25, `await.go`, handleSSAIgnoreFields).
_THE_AGENTS = ["spec.state"]


@dataclass(frozen=True)
class ConnectorArgs:
    """name: of the connector and its resource. cluster: the KafkaConnect that it is on. config: all but its epoch."""

    namespace: pulumi.Input[str]
    name: str
    cluster: str
    color: str
    strategy: str
    config: Mapping[str, str]


class Connector(pulumi.ComponentResource):
    """The KafkaConnector `<name>`. It is made stopped, and only its agent starts it.

    `pulumi up` does not wait for it: the agent, which it waits for, is ready when it sees its connector, and that
    nothing stands against it.
    """

    def __init__(self, name: str, args: ConnectorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Connector", name, None, opts)
        self.resource = CustomResource(
            name,
            api_version=f"{connect.STRIMZI_GROUP}/{connect.STRIMZI_VERSION}",
            kind=connect.CONNECTOR_KIND,
            metadata=ObjectMetaArgs(
                name=args.name,
                namespace=args.namespace,
                labels={
                    names.PART_OF_LABEL: names.PART_OF,
                    names.COLOR_LABEL: args.color,
                    names.STRATEGY_LABEL: args.strategy,
                    connect.CLUSTER_LABEL: args.cluster,
                },
                annotations={
                    **restarts.annotation(of_connector(args.config)),
                    # Its agent may write between the provider's look and its write: better a conflict than what was
                    # before.
                    "pulumi.com/patchForce": "false",
                },
            ),
            spec={**as_resource(args.config), "state": "stopped"},
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=_THE_AGENTS),
        )
        self.register_outputs({"name": args.name})


def of_connector(config: Mapping[str, str]) -> restarts.Digests:
    """By what a connector's tasks are restarted, but for their number."""
    return {"config": restarts.digest({**as_resource(config), "tasksMax": 0})}

"""One pod that keeps nothing between its lives: a Deployment of one of our own programs, with its settings."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    PodSpecArgs,
    PodTemplateSpecArgs,
    Service,
    ServicePortArgs,
    ServiceSpecArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components import names, pods


@dataclass(frozen=True)
class StatelessArgs:
    """name: of the ConfigMap, of the Deployment and, as a label, of its pod. labels: of all of them. port: where the
    pod's metrics are. alone: the old pod is gone before the new one comes; else both run while it rolls. file: the name
    of its settings file. every: as in `pods.scraping`.
    """

    name: str
    namespace: pulumi.Input[str]
    labels: Mapping[str, str]
    pod: PodSpecArgs
    port: int
    alone: bool = False
    file: str = names.SETTINGS_FILE
    every: str = ""


def service(name: str, args: StatelessArgs, port: int, target: str, *, parent: pulumi.Resource) -> Service:
    """The Service of its name: `port`, called `http`, is the pod's port that is called `target`."""
    return Service(
        name,
        metadata=ObjectMetaArgs(
            name=args.name,
            namespace=args.namespace,
            labels=args.labels,
            annotations={"pulumi.com/skipAwait": "true"},
        ),
        spec=ServiceSpecArgs(
            selector={names.NAME_LABEL: args.name},
            ports=[ServicePortArgs(name="http", port=port, target_port=target)],
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def configured(
    name: str, args: StatelessArgs, settings: pulumi.Output[str], *, parent: pulumi.Resource
) -> tuple[ConfigMap, Deployment]:
    """The Deployment, which `pulumi up` waits for, scraped at its port, with its settings file in a ConfigMap of its
    name; as `stateful.configured` is for pods with volumes.

    settings: the file's text; the pod rolls when it changes.
    """
    metadata = ObjectMetaArgs(name=args.name, namespace=args.namespace, labels=args.labels)
    config = ConfigMap(name, metadata=metadata, data={args.file: settings}, opts=pulumi.ResourceOptions(parent=parent))
    annotations = settings.apply(lambda text: {**pods.scraping(args.port, args.every), **pods.settings_hash(text)})
    deployment = Deployment(
        name,
        metadata=metadata,
        spec=DeploymentSpecArgs(
            replicas=1,
            strategy=DeploymentStrategyArgs(type="Recreate") if args.alone else None,
            selector=LabelSelectorArgs(match_labels={names.NAME_LABEL: args.name}),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels=args.labels, annotations=annotations), spec=args.pod
            ),
        ),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[config], custom_timeouts=pods.ROLLOUT_TIMEOUTS),
    )
    return config, deployment

"""Pods that are told apart by their number, each with a volume that outlives it, behind a Service of the same name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pulumi
from pulumi_kubernetes.apps.v1 import (
    StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicyArgs,
    StatefulSetSpecArgs,
)
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
class StatefulArgs:
    """metadata: of the Service and of the StatefulSet, whose labels the pods have, too. selector: those of them that
    select the pods. annotations: the pods'. claim, storage: name and size of each pod's volume.

    port, port_name: of the Service, which finds the pods' port of the name `target_port`. headless: the Service is for
    the pods' names only. early: their names are there before they are ready. parallel: none waits for another, nor
    does a new version for an old one to get ready, which keeps one that cannot for good
    (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback).
    """

    name: str
    namespace: pulumi.Input[str]
    labels: Mapping[str, str]
    selector: Mapping[str, str]
    pod: PodSpecArgs
    claim: str
    storage: str
    port: int
    annotations: pulumi.Input[Mapping[str, str]] = field(default_factory=dict)
    port_name: str = "http"
    target_port: str = "metrics"
    headless: bool = True
    early: bool = False
    parallel: bool = False
    replicas: int = 1


def stateful(
    name: str, args: StatefulArgs, *, parent: pulumi.Resource, depends_on: Sequence[pulumi.Resource]
) -> tuple[Service, StatefulSet]:
    """The Service, and the StatefulSet that `pulumi up` waits for until all of its pods are the new ones, and ready."""
    service = Service(
        name,
        metadata=ObjectMetaArgs(
            name=args.name,
            namespace=args.namespace,
            labels=args.labels,
            annotations={"pulumi.com/skipAwait": "true"},
        ),
        spec=ServiceSpecArgs(
            cluster_ip="None" if args.headless else None,
            publish_not_ready_addresses=True if args.early else None,
            selector=args.selector,
            ports=[ServicePortArgs(name=args.port_name, port=args.port, target_port=args.target_port)],
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    stateful_set = StatefulSet(
        name,
        metadata=ObjectMetaArgs(
            name=args.name,
            namespace=args.namespace,
            labels=args.labels,
            annotations=pods.until_rolled_out(args.replicas),
        ),
        spec=StatefulSetSpecArgs(
            replicas=args.replicas,
            service_name=args.name,
            pod_management_policy="Parallel" if args.parallel else None,
            selector=LabelSelectorArgs(match_labels=args.selector),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels=args.labels, annotations=args.annotations), spec=args.pod
            ),
            volume_claim_templates=[pods.claim(args.claim, args.storage)],
            # What is on the volumes outlives a scale-down; it goes with the deployment.
            persistent_volume_claim_retention_policy=StatefulSetPersistentVolumeClaimRetentionPolicyArgs(
                when_deleted="Delete", when_scaled="Retain"
            ),
        ),
        opts=pulumi.ResourceOptions(
            parent=parent, depends_on=[*depends_on, service], custom_timeouts=pods.ROLLOUT_TIMEOUTS
        ),
    )
    return service, stateful_set


def configured(
    name: str,
    args: StatefulArgs,
    settings: pulumi.Output[str],
    *,
    parent: pulumi.Resource,
    depends_on: Sequence[pulumi.Resource] = (),
) -> tuple[ConfigMap, Service, StatefulSet]:
    """The same for one of our own programs, scraped at its port, with its settings file in a ConfigMap of its name.

    settings: the file's text; the pods roll when it changes. args: to its `annotations` come those of scraping and
    settings.
    """
    config = ConfigMap(
        name,
        metadata=ObjectMetaArgs(name=args.name, namespace=args.namespace, labels=args.labels),
        data={names.SETTINGS_FILE: settings},
        opts=pulumi.ResourceOptions(parent=parent),
    )
    annotations = pulumi.Output.all(args.annotations, settings).apply(
        lambda given: {**given[0], **pods.scraping(args.port), **pods.settings_hash(given[1])}
    )
    args = replace(args, annotations=annotations, parallel=True)
    made = stateful(name, args, parent=parent, depends_on=[config, *depends_on])
    return config, *made

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

from components import names, pods, restarts


@dataclass(frozen=True)
class StatefulArgs:
    """metadata: of the Service and of the StatefulSet, whose labels the pods have, too. selector: those of them that
    select the pods. annotations: the pods'; own_annotations: the StatefulSet's, beside those by which it is waited for.
    claim, storage: name and size of each pod's volume.

    port, port_name: of the Service, which finds the pods' port of the name `target_port`. headless: the Service is for
    the pods' names only. early: their names are there before they are ready. scaled: others change `replicas`, which is
    the number to begin with; whoever needs the pods waits for them himself (`rollout`).

    More than a dozen attributes: a Service and a StatefulSet in one, by what differs between those of this project.
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
    own_annotations: pulumi.Input[Mapping[str, str]] = field(default_factory=dict)
    port_name: str = "http"
    target_port: str = "metrics"
    headless: bool = True
    early: bool = False
    replicas: int = 1
    scaled: bool = False


def stateful(
    name: str, args: StatefulArgs, *, parent: pulumi.Resource, depends_on: Sequence[pulumi.Resource]
) -> tuple[Service, StatefulSet]:
    """The Service, and the StatefulSet that `pulumi up` waits for until all of its pods are the new ones, and ready."""
    counted = {} if args.scaled else pods.until_rolled_out(args.replicas)
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
            annotations=pulumi.Output.from_input(args.own_annotations).apply(lambda own: {**counted, **own}),
        ),
        spec=StatefulSetSpecArgs(
            replicas=args.replicas,
            service_name=args.name,
            # None waits for another. In order, a pod that cannot get ready keeps its own mended version from coming
            # (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback).
            pod_management_policy="Parallel",
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
            parent=parent,
            depends_on=[*depends_on, service],
            custom_timeouts=pods.ROLLOUT_TIMEOUTS,
            # It cannot be changed, and a set that is made anew for it loses its volumes: an older one stays ordered.
            ignore_changes=["spec.podManagementPolicy", *(["spec.replicas"] if args.scaled else [])],
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
    by: pulumi.Output[restarts.Digests] | None = None,
) -> tuple[ConfigMap, Service, StatefulSet]:
    """The same for one of our own programs, scraped at its port, with its settings file in a ConfigMap of its name.

    settings: the file's text; the pods roll when it changes. args: to its `annotations` come those of scraping and
    settings; its `own_annotations` are made here. by: by what the pods are restarted in a sense that matters; None: by
    all that there is (`restarted_by`).
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
    own = (settings.apply(lambda text: restarted_by(args, text)) if by is None else by).apply(restarts.annotation)
    whole = replace(args, annotations=annotations, own_annotations=own)
    made = stateful(name, whole, parent=parent, depends_on=[config, *depends_on])
    return config, *made


def restarted_by(args: StatefulArgs, settings: str) -> restarts.Digests:
    """By what `configured` restarts the pods, with a settings file of this text. Registers nothing."""
    return restarts.of_pods(args.pod, args.labels, settings)

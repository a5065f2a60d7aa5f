"""The producer: one pod that writes records at a steady rate, and writes down what became of each."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import (
    StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicyArgs,
    StatefulSetSpecArgs,
)
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ContainerArgs,
    ContainerPortArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components import names, pods


@dataclass(frozen=True)
class ProducerArgs:
    """rate: records per second; message_bytes: size of each. Both can be changed at run time by `PUT /config`."""

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    bootstrap_servers: pulumi.Input[str]
    strategy: str
    topic: str
    rate: int
    message_bytes: int
    storage: str = "10Gi"


class Producer(pulumi.ComponentResource):
    """The StatefulSet `producer` with its settings and its volume of records."""

    def __init__(self, name: str, args: ProducerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Producer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = {**names.labels(names.PRODUCER), names.STRATEGY_LABEL: args.strategy}
        metadata = ObjectMetaArgs(name=names.PRODUCER, namespace=args.namespace, labels=labels)
        settings = pulumi.Output.from_input(args.bootstrap_servers).apply(
            lambda servers: pods.rendered(
                {
                    "bootstrap_servers": servers,
                    "topic": args.topic,
                    "rate": args.rate,
                    "message_bytes": args.message_bytes,
                }
            )
        )
        self.service_account = ServiceAccount(
            name, metadata=metadata, automount_service_account_token=False, opts=child
        )
        self.config = ConfigMap(name, metadata=metadata, data={names.SETTINGS_FILE: settings}, opts=child)
        self.service = Service(
            name,
            metadata=ObjectMetaArgs(
                name=names.PRODUCER,
                namespace=args.namespace,
                labels=labels,
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=ServiceSpecArgs(
                cluster_ip="None",
                selector={names.NAME_LABEL: names.PRODUCER},
                ports=[ServicePortArgs(name="http", port=names.HTTP_PORT, target_port="metrics")],
            ),
            opts=child,
        )
        self.stateful_set = StatefulSet(
            name,
            metadata=ObjectMetaArgs(
                name=names.PRODUCER, namespace=args.namespace, labels=labels, annotations=pods.until_rolled_out(1)
            ),
            spec=StatefulSetSpecArgs(
                replicas=1,
                service_name=names.PRODUCER,
                selector=LabelSelectorArgs(match_labels={names.NAME_LABEL: names.PRODUCER}),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(
                        labels=labels,
                        annotations=settings.apply(
                            lambda text: {**pods.scraping(names.HTTP_PORT), **pods.settings_hash(text)}
                        ),
                    ),
                    spec=_pod(args.image),
                ),
                volume_claim_templates=[pods.claim("records", args.storage)],
                persistent_volume_claim_retention_policy=StatefulSetPersistentVolumeClaimRetentionPolicyArgs(
                    when_deleted="Delete", when_scaled="Retain"
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[self.config, self.service_account, self.service],
                custom_timeouts=pods.ROLLOUT_TIMEOUTS,
            ),
        )
        self.register_outputs({"statefulSet": self.stateful_set.metadata.name})


def _pod(image: pulumi.Input[str]) -> PodSpecArgs:
    return PodSpecArgs(
        service_account_name=names.PRODUCER,
        automount_service_account_token=False,
        enable_service_links=False,
        # At its end it waits for the broker's answers and writes down the last ones.
        termination_grace_period_seconds=30,
        security_context=pods.pod_security(pods.WORKLOADS_UID),
        containers=[
            ContainerArgs(
                name=names.PRODUCER,
                image=image,
                image_pull_policy=pods.PULL_POLICY,
                command=["python3", "-m", "workloads.producer"],
                env=pods.identity(),
                ports=[ContainerPortArgs(name="metrics", container_port=names.HTTP_PORT)],
                startup_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=1, failures=60),
                readiness_probe=pods.http_probe("/readyz", names.HTTP_PORT, period=1, failures=5),
                liveness_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=5, failures=6, timeout=3),
                security_context=pods.container_security(),
                resources=pods.resources("50m", "64Mi", "512Mi"),
                volume_mounts=[
                    pods.mount("settings", names.SETTINGS_DIRECTORY, read_only=True),
                    pods.mount("records", names.RECORDS_DIRECTORY),
                    pods.mount("tmp", "/tmp"),  # noqa: S108 - the pod's own
                ],
            )
        ],
        volumes=[pods.config_volume("settings", names.PRODUCER), pods.scratch_volume()],
    )

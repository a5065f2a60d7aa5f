"""The producer: one pod that writes records at a steady rate, and writes down what became of each."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ContainerPortArgs, PodSpecArgs, ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import names, pods
from components.stateful import StatefulArgs, configured


@dataclass(frozen=True)
class ProducerArgs:
    """settings: the producer's, but for the broker's address. Rate and size can be changed at run time by `PUT
    /config`.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    bootstrap_servers: pulumi.Input[str]
    strategy: str
    settings: Mapping[str, object]
    storage: str = "10Gi"


class Producer(pulumi.ComponentResource):
    """The StatefulSet `producer` with its settings and its volume of records."""

    def __init__(self, name: str, args: ProducerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Producer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = {**names.labels(names.PRODUCER), names.STRATEGY_LABEL: args.strategy}
        metadata = ObjectMetaArgs(name=names.PRODUCER, namespace=args.namespace, labels=labels)
        settings = pulumi.Output.from_input(args.bootstrap_servers).apply(
            lambda servers: pods.rendered({**args.settings, "bootstrap_servers": servers})
        )
        self.service_account = ServiceAccount(
            name, metadata=metadata, automount_service_account_token=False, opts=child
        )
        self.config, self.service, self.stateful_set = configured(
            name,
            StatefulArgs(
                name=names.PRODUCER,
                namespace=args.namespace,
                labels=labels,
                selector={names.NAME_LABEL: names.PRODUCER},
                pod=_pod(args.image),
                claim="records",
                storage=args.storage,
                port=names.HTTP_PORT,
            ),
            settings,
            parent=self,
            depends_on=[self.service_account],
        )
        self.register_outputs({"statefulSet": self.stateful_set.metadata.name})


def _pod(image: pulumi.Input[str]) -> PodSpecArgs:
    producer = pods.program(
        names.PRODUCER,
        image,
        env=pods.identity(),
        ports=[ContainerPortArgs(name="metrics", container_port=names.HTTP_PORT)],
        startup_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=1, failures=60),
        readiness_probe=pods.http_probe("/readyz", names.HTTP_PORT, period=1, failures=5),
        liveness_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=5, failures=6, timeout=3),
        resources=pods.resources("50m", "64Mi", "512Mi"),
        mounts=[
            pods.mount("settings", names.SETTINGS_DIRECTORY, read_only=True),
            pods.mount("records", names.RECORDS_DIRECTORY),
        ],
    )
    return pods.pod(
        [producer],
        volumes=[pods.config_volume("settings", names.PRODUCER)],
        service_account_name=names.PRODUCER,
        # At its end it waits for the broker's answers and writes down the last ones.
        termination_grace_period_seconds=30,
    )

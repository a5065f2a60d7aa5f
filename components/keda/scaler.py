"""The scaler of a strategy's stack: a ScaledObject that gives the switch its number of pods, by the lag of the group
that both colours are in.

The lag is the controller's own figure, as the metrics store has it: one exporter for the pair, also with no pod at all,
and nothing where the brokers cannot be read. What has been there for ten seconds on end counts, of each partition its
least: a hand-off's tenths of a second, and what is written between two commits, ask for nobody. No figure is no number:
nothing is scaled then (decision 0037).
"""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import names
from components.keda.crds import GROUP_VERSION, KIND
from components.observability.names import GROUP_LAG
from components.settings.scaler import Scaler

NAME = "consumer-switch"
PAUSED = "autoscaling.keda.sh/paused"
_POLLING_SECONDS = 5
_LASTING = "10s"


def query(namespace: str, group: str) -> str:
    """The lag that has lasted. A controller that follows another one leaves no partition counted twice."""
    series = f'{GROUP_LAG}{{namespace="{namespace}",group="{group}"}}'
    return f"sum(max by (topic, partition) (min_over_time({series}[{_LASTING}])))"


def spec(scaler: Scaler, *, namespace: str, group: str, metrics_url: str) -> dict[str, Any]:
    """The `spec` of the ScaledObject."""
    return {
        "scaleTargetRef": {
            "apiVersion": f"{names.GROUP}/{names.SWITCH_VERSION}",
            "kind": names.SWITCH_KIND,
            "name": names.SWITCH_NAME,
        },
        "pollingInterval": _POLLING_SECONDS,
        "minReplicaCount": scaler.min,
        "maxReplicaCount": scaler.max,
        "advanced": {
            # Whoever takes the scaler away keeps the number that it has given last.
            "restoreToOriginalReplicaCount": False,
            "horizontalPodAutoscalerConfig": {
                "name": NAME,
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": scaler.scale_in_seconds}},
            },
        },
        "triggers": [
            {
                "type": "prometheus",
                "name": "lag",
                "metricType": "AverageValue",
                "metadata": {
                    "serverAddress": metrics_url,
                    "query": query(namespace, group),
                    "threshold": str(scaler.lag_per_pod),
                    "ignoreNullValues": "false",
                },
            }
        ],
    }


@dataclass(frozen=True)
class LagScalerArgs:
    """namespace: the stack's, also by its plain name. group: that of both colours. rests: nobody is at work, so there
    is nothing that pods could make less.
    """

    namespace: pulumi.Input[str]
    namespace_name: str
    group: str
    metrics_url: pulumi.Input[str]
    scaler: Scaler
    rests: bool = False


class LagScaler(pulumi.ComponentResource):
    """The ScaledObject `consumer-switch`; KEDA makes a HorizontalPodAutoscaler of that name."""

    def __init__(self, name: str, args: LagScalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:LagScaler", name, None, opts)

        def made(url: str) -> dict[str, Any]:
            return spec(args.scaler, namespace=args.namespace_name, group=args.group, metrics_url=url)

        self.resource = CustomResource(
            name,
            api_version=GROUP_VERSION,
            kind=KIND,
            metadata=ObjectMetaArgs(
                name=NAME,
                namespace=args.namespace,
                labels=names.labels(names.CONSUMER),
                annotations={PAUSED: "true"} if args.rests else {},
            ),
            spec=pulumi.Output.from_input(args.metrics_url).apply(made),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"name": NAME})

"""The dashboards, as ConfigMaps: Grafana's, with the label by which its sidecar finds it in every namespace, and those
that vmui reads.
"""

from collections.abc import Sequence
from pathlib import Path

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import names
from components.observability import vmui

GRAFANA = Path(__file__).with_name("files") / "grafana-dashboard.json"
#: What the sidecar of Grafana's Helm chart looks for, unless it is told otherwise.
GRAFANA_LABEL = {"grafana_dashboard": "1"}
GRAFANA_NAME = "kafka-bluegreen-grafana"
VMUI_NAME = "kafka-bluegreen-vmui"


class Dashboards(pulumi.ComponentResource):
    """The ConfigMaps `kafka-bluegreen-grafana` and `kafka-bluegreen-vmui`. stacks: those that vmui shows."""

    def __init__(
        self,
        name: str,
        namespace: pulumi.Input[str],
        stacks: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("kafka-bluegreen:component:Dashboards", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.grafana = ConfigMap(
            f"{name}-grafana",
            metadata=ObjectMetaArgs(
                name=GRAFANA_NAME, namespace=namespace, labels={**names.labels(GRAFANA_NAME), **GRAFANA_LABEL}
            ),
            data={GRAFANA.name: GRAFANA.read_text(encoding="utf-8")},
            opts=child,
        )
        self.vmui = ConfigMap(
            f"{name}-vmui",
            metadata=ObjectMetaArgs(name=VMUI_NAME, namespace=namespace, labels=names.labels(VMUI_NAME)),
            data=vmui.files(stacks),
            opts=child,
        )
        self.register_outputs({})

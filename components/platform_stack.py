"""What the stack `platform` is made of."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi

from components import names
from components.argo.rollouts import ArgoRollouts, ArgoRolloutsArgs
from components.crd import SwitchDefinition
from components.images import ARGO_ROLLOUTS, KEDA, VMALERT
from components.kafka import Kafka, KafkaArgs
from components.keda.operator import Keda, KedaArgs
from components.namespace import namespace
from components.observability.alerts import URL as ALERTS_URL
from components.observability.alerts import Alerts, AlertsArgs
from components.observability.dashboards import VMUI_NAME, Dashboards
from components.observability.log_collector import LogCollector, LogCollectorArgs
from components.observability.log_store import LogStore, LogStoreArgs
from components.observability.store import Metrics, MetricsArgs
from components.platform_guard import PlatformGuard
from components.platform_reference import BOOTSTRAP_SERVERS, KAFKA_ID, METRICS_URL, PLATFORM
from components.policy import OwnPodStatusPolicy
from components.settings import PlatformSettings


def build_platform(settings: PlatformSettings, images: Mapping[str, str]) -> dict[str, pulumi.Input[Any]]:
    """What every strategy stands on. images: as `images.platform_images` gives them. Returns the stack's outputs."""
    where = namespace(names.PLATFORM_NAMESPACE).metadata.name
    definition = SwitchDefinition("kafkaconsumerswitches")
    policy = OwnPodStatusPolicy("own-pod-status")
    kafka = Kafka("kafka", KafkaArgs(namespace=where, image=images["kafka"], config=settings.kafka_config))
    dashboards = Dashboards("dashboards", where, settings.dashboards)
    metrics = Metrics(
        "metrics",
        MetricsArgs(where, images["victoriametrics"], VMUI_NAME, ALERTS_URL if settings.alerts else ""),
        pulumi.ResourceOptions(depends_on=[dashboards]),
    )
    guarded: list[pulumi.Resource] = [definition, policy, kafka, dashboards, metrics]
    if settings.argo:
        guarded.append(ArgoRollouts("argo-rollouts", ArgoRolloutsArgs(where, images[ARGO_ROLLOUTS])))
    if settings.keda:
        guarded.append(Keda("keda", KedaArgs(*(images[name] for name in KEDA))))
    logs: dict[str, pulumi.Input[Any]] = {}
    if settings.logs:
        store = LogStore("logs", LogStoreArgs(namespace=where, image=images["victorialogs"]))
        collector = LogCollector("log-collector", LogCollectorArgs(image=images["vlagent"], store=store.url))
        guarded += [store, collector]
        logs = {"logsUrl": store.url}
    if settings.alerts:
        alerts = AlertsArgs(where, images[VMALERT], metrics.url, settings.alertmanager)
        guarded.append(Alerts("alerts", alerts))
        if settings.logs:
            guarded.append(Alerts("log-alerts", replace(alerts, logs=logs["logsUrl"])))
    PlatformGuard("platform-guard", where, guarded)
    return {
        PLATFORM: settings.platform,
        "namespace": names.PLATFORM_NAMESPACE,
        BOOTSTRAP_SERVERS: kafka.bootstrap_servers,
        KAFKA_ID: kafka.identity,
        METRICS_URL: metrics.url,
        **logs,
    }

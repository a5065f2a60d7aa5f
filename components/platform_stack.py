"""What the stack `platform` is made of."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components import images as made
from components import names
from components.crd import SwitchDefinition
from components.kafka import Kafka, KafkaArgs
from components.namespace import namespace
from components.observability.alerts import URL as ALERTS_URL
from components.observability.alerts import Alerts, AlertsArgs
from components.observability.dashboards import VMUI_NAME, Dashboards
from components.observability.store import Metrics, MetricsArgs
from components.platform_guard import PlatformGuard
from components.platform_reference import BOOTSTRAP_SERVERS, KAFKA_ID, PLATFORM
from components.policy import OwnPodStatusPolicy
from components.settings import PlatformSettings


def build_platform(settings: PlatformSettings, images: Mapping[str, str]) -> dict[str, pulumi.Input[Any]]:
    """What every strategy stands on. images: by the names in `images.PLATFORM`, and vmalert's with `alerts`. Returns
    the stack's outputs.
    """
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
    parts: list[pulumi.Resource] = [definition, policy, kafka, dashboards, metrics]
    if settings.alerts:
        parts.append(Alerts("alerts", AlertsArgs(where, images[made.VMALERT], metrics.url, settings.alertmanager)))
    PlatformGuard("platform-guard", where, parts)
    return {
        PLATFORM: settings.platform,
        "namespace": names.PLATFORM_NAMESPACE,
        BOOTSTRAP_SERVERS: kafka.bootstrap_servers,
        KAFKA_ID: kafka.identity,
        "metricsUrl": metrics.url,
    }

"""What the stack `platform` is made of."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components import names
from components.crd import SwitchDefinition
from components.kafka import Kafka, KafkaArgs
from components.namespace import namespace
from components.observability.store import Metrics, MetricsArgs
from components.platform_guard import PlatformGuard
from components.platform_reference import BOOTSTRAP_SERVERS, KAFKA_ID, METRICS_URL, PLATFORM
from components.policy import OwnPodStatusPolicy
from components.settings import PlatformSettings


def build_platform(settings: PlatformSettings, images: Mapping[str, str]) -> dict[str, pulumi.Input[Any]]:
    """What every strategy stands on. images: by the names in `images.PLATFORM`. Returns the stack's outputs."""
    where = namespace(names.PLATFORM_NAMESPACE).metadata.name
    definition = SwitchDefinition("kafkaconsumerswitches")
    policy = OwnPodStatusPolicy("own-pod-status")
    kafka = Kafka("kafka", KafkaArgs(namespace=where, image=images["kafka"], config=settings.kafka_config))
    metrics = Metrics("metrics", MetricsArgs(namespace=where, image=images["victoriametrics"]))
    PlatformGuard("platform-guard", where, [definition, policy, kafka, metrics])
    return {
        PLATFORM: settings.platform,
        "namespace": names.PLATFORM_NAMESPACE,
        BOOTSTRAP_SERVERS: kafka.bootstrap_servers,
        KAFKA_ID: kafka.identity,
        METRICS_URL: metrics.url,
    }

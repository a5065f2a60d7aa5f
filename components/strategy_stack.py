"""What a stack `strategy-*` is made of, and in which order it comes."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components import names
from components.access import Access, AccessArgs, controller_rules, sidecar_rules
from components.cluster.access import ClusterAccess
from components.consumer_set import ConsumerSet, ConsumerSetArgs
from components.controller import Controller, ControllerArgs
from components.namespace import namespace
from components.platform_reference import PlatformReference
from components.producer import Producer, ProducerArgs
from components.settings import Color, StackName, StrategySettings
from components.switch import Switch, SwitchArgs
from components.topic import Topic, TopicArgs


def build_strategy(
    settings: StrategySettings, stack: StackName, images: Mapping[str, str], access: ClusterAccess
) -> dict[str, pulumi.Input[Any]]:
    """A producer, two colours and what switches between them. images: by the names in `images.STRATEGY`. Returns the
    stack's outputs.

    The colour asked for is there first, then the switch is made and checked, then the other colour follows; when the
    switch failed, the program ends there and the other colour is left as it is (design §5.1)."""
    platform = PlatformReference()
    where = namespace(stack.name).metadata.name
    image = images["workloads"]
    servers = platform.bootstrap_servers
    sidecars = Access("consumer", AccessArgs(where, sidecar_rules()))
    topic = Topic("topic", TopicArgs(where, image, servers, settings.topic, settings.partitions))
    Producer(
        "producer",
        ProducerArgs(where, image, servers, settings.strategy, settings.topic, settings.rate, settings.message_bytes),
        pulumi.ResourceOptions(depends_on=[topic]),
    )
    controller = Controller(
        "controller",
        ControllerArgs(
            where,
            image,
            servers,
            Access("controller", AccessArgs(where, controller_rules())).account,
            settings.strategy,
        ),
    )

    def consumers(color: Color, after: pulumi.Input[Any]) -> ConsumerSet:
        return ConsumerSet(
            names.consumer_set(color),
            ConsumerSetArgs(
                namespace=where,
                image=image,
                bootstrap_servers=servers,
                service_account=sidecars.account,
                color=color,
                strategy=settings.strategy,
                replicas=settings.replicas_of(color),
                drain_timeout_seconds=settings.drain_timeout_seconds,
                resume_timeout_seconds=settings.resume_timeout_seconds,
                settings=consumer_settings(settings, color, stack.consumer_group),
            ),
            pulumi.ResourceOptions(depends_on=after),
        )

    wanted = consumers(settings.active, [topic])
    switch = Switch(
        "switch",
        SwitchArgs(where, stack.name, settings, stack.consumer_group, access),
        pulumi.ResourceOptions(depends_on=[wanted, controller]),
    )
    consumers(settings.inactive, [topic, switch.checked])
    return {
        "namespace": stack.name,
        "strategy": settings.strategy,
        "group": stack.consumer_group,
        "topic": settings.topic,
    }


def consumer_settings(settings: StrategySettings, color: Color, group: str) -> dict[str, object]:
    """The settings file of a colour's consumers, but for the broker's address. Only what is the colour's own differs
    between the two.
    """
    own = settings.color(color)
    return {
        "topic": settings.topic,
        "partitions": settings.partitions,
        "group_id": group,
        "color": color,
        "strategy": settings.strategy,
        "version": own.version,
        "membership": settings.membership,
        "group_protocol": settings.group_protocol,
        "session_timeout_seconds": settings.session_timeout_seconds,
        "drain_timeout_seconds": settings.drain_timeout_seconds,
        "resume_timeout_seconds": settings.resume_timeout_seconds,
        "faults_enabled": own.faults is not None,
        "faults": own.faults.model_dump() if own.faults else {},
        "client": dict(own.config),
    }

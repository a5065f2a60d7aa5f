"""What a stack `strategy-*` is made of, and in which order it comes: what all strategies have, and in its place what
the stack's own strategy deploys."""

from collections.abc import Mapping
from typing import Any

import pulumi

from components.access import Access, AccessArgs, controller_rules
from components.at_work import NOBODY, AtWork
from components.cluster.access import ClusterAccess
from components.controller import Controller, ControllerArgs
from components.namespace import namespace
from components.platform_reference import PlatformReference
from components.producer import Producer, ProducerArgs
from components.settings import StackName, StrategySettings
from components.settings.values import producer_settings
from components.strategies.base import Site, strategy
from components.switch import Switch, SwitchArgs
from components.topic import Topic, TopicArgs


def build_strategy(
    settings: StrategySettings,
    stack: StackName,
    images: Mapping[str, str],
    access: ClusterAccess,
    kind: str = "sandbox",
    *,
    at_work: AtWork = NOBODY,
) -> dict[str, pulumi.Input[Any]]:
    """A producer, two colours and what switches between them. images: by the names in `Strategy.images`. kind: which
    platform it stands on. at_work: what the colour at work runs. Returns the stack's outputs.

    The colour asked for is there first, then the switch is made and checked, then the other colour follows; when the
    switch failed, the program ends there and the other colour is left as it is (design §5.1). With
    `Strategy.both_first` both colours are there before the switch."""
    chosen = strategy(settings.strategy)
    platform = PlatformReference()
    where = namespace(stack.name).metadata.name
    image = images["workloads"]
    servers = platform.bootstrap_servers
    colors = chosen.deploy(Site(stack, settings, images, where, servers, kind, at_work))
    topic = Topic("topic", TopicArgs(where, image, servers, settings.topic, settings.partitions))
    Producer(
        "producer",
        ProducerArgs(where, image, servers, settings.strategy, producer_settings(settings)),
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
    needed = [colors.color(settings.active, [topic])]
    if chosen.both_first:
        needed.append(colors.color(settings.inactive, [topic]))
    switch = Switch(
        "switch",
        SwitchArgs(where, stack.name, settings, chosen.switch_spec(settings, stack), access),
        pulumi.ResourceOptions(depends_on=[*needed, controller]),
    )
    if not chosen.both_first:
        colors.color(settings.inactive, [topic, switch.checked])
    groups = chosen.groups(stack)
    return {
        "namespace": stack.name,
        "strategy": settings.strategy,
        # The same before and after a switch.
        "group": groups["blue"] if groups["blue"] == groups["green"] else dict(groups),
        "topic": settings.topic,
    }

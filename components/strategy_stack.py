"""What a stack `strategy-*` is made of, and in which order it comes: what all strategies have, and in its place what
the stack's own strategy deploys."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pulumi

from components import before, pods
from components.access import Access, AccessArgs, controller_rules, page_rules
from components.argo.templates import Templates, TemplatesArgs
from components.before import NOTHING, Before, Stake
from components.cluster.access import ClusterAccess
from components.controller import Controller, ControllerArgs
from components.keda.scaler import LagScaler, LagScalerArgs
from components.names import COLORS
from components.namespace import namespace
from components.page import Page, PageArgs
from components.platform_reference import Platform, PlatformReference
from components.producer import Producer, ProducerArgs
from components.settings import StackName, StrategySettings
from components.settings.values import consumer_secrets, producer_settings
from components.strategies.base import PlainSite, Site, strategy
from components.switch import Switch, SwitchArgs
from components.topic import Topic, TopicArgs


def build_strategy(
    settings: StrategySettings,
    stack: StackName,
    images: Mapping[str, str],
    access: ClusterAccess,
    kind: str = "sandbox",
    *,
    found: Before = NOTHING,
    besides: Callable[[], Awaitable[str]] | None = None,
) -> dict[str, pulumi.Input[Any]]:
    """A producer, two colours and what switches between them. images: by the names in `Strategy.images`. kind: which
    platform it stands on. found: what the cluster had before. besides: as in `SwitchArgs`. Returns the stack's outputs.
    Raises `InPlaceError` before anything is registered.

    The colour asked for is there first, then the switch is made and checked, then the other colour follows; when the
    switch failed, the program ends there and the other colour is left as it is (design §5.1). With
    `Strategy.both_first` both colours are there before the switch. A colour at work that is to have fewer members comes
    after the switch, which has those that go leave their group.
    """
    chosen = strategy(settings.strategy)
    way = chosen.way(settings)
    before.require_way(found, stack.name, settings.active, way)
    if settings.allow_in_place:
        for line in found.in_place:
            pulumi.log.warn(f"{found.holder} is active, and restarts in place: {line}")
    else:
        before.require_beside(found, stack.name, both_first=chosen.both_first)
    platform = PlatformReference()
    where = namespace(stack.name).metadata.name
    image = images["workloads"]
    servers = platform.bootstrap_servers
    colors = chosen.deploy(Site(stack, settings, images, where, servers, kind, found, access))
    topic = Topic("topic", TopicArgs(where, image, servers, settings.topic, settings.partitions, platform.kafka_id))
    Producer(
        "producer",
        ProducerArgs(where, image, servers, settings.strategy, producer_settings(settings)),
        pulumi.ResourceOptions(depends_on=[topic]),
    )
    templates = (settings.analysis.templates if settings.analysis else None) or ()
    spec = chosen.switch_spec(settings, stack)
    sets = [spec[color]["set"] for color in COLORS if "set" in spec[color]]
    controller = Controller(
        "controller",
        ControllerArgs(
            where,
            image,
            servers,
            Access("controller", AccessArgs(where, controller_rules(templates, sets))).account,
            settings.strategy,
            chosen.progress_port,
        ),
    )
    # A scaler's number is given to the pods by the controller, each in its time.
    counted = way is not None and settings.scaling is None
    shrinks = counted and found.has_more(settings.active, settings.replicas_of(settings.active))
    needed: list[pulumi.Input[pulumi.Resource]] = [topic] if shrinks else [colors.color(settings.active, [topic])]
    if chosen.both_first:
        needed.append(colors.color(settings.inactive, [topic]))
    if templates:
        needed += Templates("analysis", TemplatesArgs(where, platform.metrics_url)).all
    switch = Switch(
        "switch",
        SwitchArgs(where, stack.name, settings, spec, access, found, besides),
        pulumi.ResourceOptions(depends_on=[*needed, controller]),
    )
    if shrinks:
        colors.color(settings.active, [topic, switch.checked])
    if not chosen.both_first:
        colors.color(settings.inactive, [topic, switch.checked])
    if settings.page:
        account = Access("page", AccessArgs(where, page_rules())).account
        Page("page", PageArgs(where, image, platform.metrics_url, account, settings.strategy))
    groups = chosen.groups(stack)
    if settings.scaling is not None:
        LagScaler(
            "scaler",
            LagScalerArgs(
                where, stack.name, groups[settings.active], platform.metrics_url, settings.scaling, rests=settings.rests
            ),
            pulumi.ResourceOptions(depends_on=[switch.checked]),
        )
    return {
        "namespace": stack.name,
        "strategy": settings.strategy,
        # The same before and after a switch.
        "group": groups["blue"] if groups["blue"] == groups["green"] else dict(groups),
        "topic": settings.topic,
        **switch.outputs,
    }


def look(
    settings: StrategySettings,
    stack: StackName,
    images: Mapping[str, str],
    access: ClusterAccess,
    platform: Platform,
) -> Before:
    """What the stack's cluster has before the update; raises nothing. See `build_strategy`."""
    chosen = strategy(settings.strategy)
    paths = chosen.parts(settings, stack).at_work.paths(stack.name)

    def stakes(found: Before) -> list[Stake]:
        """Who is switched away from in the same update is changed behind the switch, unless both come first."""
        if found.holder is None or (found.holder != settings.active and not chosen.both_first):
            return []
        site = PlainSite(stack, settings, images, stack.name, platform.bootstrap_servers, platform.kind, found)
        wanted = chosen.restarted_by(site, found.holder).items()
        secrets = consumer_secrets(settings, found.holder)
        hidden = pods.rendered(secrets) if secrets else ""
        return [
            Stake(f"{kind.kind} {name}", kind.path(stack.name, name), digests, hidden)
            for (kind, name), digests in wanted
        ]

    # What may be restarted keeps nothing.
    return before.look(access, stack.name, paths, stakes, keeps=not settings.allow_in_place)

"""Contradictions between keys, and between a key and the stack's name: lines that begin with what is wrong."""

import re
from collections.abc import Iterator
from typing import get_args

from pydantic.alias_generators import to_camel

from components.names import Color
from components.settings.declare import NAMESPACE
from components.settings.models import StrategySettings
from components.settings.platform import PlatformSettings
from components.settings.telling import allowed

#: Of the platform's images, those that only `logs` asks for.
LOG_IMAGES = ("victorialogs", "vlagent")
#: And only `keda`.
KEDA_IMAGES = ("keda", "keda_metrics_apiserver")
_STACK_OF_STRATEGY = re.compile(r"strategy-([a-z])(?:-.+)?")
_ALLOWED_NAMES = "'platform', or 'strategy-<letter>', or 'strategy-<letter>-<name>'"
_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


def of_a_name(stack: str) -> str:
    """What is wrong with a strategy stack's name, whatever its configuration; empty when nothing is."""
    if not _DNS_LABEL.fullmatch(stack):
        return (
            f"stack name {stack!r}: it is also the name of a namespace; allowed: {_ALLOWED_NAMES}, "
            "at most 63 lower case letters, digits and '-', no '-' at either end"
        )
    return "" if _STACK_OF_STRATEGY.fullmatch(stack) else f"stack name {stack!r}: allowed: {_ALLOWED_NAMES}"


def of_the_platform(settings: PlatformSettings) -> Iterator[str]:
    """What contradicts what in the platform's settings."""
    if settings.platform == "sandbox" and settings.images is not None:
        yield f"{NAMESPACE}:images: contradicts platform 'sandbox', which has its own; only for platform 'cluster'"
    if settings.platform == "cluster" and settings.images is None:
        words = allowed(PlatformSettings.model_fields["images"])
        yield f"{NAMESPACE}:images: is required with platform 'cluster'; allowed: {words}"
    if settings.argo and settings.images is not None and settings.images.argo_rollouts is None:
        yield f"{NAMESPACE}:images.argoRollouts: is required with argo: true; allowed: an image reference"
    for wanted, key, wants in ((settings.logs, "logs", LOG_IMAGES), (settings.keda, "keda", KEDA_IMAGES)):
        for name in wants if wanted and settings.images is not None else ():
            if getattr(settings.images, name) is None:
                field = to_camel(name)
                yield f"{NAMESPACE}:images.{field}: is required with {key}: true; allowed: an image reference"
    if settings.alerts and settings.images is not None and settings.images.vmalert is None:
        yield f"{NAMESPACE}:images.vmalert: is required with alerts: true; allowed: an image reference"
    if settings.alertmanager and not settings.alerts:
        yield f"{NAMESPACE}:alertmanager: contradicts alerts: false, with which nothing is sent; only with alerts: true"


def of_a_strategy(settings: StrategySettings, stack: str) -> Iterator[str]:
    """What contradicts what in a strategy's settings, for a stack of this name."""
    named = _STACK_OF_STRATEGY.fullmatch(stack)
    if named and named[1] != settings.strategy:
        yield (
            f"{NAMESPACE}:strategy: {settings.strategy!r} contradicts the stack's name; "
            f"allowed in {stack}: {named[1]!r}"
        )
    if settings.replicas > settings.partitions:
        yield (
            f"{NAMESPACE}:replicas: {settings.replicas} contradicts partitions: {settings.partitions}; "
            "at most one pod for each partition, another would have nothing to do"
        )
    yield from _of_the_producer(settings)
    for color in get_args(Color):
        yield from _of_a_color(settings, color)
    yield from settings.contradictions()


def _of_the_producer(settings: StrategySettings) -> Iterator[str]:
    chosen = settings.producer.partitions
    if len(set(chosen)) != len(chosen):
        yield f"{NAMESPACE}:producer.partitions: {list(chosen)} names a partition twice; allowed: each once"
    if beyond := sorted({number for number in chosen if number >= settings.partitions}):
        yield (
            f"{NAMESPACE}:producer.partitions: {beyond} contradicts partitions: {settings.partitions}; "
            f"allowed: 0 to {settings.partitions - 1}"
        )


def _of_a_color(settings: StrategySettings, color: Color) -> Iterator[str]:
    replicas = settings.replicas_of(color)
    if replicas > settings.partitions and replicas != settings.replicas:
        yield (
            f"{NAMESPACE}:{color}.replicas: {replicas} contradicts partitions: {settings.partitions}; "
            "at most one pod for each partition, another would have nothing to do"
        )
    elif replicas not in {0, settings.replicas} and not settings.numbers_may_differ:
        yield (
            f"{NAMESPACE}:{color}.replicas: {replicas} contradicts replicas: {settings.replicas}; "
            f"allowed: {settings.replicas} (the common number), or 0 for the colour that is not active"
        )
    if replicas == 0 and settings.active == color:
        yield f"{NAMESPACE}:{color}.replicas: 0 contradicts active: {color}; only the other colour can have 0 pods"

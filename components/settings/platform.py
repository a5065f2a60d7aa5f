"""The settings of the stack `platform`: the one kind of stack that has no strategy, and stands for all of them."""

from typing import Literal

from pydantic import Field

from components.settings import registry
from components.settings.declare import Section
from components.settings.models import OF_IMAGES
from components.settings.types import Address, BrokerConfig, ImageName, Stacks


def _one_of_each_strategy() -> tuple[str, ...]:
    """The stacks that are named after a strategy and nothing else."""
    return tuple(f"strategy-{letter}" for letter in registry.models())


class PlatformImages(Section):
    """Images of the platform, for `platform: cluster`: what a key asks for only with that key."""

    kafka: ImageName
    victoriametrics: ImageName
    argo_rollouts: ImageName | None = None
    victorialogs: ImageName | None = None
    vlagent: ImageName | None = None
    vmalert: ImageName | None = None
    keda: ImageName | None = None
    keda_metrics_apiserver: ImageName | None = None


class PlatformSettings(Section):
    """The settings of the stack `platform`. images: None in the sandbox, which has its own."""

    platform: Literal["sandbox", "cluster"] = Field(default="sandbox", description="which parts are installed how")
    images: PlatformImages | None = Field(default=None, description=OF_IMAGES)
    argo: bool = Field(
        default=False,
        description="whether there is the controller of Argo Rollouts, for analysis.templates of the strategies' "
        "stacks; it judges AnalysisRuns and nothing else, and asks for 20m of CPU and 96Mi of memory",
    )
    keda: bool = Field(
        default=False,
        description="whether there is KEDA, for a stack's scaler: its operator and its metrics API server, which ask "
        "for 40m of CPU and 160Mi of memory; not where the cluster has one, for there can be no second",
    )
    kafka_config: BrokerConfig = Field(
        default_factory=dict,
        description="settings of the broker in place of those in components/files/kafka/server.properties; a change "
        "restarts it",
    )
    logs: bool = Field(
        default=False,
        description="whether the logs of this project's pods are collected and kept for three days, to be searched by "
        "field; costs a pod with 3 GiB of disk, and one on each node that reads the nodes' pod logs",
    )
    dashboards: Stacks = Field(
        default_factory=_one_of_each_strategy,
        description="the stacks that vmui has a dashboard of; Grafana's has a list to choose from",
    )
    alerts: bool = Field(
        default=False,
        description="vmalert evaluates the alerts every 5 s, which takes a pod of 25m CPU and 32 Mi, and with logs one "
        "more for those on log lines; in the sandbox it is compiled for it",
    )
    alertmanager: Address = Field(default="", description="where vmalert sends alerts; they are only shown without it")

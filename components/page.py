"""The switch page: one pod that shows a stack's switch to whoever may reach its Service, and changes nothing."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ContainerPortArgs, PodSpecArgs

from components import names, pods
from components.stateless import StatelessArgs, configured, service

_PORT_NAME = "http"


@dataclass(frozen=True)
class PageArgs:
    """service_account: one with `access.page_rules`. metrics_url: of a store that speaks Prometheus' HTTP API; empty
    for none.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    metrics_url: pulumi.Input[str]
    service_account: pulumi.Input[str]
    strategy: str


class Page(pulumi.ComponentResource):
    """The Deployment `page` behind a Service of its name, within the cluster. It asks for no password: who may reach
    it, by `kubectl port-forward` or an Ingress, is the cluster's to say.
    """

    def __init__(self, name: str, args: PageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Page", name, None, opts)
        labels = {**names.labels(names.PAGE), names.STRATEGY_LABEL: args.strategy}
        settings = pulumi.Output.from_input(args.metrics_url).apply(
            lambda url: pods.rendered(
                {
                    "switch_name": names.SWITCH_NAME,
                    "lease_name": names.LEASE_NAME,
                    "metrics_url": url,
                    "http_port": names.HTTP_PORT,
                }
            )
        )
        stateless = StatelessArgs(names.PAGE, args.namespace, labels, _pod(args), names.HTTP_PORT)
        self.service = service(name, stateless, 80, _PORT_NAME, parent=self)
        self.config, self.deployment = configured(name, stateless, settings, parent=self)
        self.register_outputs({"deployment": self.deployment.metadata.name})


def _pod(args: PageArgs) -> PodSpecArgs:
    page = pods.program(
        names.PAGE,
        args.image,
        env=pods.identity(),
        ports=[ContainerPortArgs(name=_PORT_NAME, container_port=names.HTTP_PORT)],
        startup_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=1, failures=60),
        readiness_probe=pods.http_probe("/readyz", names.HTTP_PORT, period=2, failures=3),
        liveness_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=10, failures=4, timeout=3),
        resources=pods.resources("20m", "64Mi", "192Mi"),
        mounts=[pods.mount("settings", names.SETTINGS_DIRECTORY, read_only=True)],
    )
    return pods.pod(
        [page],
        volumes=[pods.config_volume("settings", names.PAGE)],
        service_account_name=args.service_account,
        automount_service_account_token=True,
        termination_grace_period_seconds=5,
    )

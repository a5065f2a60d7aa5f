"""vmalert, for who wants the alerts evaluated here: the rules (`rules`) against the metrics store, which gets what they
are as series, too (`ALERTS`); and one more, where there is a log store, for the rules on log lines (`log_rules`): a
vmalert asks one store.

Prometheus takes the same file, `files/alerts.yaml`.
"""

from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_kubernetes.core.v1 import ContainerPortArgs, PodSpecArgs

from components import names, pods
from components.stateless import StatelessArgs, configured, service

RULES = Path(__file__).with_name("files") / "alerts.yaml"
LOG_RULES = RULES.with_name("log-alerts.yaml")
#: Where it is inside the cluster.
URL = f"http://{names.ALERTS}.{names.PLATFORM_NAMESPACE}.svc.cluster.local:{names.ALERTS_PORT}"
_CONFIG = "/etc/vmalert"
_UID = 10001


@dataclass(frozen=True)
class AlertsArgs:
    """namespace: where. image: of vmalert, started by its own entry point. store: the metrics store's address.
    alertmanager: where alerts are sent; empty: nowhere, they are only shown. logs: the log store's address, for the
    rules on log lines; None: those on metrics.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    store: pulumi.Input[str]
    alertmanager: str = ""
    logs: pulumi.Input[str] | None = None

    @property
    def app(self) -> str:
        """The name of the Deployment and all that is its own."""
        return names.ALERTS if self.logs is None else names.LOG_ALERTS

    @property
    def rules(self) -> Path:
        """The rule file."""
        return RULES if self.logs is None else LOG_RULES


class Alerts(pulumi.ComponentResource):
    """vmalert behind the Service `vmalert`, whose page and API vmui shows as its own; or behind `vmalert-logs`."""

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Alerts", name, None, opts)
        stateless = StatelessArgs(
            name=args.app,
            namespace=args.namespace,
            labels=names.labels(args.app),
            pod=_pod(args),
            port=names.ALERTS_PORT,
            file=args.rules.name,
            every="5s",
        )
        self.service = service(name, stateless, names.ALERTS_PORT, "metrics", parent=self)
        rules = pulumi.Output.from_input(args.rules.read_text(encoding="utf-8"))
        self.config, self.deployment = configured(name, stateless, rules, parent=self)
        self.register_outputs({})


def flags(store: str, rules: str, listen: str, alertmanager: str = "", asked: str = "") -> list[str]:
    """vmalert's. store: the metrics store's address. rules: the file. listen: address and port of its own. asked: the
    address of the store that the rules ask, where that is another one.
    """
    return [
        f"-httpListenAddr={listen}",
        f"-rule={rules}",
        f"-datasource.url={asked or store}",
        # Where an alert is kept while it is pending or raised, for the next process and for queries.
        f"-remoteWrite.url={store}",
        f"-remoteRead.url={store}",
        f"-notifier.url={alertmanager}" if alertmanager else "-notifier.blackhole",
        # Our store has what it was told a moment ago, and series that are gone are marked as such: nothing is gained by
        # looking half a minute back, or by taking values of five minutes ago for those of now.
        "-rule.evalDelay=0s",
        "-datasource.queryStep=15s",
    ]


def _pod(args: AlertsArgs) -> PodSpecArgs:
    listen, file = f":{names.ALERTS_PORT}", f"{_CONFIG}/{args.rules.name}"
    alerts = pods.container(
        names.ALERTS,
        args.image,
        args=pulumi.Output.all(args.store, args.logs or "").apply(
            lambda urls: flags(urls[0], file, listen, args.alertmanager, urls[1])
        ),
        ports=[ContainerPortArgs(name="metrics", container_port=names.ALERTS_PORT)],
        readiness_probe=pods.http_probe("/health", names.ALERTS_PORT, period=1, failures=3),
        liveness_probe=pods.http_probe("/health", names.ALERTS_PORT, period=10, failures=6, timeout=5),
        resources=pods.resources("25m", "32Mi", "128Mi"),
        mounts=[pods.mount("config", _CONFIG, read_only=True)],
    )
    return pods.pod([alerts], volumes=[pods.config_volume("config", args.app)], uid=_UID)

"""One colour: a StatefulSet of consumers, each with its sidecar.

The sidecar is a native one (an init container that restarts always): it starts before the consumer and outlives its
drain, so that it can still report what the drain came to. It alone has a token for the API server; the consumer beside
it, which runs the application's code, has none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.core.v1 import (
    ConfigMapProjectionArgs,
    ContainerArgs,
    ContainerPortArgs,
    DownwardAPIProjectionArgs,
    DownwardAPIVolumeFileArgs,
    EnvVarArgs,
    KeyToPathArgs,
    ObjectFieldSelectorArgs,
    PodSpecArgs,
    ProjectedVolumeSourceArgs,
    ServiceAccountTokenProjectionArgs,
    VolumeArgs,
    VolumeProjectionArgs,
)

from components import names, pods
from components.restarts import Digests
from components.sidecar import sidecar
from components.stateful import StatefulArgs, configured, restarted_by

_TOKEN_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - where client libraries look for it
_LIVENESS_PERIOD = 5
_GRACE_AFTER_DRAIN = 5


@dataclass(frozen=True)
class ConsumerSetArgs:
    """color: `blue` or `green`. settings: the consumer's, but for the broker's address. Timeouts in seconds.

    image: the application's, of this version; nothing but the consumer runs it. sidecar_image: this project's.
    service_account: one that may watch the Lease and report on its own pod.
    """

    namespace: pulumi.Input[str]
    image: str
    sidecar_image: str
    version: str
    bootstrap_servers: pulumi.Input[str]
    service_account: pulumi.Input[str]
    color: str
    strategy: str
    replicas: int
    drain_timeout_seconds: int
    resume_timeout_seconds: int
    settings: Mapping[str, object] = field(default_factory=dict)
    storage: str = "10Gi"


class ConsumerSet(pulumi.ComponentResource):
    """The StatefulSet `consumer-<color>` with its settings and a volume of records for each pod."""

    def __init__(self, name: str, args: ConsumerSetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:ConsumerSet", name, None, opts)
        settings = pulumi.Output.from_input(args.bootstrap_servers).apply(lambda servers: _settings(args, servers))
        self.config, self.service, self.stateful_set = configured(name, _stateful(args), settings, parent=self)
        self.register_outputs({"statefulSet": self.stateful_set.metadata.name})


def of_consumers(args: ConsumerSetArgs, bootstrap_servers: str) -> Digests:
    """By what a set of these arguments restarts its pods. Registers nothing."""
    return restarted_by(_stateful(args), _settings(args, bootstrap_servers))


def _settings(args: ConsumerSetArgs, bootstrap_servers: str) -> str:
    return pods.rendered({**args.settings, "bootstrap_servers": bootstrap_servers})


def _stateful(args: ConsumerSetArgs) -> StatefulArgs:
    set_name = names.consumer_set(args.color)
    selector = names.consumer_selector(args.color)
    return StatefulArgs(
        name=set_name,
        namespace=args.namespace,
        labels={**names.labels(names.CONSUMER), **selector, names.STRATEGY_LABEL: args.strategy},
        selector=selector,
        pod=_pod(args, set_name),
        claim="records",
        storage=args.storage,
        port=names.HTTP_PORT,
        annotations=pods.application(args.version, args.image),
        replicas=args.replicas,
    )


def _pod(args: ConsumerSetArgs, config_map: str) -> PodSpecArgs:
    return pods.pod(
        [_consumer(args)],
        init_containers=[_sidecar(args)],
        volumes=[pods.config_volume("settings", config_map), _token_volume()],
        service_account_name=args.service_account,
        termination_grace_period_seconds=args.drain_timeout_seconds + _GRACE_AFTER_DRAIN,
    )


def _sidecar(args: ConsumerSetArgs) -> ContainerArgs:
    return sidecar(
        args.sidecar_image,
        args.color,
        port_name="metrics-sidecar",
        restart_policy="Always",
        resources=pods.resources("20m", "48Mi", "192Mi"),
        mounts=[pods.mount("token", _TOKEN_DIRECTORY, read_only=True)],
    )


def _consumer(args: ConsumerSetArgs) -> ContainerArgs:
    slowest = max(args.drain_timeout_seconds, args.resume_timeout_seconds)
    return pods.program(
        names.CONSUMER,
        args.image,
        # In the environment, not in its settings: a version from before this was there refuses a key it does not know.
        env=[*pods.identity(), EnvVarArgs(name="APPLICATION_IMAGE", value=args.image)],
        ports=[ContainerPortArgs(name="metrics", container_port=names.HTTP_PORT)],
        startup_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=1, failures=60),
        readiness_probe=pods.http_probe("/readyz", names.HTTP_PORT, period=1, failures=3),
        # A consumer that hangs is first a failed switch, then a restarted container: not the other way round.
        liveness_probe=pods.http_probe(
            "/healthz",
            names.HTTP_PORT,
            period=_LIVENESS_PERIOD,
            failures=pods.liveness_failures(slowest, _LIVENESS_PERIOD),
            timeout=3,
        ),
        resources=pods.resources("50m", "64Mi", "384Mi"),
        mounts=[
            pods.mount("settings", names.SETTINGS_DIRECTORY, read_only=True),
            pods.mount("records", names.RECORDS_DIRECTORY),
        ],
    )


def _token_volume() -> VolumeArgs:
    """What an automounted token volume holds, but for one container: the others do not mount it."""
    return VolumeArgs(
        name="token",
        projected=ProjectedVolumeSourceArgs(
            sources=[
                VolumeProjectionArgs(
                    service_account_token=ServiceAccountTokenProjectionArgs(path="token", expiration_seconds=3600)
                ),
                VolumeProjectionArgs(
                    config_map=ConfigMapProjectionArgs(
                        name="kube-root-ca.crt", items=[KeyToPathArgs(key="ca.crt", path="ca.crt")]
                    )
                ),
                VolumeProjectionArgs(
                    downward_api=DownwardAPIProjectionArgs(
                        items=[
                            DownwardAPIVolumeFileArgs(
                                path="namespace", field_ref=ObjectFieldSelectorArgs(field_path="metadata.namespace")
                            )
                        ]
                    )
                ),
            ]
        ),
    )

"""One colour: a StatefulSet of consumers, each with its sidecar.

The sidecar is a native one (an init container that restarts always): it starts before the consumer and outlives its
drain, so that it can still report what the drain came to. It alone has a token for the API server; the consumer beside
it, which runs the application's code, has none.

What of the consumer's settings is a secret is in a Secret, which its pods see as a file beside the others. It is never
changed: another secret is another Secret, of another name, and its name stands in the pods' template. So the colour's
pods roll with it, and nothing that everybody may read is computed from it, as a hash would be, by which a short one
could be guessed.
"""

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
    Secret,
    SecretProjectionArgs,
    ServiceAccountTokenProjectionArgs,
    VolumeArgs,
    VolumeProjectionArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import application, names, pods
from components.restarts import Digests
from components.settings.application import Application
from components.sidecar import sidecar
from components.stateful import StatefulArgs, configured, restarted_by

_TOKEN_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - where client libraries look for it
_LIVENESS_PERIOD = 5
_GRACE_AFTER_DRAIN = 5
_FOR_THE_GROUP = 0o440


@dataclass(frozen=True)
class ConsumerSetArgs:
    """color: `blue` or `green`. settings: the consumer's, but for the broker's address. secrets: further ones, which
    nobody may see. Timeouts in seconds.

    image: the application's, of this version; nothing but the consumer runs it. application: how, where it is not this
    project's. sidecar_image: this project's. scaled: `replicas` is the number to begin with, and the controller's after
    that.
    service_account: one that may watch the Lease and report on its own pod.

    More than a dozen attributes: a pod of two containers, its settings and its set, each as the stack has them.
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
    secrets: Mapping[str, object] = field(default_factory=dict, repr=False)
    storage: str = "10Gi"
    application: Application | None = None
    scaled: bool = False


class ConsumerSet(pulumi.ComponentResource):
    """The StatefulSet `consumer-<color>` with its settings and a volume of records for each pod."""

    def __init__(self, name: str, args: ConsumerSetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:ConsumerSet", name, None, opts)
        settings = pulumi.Output.from_input(args.bootstrap_servers).apply(lambda servers: _settings(args, servers))
        self.secret = _secret(name, args, self) if args.secrets else None
        secret = None if self.secret is None else self.secret.metadata.name
        self.config, self.service, self.stateful_set = configured(name, _stateful(args, secret), settings, parent=self)
        self.register_outputs({"statefulSet": self.stateful_set.metadata.name})


def of_consumers(args: ConsumerSetArgs, bootstrap_servers: str) -> Digests:
    """By what a set of these arguments restarts its pods, but for another value of a secret. Registers nothing."""
    return restarted_by(_stateful(args, "" if args.secrets else None), _settings(args, bootstrap_servers))


def _settings(args: ConsumerSetArgs, bootstrap_servers: str) -> str:
    return pods.rendered({**args.settings, "bootstrap_servers": bootstrap_servers})


def _labels(args: ConsumerSetArgs) -> dict[str, str]:
    return {
        **names.labels(names.CONSUMER),
        **names.consumer_selector(args.color),
        names.STRATEGY_LABEL: args.strategy,
    }


def _stateful(args: ConsumerSetArgs, secret: pulumi.Input[str] | None) -> StatefulArgs:
    """secret: the name of the Secret that the consumers see; None: there is none."""
    set_name = names.consumer_set(args.color)
    return StatefulArgs(
        name=set_name,
        namespace=args.namespace,
        labels=_labels(args),
        selector=names.consumer_selector(args.color),
        pod=_pod(args, _settings_volume(set_name, secret)),
        claim="records",
        storage=args.storage,
        port=names.HTTP_PORT,
        annotations=pods.application(args.version, args.image),
        replicas=args.replicas,
        scaled=args.scaled,
    )


def _secret(name: str, args: ConsumerSetArgs, parent: pulumi.Resource) -> Secret:
    """A Secret with the secrets, whose name Pulumi makes."""
    return Secret(
        name,
        metadata=ObjectMetaArgs(namespace=args.namespace, labels=_labels(args)),
        immutable=True,
        string_data={names.SECRETS_FILE: pulumi.Output.secret(pods.rendered(args.secrets))},
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _settings_volume(config_map: str, secret: pulumi.Input[str] | None) -> VolumeArgs:
    """The settings file, and beside it the one of secrets if there is one."""
    if secret is None:
        return pods.config_volume("settings", config_map)
    items = [KeyToPathArgs(key=names.SECRETS_FILE, path=names.SECRETS_FILE, mode=_FOR_THE_GROUP)]
    return VolumeArgs(
        name="settings",
        projected=ProjectedVolumeSourceArgs(
            sources=[
                VolumeProjectionArgs(config_map=ConfigMapProjectionArgs(name=config_map)),
                VolumeProjectionArgs(secret=SecretProjectionArgs(name=secret, items=items)),
            ]
        ),
    )


def _pod(args: ConsumerSetArgs, settings: VolumeArgs) -> PodSpecArgs:
    return pods.pod(
        [_consumer(args)],
        init_containers=[_sidecar(args)],
        volumes=[settings, _token_volume(), *application.volumes(_application(args))],
        uid=_application(args).uid,
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
    own = _application(args)
    # In the environment, not in its settings: a version from before this was there refuses a key it does not know.
    env = [*pods.identity(), EnvVarArgs(name="APPLICATION_IMAGE", value=args.image)]
    if args.application is not None:
        env += application.environment(own, args.settings, args.bootstrap_servers)
    return pods.container(
        names.CONSUMER,
        args.image,
        command=list(own.command) or None,
        env=env,
        ports=[ContainerPortArgs(name="metrics", container_port=names.HTTP_PORT), *application.ports(own)],
        startup_probe=pods.http_probe(own.alive_path, names.HTTP_PORT, period=1, failures=own.startup_seconds),
        readiness_probe=pods.http_probe(own.ready_path, names.HTTP_PORT, period=1, failures=3),
        # A consumer that hangs is first a failed switch, then a restarted container: not the other way round.
        liveness_probe=pods.http_probe(
            own.alive_path,
            names.HTTP_PORT,
            period=_LIVENESS_PERIOD,
            failures=pods.liveness_failures(slowest, _LIVENESS_PERIOD),
            timeout=3,
        ),
        resources=pods.resources(own.cpu, own.memory, own.memory_limit),
        writable=own.writable,
        mounts=[
            pods.mount("settings", names.SETTINGS_DIRECTORY, read_only=True),
            pods.mount("records", names.RECORDS_DIRECTORY),
            *application.mounts(own),
        ],
    )


def _application(args: ConsumerSetArgs) -> Application:
    """How it is run: as it says, or as this project's consumer."""
    return args.application or Application(command=("python3", "-m", f"workloads.{names.CONSUMER}"))


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

"""The controller that carries out switches: the only writer of the Lease and of the switch's status."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ContainerPortArgs, PodSpecArgs

from components import names, pods
from components.stateless import StatelessArgs, configured


@dataclass(frozen=True)
class ControllerArgs:
    """service_account: one with `access.controller_rules`. progress_port: where members tell what they have handled.
    The controller acts in its own namespace only.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    bootstrap_servers: pulumi.Input[str]
    service_account: pulumi.Input[str]
    strategy: str
    progress_port: int


class Controller(pulumi.ComponentResource):
    """The Deployment `controller`. While two of them run, as during a rollout, the Lease's resourceVersion decides
    between them.
    """

    def __init__(self, name: str, args: ControllerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Controller", name, None, opts)
        labels = {**names.labels(names.CONTROLLER), names.STRATEGY_LABEL: args.strategy}
        settings = pulumi.Output.from_input(args.bootstrap_servers).apply(
            lambda servers: pods.rendered(
                {
                    "bootstrap_servers": servers,
                    "switch_name": names.SWITCH_NAME,
                    "http_port": names.HTTP_PORT,
                    "progress_port": args.progress_port,
                }
            )
        )
        self.config, self.deployment = configured(
            name,
            StatelessArgs(names.CONTROLLER, args.namespace, labels, _pod(args), names.HTTP_PORT),
            settings,
            parent=self,
        )
        self.register_outputs({"deployment": self.deployment.metadata.name})


def _pod(args: ControllerArgs) -> PodSpecArgs:
    controller = pods.program(
        names.CONTROLLER,
        args.image,
        env=pods.identity(),
        ports=[ContainerPortArgs(name="metrics", container_port=names.HTTP_PORT)],
        startup_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=1, failures=60),
        readiness_probe=pods.http_probe("/readyz", names.HTTP_PORT, period=1, failures=3),
        liveness_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=5, failures=4, timeout=3),
        resources=pods.resources("50m", "64Mi", "256Mi"),
        mounts=[pods.mount("settings", names.SETTINGS_DIRECTORY, read_only=True)],
    )
    return pods.pod(
        [controller],
        volumes=[pods.config_volume("settings", names.CONTROLLER)],
        service_account_name=args.service_account,
        automount_service_account_token=True,
        # Nothing to finish: what it knows is in the Lease.
        termination_grace_period_seconds=5,
    )

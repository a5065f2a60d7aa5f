"""The stand-in for Strimzi's operator: for the sandbox, which cannot have the real one, and for nothing else."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ContainerPortArgs, PodSpecArgs

from components import connect_names as connect
from components import names, pods
from components.stateless import StatelessArgs, configured

_PROGRAM = "connect_operator"


@dataclass(frozen=True)
class OperatorArgs:
    """service_account: one with `access.operator_rules`. workers_image: of Connect workers that name none.

    It looks after its own namespace only.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    workers_image: pulumi.Input[str]
    service_account: pulumi.Input[str]
    strategy: str


class StandInOperator(pulumi.ComponentResource):
    """The Deployment `connect-operator`. Never two at a time: each would have a lock of its own."""

    def __init__(self, name: str, args: OperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:StandInOperator", name, None, opts)
        labels = {**names.labels(connect.OPERATOR), names.STRATEGY_LABEL: args.strategy}
        settings = pulumi.Output.from_input(args.workers_image).apply(
            lambda image: pods.rendered({"default_image": image, "http_port": names.HTTP_PORT})
        )
        self.config, self.deployment = configured(
            name,
            StatelessArgs(connect.OPERATOR, args.namespace, labels, _pod(args), names.HTTP_PORT, alone=True),
            settings,
            parent=self,
        )
        self.register_outputs({"deployment": self.deployment.metadata.name})


def _pod(args: OperatorArgs) -> PodSpecArgs:
    operator = pods.container(
        connect.OPERATOR,
        args.image,
        command=["python3", "-m", f"workloads.{_PROGRAM}"],
        env=pods.identity(),
        ports=[ContainerPortArgs(name="metrics", container_port=names.HTTP_PORT)],
        startup_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=1, failures=60),
        readiness_probe=pods.http_probe("/readyz", names.HTTP_PORT, period=1, failures=3),
        liveness_probe=pods.http_probe("/healthz", names.HTTP_PORT, period=5, failures=6, timeout=3),
        resources=pods.resources("30m", "64Mi", "256Mi"),
        mounts=[pods.mount("settings", names.SETTINGS_DIRECTORY, read_only=True)],
    )
    return pods.pod(
        [operator],
        volumes=[pods.config_volume("settings", connect.OPERATOR)],
        service_account_name=args.service_account,
        automount_service_account_token=True,
        termination_grace_period_seconds=5,
    )

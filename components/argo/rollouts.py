"""The controller of Argo Rollouts on the platform: it measures what AnalysisRuns ask for, in every namespace, and no
more.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import ContainerPortArgs, PodSpecArgs, PodTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs

from components import names, pods
from components.argo import crds
from components.crd import installed
from components.observability.reader import reader

NAME = "argo-rollouts"
_CLUSTER_NAME = "kafka-bluegreen-argo-rollouts"
_GROUP = crds.GROUP_VERSION.partition("/")[0]
_RBAC = "rbac.authorization.k8s.io"
_UID = 999  # of upstream's image
_HEALTH_PORT, _METRICS_PORT = 8080, 8090
_WATCHED = ["list", "watch"]


def cluster_rules() -> list[PolicyRuleArgs]:
    """In every namespace: AnalysisRuns to read, their results to write, and to delete when their time to live is over;
    templates, and the Jobs of AnalysisRuns with their pods, to be watched, without which it does not begin; events to
    tell. No Secrets, no Jobs of its own, no Rollouts.
    """
    return [
        PolicyRuleArgs(
            api_groups=[_GROUP], resources=["analysisruns"], verbs=["get", *_WATCHED, "patch", "update", "delete"]
        ),
        PolicyRuleArgs(
            api_groups=[_GROUP], resources=["analysistemplates", "clusteranalysistemplates"], verbs=_WATCHED
        ),
        PolicyRuleArgs(api_groups=["batch"], resources=["jobs"], verbs=_WATCHED),
        PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=_WATCHED),
        PolicyRuleArgs(api_groups=[""], resources=["events"], verbs=["create", "patch"]),
    ]


def own_rules() -> list[PolicyRuleArgs]:
    """In its own namespace: its configuration, which it asks for by name; there is none."""
    return [
        PolicyRuleArgs(
            api_groups=[""], resources=["configmaps"], resource_names=["argo-rollouts-config"], verbs=["get"]
        )
    ]


@dataclass(frozen=True)
class ArgoRolloutsArgs:
    """namespace: where. image: the release's controller, with its program as entry point."""

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]


class ArgoRollouts(pulumi.ComponentResource):
    """The definitions of its kinds that analysis needs, and the Deployment `argo-rollouts`."""

    def __init__(self, name: str, args: ArgoRolloutsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:ArgoRollouts", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = names.labels(NAME)
        # Whoever takes the controller away keeps his templates, and the runs that say what they have judged.
        self.definitions = installed(crds.definitions(), parent=self)
        metadata = ObjectMetaArgs(name=NAME, namespace=args.namespace, labels=labels)
        account, _, everywhere = reader(
            name, metadata, ObjectMetaArgs(name=_CLUSTER_NAME, labels=labels), cluster_rules(), opts=child
        )
        role = Role(name, metadata=metadata, rules=own_rules(), opts=child)
        here = RoleBinding(
            name,
            metadata=metadata,
            role_ref=RoleRefArgs(api_group=_RBAC, kind="Role", name=role.metadata.name),
            subjects=[SubjectArgs(kind="ServiceAccount", name=account.metadata.name, namespace=args.namespace)],
            opts=child,
        )
        self.deployment = Deployment(
            name,
            metadata=metadata,
            spec=DeploymentSpecArgs(
                replicas=1,
                # One at a time, so that none of them has to be elected.
                strategy=DeploymentStrategyArgs(type="Recreate"),
                selector=LabelSelectorArgs(match_labels={names.NAME_LABEL: NAME}),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(labels=labels, annotations=pods.scraping(_METRICS_PORT, "5s")),
                    spec=_pod(args.image, account.metadata.name),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[*self.definitions, everywhere, here], custom_timeouts=pods.ROLLOUT_TIMEOUTS
            ),
        )
        self.register_outputs({"deployment": self.deployment.metadata.name})


def _pod(image: pulumi.Input[str], account: pulumi.Input[str]) -> PodSpecArgs:
    controller = pods.container(
        NAME,
        image,
        args=[
            "--controllers=analysis",
            "--leader-elect=false",
            "--analysis-threads=4",
            f"--healthzPort={_HEALTH_PORT}",
            f"--metricsPort={_METRICS_PORT}",
        ],
        env=[variable for variable in pods.identity() if variable.name == "POD_NAMESPACE"],
        ports=[
            ContainerPortArgs(name="healthz", container_port=_HEALTH_PORT),
            ContainerPortArgs(name="metrics", container_port=_METRICS_PORT),
        ],
        readiness_probe=pods.http_probe("/healthz", _HEALTH_PORT, period=1, failures=3),
        liveness_probe=pods.http_probe("/healthz", _HEALTH_PORT, period=10, failures=6, timeout=5),
        resources=pods.resources("20m", "96Mi", "256Mi"),
    )
    return pods.pod(
        [controller],
        uid=_UID,
        service_account_name=account,
        automount_service_account_token=True,
    )

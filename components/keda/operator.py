"""KEDA on the platform: its operator, which asks the metrics store, and its metrics API server, through which the
cluster's own horizontal autoscaler asks it.

Both are in a namespace of their own, whose Secrets the operator may read and write: it makes the certificates there by
which the two know each other, and the API server knows them. What it may scale are KafkaConsumerSwitches, and nothing
else; Secrets of the other namespaces it does not see.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiregistration.v1 import APIService, APIServiceSpecArgs, ServiceReferenceArgs
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    EnvVarArgs,
    HTTPGetActionArgs,
    KeyToPathArgs,
    Namespace,
    PodTemplateSpecArgs,
    ProbeArgs,
    SecretVolumeSourceArgs,
    Service,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRuleArgs,
    Role,
    RoleBinding,
    RoleRefArgs,
    SubjectArgs,
)

from components import names, pods
from components.crd import installed
from components.keda import crds
from components.observability.reader import reader

OPERATOR = "keda-operator"
METRICS_SERVER = "keda-metrics-apiserver"
_CLUSTER_NAME = "kafka-bluegreen-keda"
_METRICS_API = "v1beta1.external.metrics.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_SECRET, _CERTIFICATES = "kedaorg-certs", "/certs"
_UID = 65532  # of upstream's images
_PROBES, _METRICS, _ANSWERS, _SECURE = 8081, 8080, 9666, 6443
_READ = ["get", "list", "watch"]
_WRITE = [*_READ, "patch", "update"]


def operator_rules() -> list[PolicyRuleArgs]:
    """In every namespace: ScaledObjects, the autoscalers that it makes, switches to look at and their scale to write;
    the one registration of the metrics API, into which it writes its certificate; events to tell. The others of its
    kinds it watches, without which it does not begin, and does nothing about them.
    """
    watched = ["clustertriggerauthentications", "scaledjobs", "triggerauthentications"]
    events = ["cloudeventsources", "clustercloudeventsources"]
    return [
        PolicyRuleArgs(
            api_groups=["keda.sh"],
            resources=["scaledobjects", "scaledobjects/finalizers", "scaledobjects/status"],
            verbs=_WRITE,
        ),
        PolicyRuleArgs(api_groups=["keda.sh"], resources=watched, verbs=_READ),
        PolicyRuleArgs(api_groups=["eventing.keda.sh"], resources=events, verbs=_READ),
        PolicyRuleArgs(
            api_groups=["autoscaling"], resources=["horizontalpodautoscalers"], verbs=[*_WRITE, "create", "delete"]
        ),
        PolicyRuleArgs(api_groups=[names.GROUP], resources=[names.SWITCH_PLURAL], verbs=["get"]),
        PolicyRuleArgs(
            api_groups=[names.GROUP], resources=[f"{names.SWITCH_PLURAL}/scale"], verbs=["get", "patch", "update"]
        ),
        PolicyRuleArgs(api_groups=["apiregistration.k8s.io"], resources=["apiservices"], verbs=_READ),
        PolicyRuleArgs(
            api_groups=["apiregistration.k8s.io"],
            resources=["apiservices"],
            resource_names=[_METRICS_API],
            verbs=["patch", "update"],
        ),
        PolicyRuleArgs(api_groups=["", "events.k8s.io"], resources=["events"], verbs=["create", "patch"]),
    ]


def own_rules() -> list[PolicyRuleArgs]:
    """In its own namespace, which has no others: the Secret of its certificates. No Lease: none is elected."""
    return [PolicyRuleArgs(api_groups=[""], resources=["secrets"], verbs=[*_WRITE, "create"])]


def server_rules() -> list[PolicyRuleArgs]:
    """The metrics API server looks at the objects whose metrics it is asked for."""
    return [PolicyRuleArgs(api_groups=["keda.sh"], resources=["scaledobjects"], verbs=_READ)]


@dataclass(frozen=True)
class KedaArgs:
    """images: the release's, with their programs as entry points: the operator's, the metrics API server's."""

    operator_image: pulumi.Input[str]
    server_image: pulumi.Input[str]


class Keda(pulumi.ComponentResource):
    """The definitions of its kinds, and the Deployments `keda-operator` and `keda-metrics-apiserver`."""

    def __init__(self, name: str, args: KedaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Keda", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        # Not of this project by its label, which is what a strategy's namespace has: see `LogCollector`.
        self.namespace = Namespace(
            name,
            metadata=ObjectMetaArgs(
                name=names.KEDA_NAMESPACE, labels={"pod-security.kubernetes.io/enforce": "restricted"}
            ),
            opts=self._child,
        )
        # Whoever takes the operator away keeps what he has written, and what others scale by it.
        self.definitions = installed(crds.definitions(), parent=self)
        operator = self._operator(args.operator_image)
        self._server(args.server_image, operator)
        self.register_outputs({"namespace": self.namespace.metadata.name})

    def _metadata(self, name: str) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=name, namespace=self.namespace.metadata.name, labels=names.labels(name))

    def _operator(self, image: pulumi.Input[str]) -> Deployment:
        metadata = self._metadata(OPERATOR)
        role = ObjectMetaArgs(name=_CLUSTER_NAME, labels=names.labels(OPERATOR))
        account, _, everywhere = reader(OPERATOR, metadata, role, operator_rules(), opts=self._child)
        own = Role(OPERATOR, metadata=metadata, rules=own_rules(), opts=self._child)
        here = RoleBinding(
            OPERATOR,
            metadata=metadata,
            role_ref=RoleRefArgs(api_group=_RBAC, kind="Role", name=own.metadata.name),
            subjects=[self._subject(account.metadata.name)],
            opts=self._child,
        )
        container = pods.container(
            OPERATOR,
            image,
            args=[
                # One at a time, so that none has to be elected.
                "--leader-elect=false",
                "--zap-log-level=info",
                "--zap-encoder=json",
                "--zap-time-encoding=rfc3339",
                "--enable-cert-rotation=true",
                "--enable-webhook-patching=false",
            ],
            env=_environment(),
            ports=[
                ContainerPortArgs(name="http", container_port=_METRICS),
                ContainerPortArgs(name="metricsservice", container_port=_ANSWERS),
            ],
            readiness_probe=pods.http_probe("/readyz", _PROBES, period=2, failures=3, timeout=5),
            liveness_probe=pods.http_probe("/healthz", _PROBES, period=10, failures=12, timeout=5),
            resources=pods.resources("20m", "96Mi", "512Mi"),
            mounts=[pods.mount("certificates", _CERTIFICATES, read_only=True)],
        )
        service = self._service(OPERATOR, {"metricsservice": (_ANSWERS, _ANSWERS)})
        # It writes the certificates itself, and begins without them.
        volume = SecretVolumeSourceArgs(secret_name=_SECRET, optional=True)
        return self._deployment(
            OPERATOR, container, volume, account.metadata.name, [*self.definitions, everywhere, here, service]
        )

    def _server(self, image: pulumi.Input[str], operator: Deployment) -> None:
        metadata = self._metadata(METRICS_SERVER)
        role = ObjectMetaArgs(name=f"{_CLUSTER_NAME}-metrics", labels=names.labels(METRICS_SERVER))
        account, _, everywhere = reader(METRICS_SERVER, metadata, role, server_rules(), opts=self._child)
        container = pods.container(
            METRICS_SERVER,
            image,
            args=[
                f"--secure-port={_SECURE}",
                "--zap-log-level=error",
                "--zap-encoder=json",
                f"--client-ca-file={_CERTIFICATES}/ca.crt",
                f"--tls-cert-file={_CERTIFICATES}/tls.crt",
                f"--tls-private-key-file={_CERTIFICATES}/tls.key",
                f"--cert-dir={_CERTIFICATES}",
            ],
            env=_environment(),
            ports=[ContainerPortArgs(name="https", container_port=_SECURE)],
            readiness_probe=_https("/readyz", period=2, failures=3),
            liveness_probe=_https("/healthz", period=10, failures=12),
            resources=pods.resources("20m", "64Mi", "256Mi"),
            mounts=[pods.mount("certificates", _CERTIFICATES, read_only=True)],
        )
        service = self._service(METRICS_SERVER, {"https": (443, _SECURE)})
        # The pod begins once the operator has written them: all three, not the empty Secret that comes before.
        keys = [KeyToPathArgs(key=key, path=key) for key in ("ca.crt", "tls.crt", "tls.key")]
        volume = SecretVolumeSourceArgs(secret_name=_SECRET, items=keys)
        needed = [everywhere, *self._asked(account.metadata.name), service, operator]
        deployment = self._deployment(METRICS_SERVER, container, volume, account.metadata.name, needed)
        APIService(
            _METRICS_API,
            metadata=ObjectMetaArgs(name=_METRICS_API, labels=names.labels(METRICS_SERVER)),
            # The authority that it is checked by, the operator writes into it.
            spec=APIServiceSpecArgs(
                service=ServiceReferenceArgs(name=METRICS_SERVER, namespace=self.namespace.metadata.name),
                group="external.metrics.k8s.io",
                version="v1beta1",
                group_priority_minimum=100,
                version_priority=100,
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deployment]),
        )

    def _asked(self, account: pulumi.Input[str]) -> list[pulumi.Resource]:
        """Who may ask the metrics API: the cluster's autoscaler; and by what the server knows who asks."""
        labels = names.labels(METRICS_SERVER)
        metrics = ClusterRole(
            f"{METRICS_SERVER}-readers",
            metadata=ObjectMetaArgs(name=f"{_CLUSTER_NAME}-metrics-readers", labels=labels),
            rules=[PolicyRuleArgs(api_groups=["external.metrics.k8s.io"], resources=["*"], verbs=["get", "list"])],
            opts=self._child,
        )
        readers = ClusterRoleBinding(
            f"{METRICS_SERVER}-readers",
            metadata=ObjectMetaArgs(name=f"{_CLUSTER_NAME}-metrics-readers", labels=labels),
            role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=metrics.metadata.name),
            subjects=[SubjectArgs(kind="ServiceAccount", name="horizontal-pod-autoscaler", namespace="kube-system")],
            opts=self._child,
        )
        delegates = ClusterRoleBinding(
            f"{METRICS_SERVER}-delegates",
            metadata=ObjectMetaArgs(name=f"{_CLUSTER_NAME}-metrics-delegates", labels=labels),
            role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name="system:auth-delegator"),
            subjects=[self._subject(account)],
            opts=self._child,
        )
        configuration = RoleBinding(
            f"{METRICS_SERVER}-authentication",
            metadata=ObjectMetaArgs(name=f"{_CLUSTER_NAME}-metrics", namespace="kube-system", labels=labels),
            role_ref=RoleRefArgs(api_group=_RBAC, kind="Role", name="extension-apiserver-authentication-reader"),
            subjects=[self._subject(account)],
            opts=self._child,
        )
        return [readers, delegates, configuration]

    def _subject(self, account: pulumi.Input[str]) -> SubjectArgs:
        return SubjectArgs(kind="ServiceAccount", name=account, namespace=self.namespace.metadata.name)

    def _service(self, name: str, ports: dict[str, tuple[int, int]]) -> Service:
        metadata = self._metadata(name)
        # The pods behind it come after it.
        metadata.annotations = {"pulumi.com/skipAwait": "true"}
        return Service(
            name,
            metadata=metadata,
            spec=ServiceSpecArgs(
                selector={names.NAME_LABEL: name},
                ports=[
                    ServicePortArgs(name=port, port=outside, target_port=inside)
                    for port, (outside, inside) in ports.items()
                ],
            ),
            opts=self._child,
        )

    def _deployment(
        self,
        name: str,
        container: ContainerArgs,
        certificates: SecretVolumeSourceArgs,
        account: pulumi.Input[str],
        needed: Sequence[pulumi.Resource],
    ) -> Deployment:
        scraped = pods.scraping(_METRICS, "15s")
        return Deployment(
            name,
            metadata=self._metadata(name),
            spec=DeploymentSpecArgs(
                replicas=1,
                strategy=DeploymentStrategyArgs(type="Recreate"),
                selector=LabelSelectorArgs(match_labels={names.NAME_LABEL: name}),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(labels=names.labels(name), annotations=scraped),
                    spec=pods.pod(
                        [container],
                        volumes=[VolumeArgs(name="certificates", secret=certificates)],
                        uid=_UID,
                        service_account_name=account,
                        automount_service_account_token=True,
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed, custom_timeouts=pods.ROLLOUT_TIMEOUTS),
        )


def _environment() -> list[EnvVarArgs]:
    """Where it is, and that it looks at every namespace."""
    where = [variable for variable in pods.identity() if variable.name == "POD_NAMESPACE"]
    return [*where, EnvVarArgs(name="WATCH_NAMESPACE", value="")]


def _https(path: str, *, period: int, failures: int) -> ProbeArgs:
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=path, port=_SECURE, scheme="HTTPS"),
        period_seconds=period,
        failure_threshold=failures,
        timeout_seconds=5,
    )

"""Who may do what in a strategy's namespace: the least that each of the two actors of the protocol needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs

from components import connect_names as connect
from components import names

_LEASES = "coordination.k8s.io"
_STRIMZI = connect.STRIMZI_GROUP
_ARGO = "argoproj.io"


def sidecar_rules() -> list[PolicyRuleArgs]:
    """One Lease to read (its watch must name it in a field selector), and statuses to patch: which of them, is the
    admission policy's (see `policy`).
    """
    return [
        PolicyRuleArgs(
            api_groups=[_LEASES], resources=["leases"], resource_names=[names.LEASE_NAME], verbs=["get", "watch"]
        ),
        PolicyRuleArgs(api_groups=[""], resources=["pods/status"], verbs=["patch"]),
    ]


def agent_rules(own: str = "", other: str = "") -> list[PolicyRuleArgs]:
    """A sidecar's, and the pods of the workers, by a list without a cache. own, other: the connectors' resources, where
    they are moved by them: both to look at, the own one to change, and ConfigMaps with offsets to write and to remove,
    each of a name that its epoch makes, which no rule can say beforehand.
    """
    rules = [*sidecar_rules(), PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["list"])]
    if own:
        plural, named = [connect.CONNECTOR_PLURAL], sorted([own, other])
        rules += [
            PolicyRuleArgs(
                api_groups=[_STRIMZI], resources=plural, resource_names=named, verbs=["get", "list", "watch"]
            ),
            PolicyRuleArgs(api_groups=[_STRIMZI], resources=plural, resource_names=[own], verbs=["patch"]),
            PolicyRuleArgs(api_groups=[""], resources=["configmaps"], verbs=["create", "patch", "delete"]),
        ]
    return rules


def operator_rules() -> list[PolicyRuleArgs]:
    """The stand-in operator's: to read both kinds, write their status and take annotations off connectors; to make and
    change the objects of the workers. The same as its own `access.RULES`, against which its requests are held.
    """
    connects, connectors = connect.CONNECT_PLURAL, connect.CONNECTOR_PLURAL
    statuses = [f"{connects}/status", f"{connectors}/status"]
    return [
        PolicyRuleArgs(api_groups=[_STRIMZI], resources=[connects], verbs=["get", "list", "watch"]),
        PolicyRuleArgs(api_groups=[_STRIMZI], resources=[connectors], verbs=["get", "list", "watch", "patch"]),
        PolicyRuleArgs(api_groups=[_STRIMZI], resources=statuses, verbs=["update"]),
        PolicyRuleArgs(api_groups=[""], resources=["configmaps"], verbs=["get", "create", "update", "patch"]),
        PolicyRuleArgs(api_groups=[""], resources=["services"], verbs=["create", "patch"]),
        PolicyRuleArgs(api_groups=["apps"], resources=["statefulsets"], verbs=["list", "watch", "create", "patch"]),
    ]


def controller_rules(templates: Sequence[str] = (), sets: Sequence[str] = ()) -> list[PolicyRuleArgs]:
    """The switch to read and its status to write, one Lease to write (`create` knows no names), pods to read, events to
    tell. templates: the AnalysisTemplates to read, where a switch is judged by an AnalysisRun: it makes one for each
    switch, of a name that an epoch makes, watches it and ends it. sets: the StatefulSets to which it gives the one
    number of a scaler; nothing else of them is its.
    """
    scaled = PolicyRuleArgs(
        api_groups=["apps"], resources=["statefulsets/scale"], resource_names=sorted(sets), verbs=["get", "patch"]
    )
    judged = [
        PolicyRuleArgs(
            api_groups=[_ARGO], resources=["analysistemplates"], resource_names=sorted(templates), verbs=["get"]
        ),
        PolicyRuleArgs(
            api_groups=[_ARGO], resources=["analysisruns"], verbs=["create", "get", "list", "watch", "patch"]
        ),
    ]
    return [
        *(judged if templates else ()),
        *([scaled] if sets else ()),
        PolicyRuleArgs(api_groups=[names.GROUP], resources=[names.SWITCH_PLURAL], verbs=["get", "list", "watch"]),
        PolicyRuleArgs(
            api_groups=[names.GROUP], resources=[f"{names.SWITCH_PLURAL}/status"], verbs=["get", "patch", "update"]
        ),
        PolicyRuleArgs(api_groups=[_LEASES], resources=["leases"], verbs=["create"]),
        PolicyRuleArgs(
            api_groups=[_LEASES],
            resources=["leases"],
            resource_names=[names.LEASE_NAME],
            verbs=["get", "list", "watch", "update"],
        ),
        PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list", "watch"]),
        PolicyRuleArgs(api_groups=[""], resources=["events"], verbs=["create", "patch"]),
    ]


def page_rules() -> list[PolicyRuleArgs]:
    """To read, and to follow, the one switch, its Lease, and the namespace's pods, whose names nobody knows before."""
    follow = ["get", "list", "watch"]
    return [
        PolicyRuleArgs(
            api_groups=[names.GROUP],
            resources=[names.SWITCH_PLURAL],
            resource_names=[names.SWITCH_NAME],
            verbs=follow,
        ),
        PolicyRuleArgs(api_groups=[_LEASES], resources=["leases"], resource_names=[names.LEASE_NAME], verbs=follow),
        PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["list", "watch"]),
    ]


@dataclass(frozen=True)
class AccessArgs:
    """namespace: where the account and its rights are. rules: the rights."""

    namespace: pulumi.Input[str]
    rules: Sequence[PolicyRuleArgs]


class Access(pulumi.ComponentResource):
    """A ServiceAccount with a Role of its own, both called `name`; pods mount its token by asking for it.

    account: the account's name, known once the rights are in place.
    """

    account: pulumi.Output[str]

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Access", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = ObjectMetaArgs(name=name, namespace=args.namespace, labels=names.labels(name))
        self.service_account = ServiceAccount(
            name, metadata=metadata, automount_service_account_token=False, opts=child
        )
        self.role = Role(name, metadata=metadata, rules=list(args.rules), opts=child)
        self.binding = RoleBinding(
            name,
            metadata=metadata,
            role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=self.role.metadata.name),
            subjects=[
                SubjectArgs(kind="ServiceAccount", name=self.service_account.metadata.name, namespace=args.namespace)
            ],
            opts=child,
        )
        self.account = self.binding.metadata.apply(lambda _: name)
        self.register_outputs({"account": self.account})

"""The account of something that reads the whole cluster, and its rights."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import ClusterRole, ClusterRoleBinding, PolicyRuleArgs, RoleRefArgs, SubjectArgs

_RBAC = "rbac.authorization.k8s.io"


def reader(
    name: str,
    account: ObjectMetaArgs,
    role: ObjectMetaArgs,
    rules: Sequence[PolicyRuleArgs],
    *,
    opts: pulumi.ResourceOptions,
) -> tuple[ServiceAccount, ClusterRole, ClusterRoleBinding]:
    """An account with these rights in every namespace, and nobody's token unless a pod asks for it.

    account, role: the metadata of the account, and of its rights and their binding.
    """
    made = ServiceAccount(name, metadata=account, automount_service_account_token=False, opts=opts)
    rights = ClusterRole(name, metadata=role, rules=list(rules), opts=opts)
    binding = ClusterRoleBinding(
        name,
        metadata=role,
        role_ref=RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=rights.metadata.name),
        subjects=[SubjectArgs(kind="ServiceAccount", name=made.metadata.name, namespace=account.namespace)],
        opts=opts,
    )
    return made, rights, binding

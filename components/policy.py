"""A sidecar reports on its own pod and on nothing else.

RBAC can allow `patch` on `pods/status` of all pods in a namespace or of pods known by name beforehand, not of the
caller's own pod. The API server knows it, though: a token from a pod's projected volume is bound to the pod and says
its name and UID
(https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#additional-metadata-in-pod-bound-tokens).
So a ValidatingAdmissionPolicy compares the two, and lets nothing change but the one condition that carries the report.
"""

from collections.abc import Iterator

import pulumi
from pulumi_kubernetes.admissionregistration.v1 import (
    MatchConditionArgs,
    MatchResourcesArgs,
    NamedRuleWithOperationsArgs,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpecArgs,
    ValidatingAdmissionPolicySpecArgs,
    ValidationArgs,
    VariableArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components import connect_names as connect
from components import names

#: The accounts of those who report: the sidecars' of consumers, and the agents' of connectors.
REPORTERS = (names.CONSUMER, *(connect.agent_set(color) for color in names.COLORS))
_ACCOUNTS = "system:serviceaccount:"

_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"

#: Everything that is in a pod's status besides its conditions (Kubernetes 1.37). CEL has no way to say "all but one
#: field".
_STATUS_FIELDS = (
    "allocatedResources",
    "containerStatuses",
    "ephemeralContainerStatuses",
    "extendedResourceClaimStatus",
    "hostIP",
    "hostIPs",
    "initContainerStatuses",
    "message",
    "nodeAllocatableResourceClaimStatuses",
    "nominatedNodeName",
    "observedGeneration",
    "phase",
    "podIP",
    "podIPs",
    "qosClass",
    "reason",
    "resize",
    "resourceClaimStatuses",
    "resources",
    "startTime",
)
#: What a write to the status subresource can change of a pod's metadata.
_METADATA_FIELDS = ("annotations", "finalizers", "labels", "ownerReferences")


def _unchanged(parent: str, field: str) -> str:
    new, old = f"object.{parent}.{field}", f"oldObject.{parent}.{field}"
    return f"(has({new}) ? has({old}) && {new} == {old} : !has({old}))"


def _conditions(which: str) -> VariableArgs:
    source = "object" if which == "new" else "oldObject"
    return VariableArgs(
        name=f"{which}Conditions",
        expression=f"has({source}.status) && has({source}.status.conditions) ? {source}.status.conditions : []",
    )


def validations() -> Iterator[ValidationArgs]:
    """The rules, each an expression that must hold with the message for when it does not."""
    extra = "request.userInfo.extra"
    yield ValidationArgs(
        expression=f"request.userInfo.username.startsWith('{_ACCOUNTS}' + request.namespace + ':')",
        message="a sidecar may report only in its own namespace",
        reason="Forbidden",
    )
    for key, what in ((_POD_NAME, "name"), (_POD_UID, "uid")):
        yield ValidationArgs(
            expression=f"has({extra}) && '{key}' in {extra} && {extra}['{key}'].size() == 1 "
            f"&& {extra}['{key}'][0] == oldObject.metadata.{what}",
            message=f"a sidecar may report only on its own pod, with a token bound to it (the pod's {what} differs)",
            reason="Forbidden",
        )
    kind = names.LIFECYCLE_CONDITION
    yield ValidationArgs(
        expression=f"variables.newConditions.filter(c, c.type != '{kind}') == "
        f"variables.oldConditions.filter(c, c.type != '{kind}')"
        f" && variables.newConditions.filter(c, c.type == '{kind}').size() <= 1",
        message=f"a sidecar may change no condition but {kind}",
        reason="Forbidden",
    )
    yield ValidationArgs(
        expression=" && ".join(_unchanged("status", field) for field in _STATUS_FIELDS),
        message=f"a sidecar may change nothing of the status but the condition {kind}",
        reason="Forbidden",
    )
    yield ValidationArgs(
        expression=" && ".join(_unchanged("metadata", field) for field in _METADATA_FIELDS),
        message="a sidecar may not change labels, annotations, finalizers or owners",
        reason="Forbidden",
    )


class OwnPodStatusPolicy(pulumi.ComponentResource):
    """The policy and its binding to the namespaces of this project."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:OwnPodStatusPolicy", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = ObjectMetaArgs(name=names.POLICY_NAME, labels={names.PART_OF_LABEL: names.PART_OF})
        self.policy = ValidatingAdmissionPolicy(
            name,
            metadata=metadata,
            spec=ValidatingAdmissionPolicySpecArgs(
                failure_policy="Fail",
                match_constraints=MatchResourcesArgs(
                    namespace_selector=LabelSelectorArgs(match_labels={names.PART_OF_LABEL: names.PART_OF}),
                    resource_rules=[
                        NamedRuleWithOperationsArgs(
                            api_groups=[""], api_versions=["v1"], operations=["UPDATE"], resources=["pods/status"]
                        )
                    ],
                ),
                # The kubelet and the scheduler write statuses, too; they are none of our business.
                match_conditions=[
                    MatchConditionArgs(
                        name="sidecars",
                        expression=f"request.userInfo.username.startsWith('{_ACCOUNTS}') && ("
                        + " || ".join(f"request.userInfo.username.endsWith(':{name}')" for name in REPORTERS)
                        + ")",
                    )
                ],
                variables=[_conditions("new"), _conditions("old")],
                validations=list(validations()),
            ),
            opts=child,
        )
        self.binding = ValidatingAdmissionPolicyBinding(
            name,
            metadata=metadata,
            spec=ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name=self.policy.metadata.name, validation_actions=["Deny"]
            ),
            opts=child,
        )
        self.register_outputs({"name": self.policy.metadata.name})

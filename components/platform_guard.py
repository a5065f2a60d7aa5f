"""Who stands on the platform keeps it from being taken away.

With the broker, the topics and the offsets of every strategy stack would go, and with the definition of the switch
every switch. Pulumi knows of no stack that refers to another, and runs no program when it destroys one; so the API
server refuses: a ValidatingAdmissionPolicy whose parameters are the namespaces of this project, for each of which a
deletion has to be allowed
(https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#parameter-resources).

What it guards is the platform's namespace, the definition, and a ConfigMap that Pulumi takes away before anything else,
so that nothing is gone when a `pulumi destroy` is refused. A set that has to be made anew is not kept from it.
"""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.admissionregistration.v1 import (
    MatchConditionArgs,
    MatchResourcesArgs,
    NamedRuleWithOperationsArgs,
    ParamKindArgs,
    ParamRefArgs,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpecArgs,
    ValidatingAdmissionPolicySpecArgs,
    ValidationArgs,
)
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components import names

#: Of the policy, of its binding, and of the ConfigMap.
GUARD = "kafka-bluegreen-in-use"
_DEFINITION = f"{names.SWITCH_PLURAL}.{names.GROUP}"
_OURS = {names.PART_OF_LABEL: names.PART_OF}
_REFUSED = (
    "'stack ' + params.metadata.name + ' stands on this platform, and its topic, its offsets and its switch would be "
    "lost with it; take it away first: pulumi destroy -s ' + params.metadata.name"
)


def _deletions(group: str, resource: str, name: str) -> NamedRuleWithOperationsArgs:
    return NamedRuleWithOperationsArgs(
        api_groups=[group], api_versions=["v1"], operations=["DELETE"], resources=[resource], resource_names=[name]
    )


class PlatformGuard(pulumi.ComponentResource):
    """The policy, its binding, and the ConfigMap that goes first. guarded: what goes after it."""

    def __init__(
        self,
        name: str,
        namespace: pulumi.Input[str],
        guarded: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("kafka-bluegreen:component:PlatformGuard", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        metadata = ObjectMetaArgs(name=GUARD, labels=_OURS)
        self.policy = ValidatingAdmissionPolicy(
            name,
            metadata=metadata,
            spec=ValidatingAdmissionPolicySpecArgs(
                failure_policy="Fail",
                param_kind=ParamKindArgs(api_version="v1", kind="Namespace"),
                match_constraints=MatchResourcesArgs(
                    resource_rules=[
                        _deletions("", "namespaces", names.PLATFORM_NAMESPACE),
                        _deletions("", "configmaps", GUARD),
                        _deletions("apiextensions.k8s.io", "customresourcedefinitions", _DEFINITION),
                    ],
                ),
                match_conditions=[
                    MatchConditionArgs(
                        name="the-platforms-own",
                        expression="request.resource.resource != 'configmaps' "
                        f"|| request.namespace == '{names.PLATFORM_NAMESPACE}'",
                    )
                ],
                validations=[
                    ValidationArgs(
                        expression=f"params.metadata.name == '{names.PLATFORM_NAMESPACE}'",
                        message_expression=_REFUSED,
                        reason="Forbidden",
                    )
                ],
            ),
            opts=child,
        )
        self.binding = ValidatingAdmissionPolicyBinding(
            name,
            metadata=metadata,
            spec=ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name=self.policy.metadata.name,
                param_ref=ParamRefArgs(
                    selector=LabelSelectorArgs(match_labels=_OURS), parameter_not_found_action="Allow"
                ),
                validation_actions=["Deny"],
            ),
            opts=child,
        )
        self.first_to_go = ConfigMap(
            name,
            metadata=ObjectMetaArgs(name=GUARD, namespace=namespace, labels=_OURS),
            data={"why": "pulumi destroy takes this away first; the API server refuses while a stack stands here"},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*guarded, self.binding]),
        )
        self.register_outputs({"name": GUARD})

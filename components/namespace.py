"""The namespace of a stack."""

from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import names


def namespace(name: str) -> Namespace:
    """A namespace that holds its pods to the restricted Pod Security Standard, and is known to the admission policy by
    its label.
    """
    return Namespace(
        name,
        metadata=ObjectMetaArgs(
            name=name,
            labels={names.PART_OF_LABEL: names.PART_OF, "pod-security.kubernetes.io/enforce": "restricted"},
        ),
    )

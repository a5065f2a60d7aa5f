"""Definitions of kinds in the cluster: of the resource by which a switch is asked for, and of those of others.

The first is plain YAML, as kubectl reads it, too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi_kubernetes.apiextensions.v1 import CustomResourceDefinition

from components import names

DEFINITION = Path(__file__).with_name("files") / "kafkaconsumerswitch.yaml"


def definition() -> dict[str, Any]:
    """The CustomResourceDefinition as the API server takes it (the file's YAML anchors are resolved)."""
    content: dict[str, Any] = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    return content


class SwitchDefinition(pulumi.ComponentResource):
    """The CustomResourceDefinition of KafkaConsumerSwitch."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:SwitchDefinition", name, None, opts)
        content = definition()
        self.definition = CustomResourceDefinition(
            name,
            metadata={**content["metadata"], "labels": {names.PART_OF_LABEL: names.PART_OF}},
            spec=content["spec"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"name": self.definition.metadata.name})


def installed(definitions: Sequence[dict[str, Any]], *, parent: pulumi.Resource) -> list[CustomResourceDefinition]:
    """Each in the cluster. They stay when whoever acts on them is taken away, and with them what was made of their
    kinds.
    """
    return [
        CustomResourceDefinition(
            content["spec"]["names"]["plural"],
            metadata={**content["metadata"], "labels": {names.PART_OF_LABEL: names.PART_OF}},
            spec=content["spec"],
            opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True),
        )
        for content in definitions
    ]

"""The platform, as a strategy stack finds it: through the outputs of the stack `platform` of the same project."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components import names

BOOTSTRAP_SERVERS = "bootstrapServers"
PLATFORM = "platform"
KAFKA_ID = "kafkaId"
METRICS_URL = "metricsUrl"
_UP = f"pulumi up -s {names.PLATFORM_STACK}"
# What a StackReference itself asks the engine for; as a function it fails without ending the program.
_READ_OUTPUTS = "pulumi:pulumi:readStackOutputs"


def require_bootstrap_servers(outputs: Mapping[str, Any], stack: str) -> str:
    """The broker's address from the platform's outputs. Raises `pulumi.RunError` when the platform is not deployed."""
    servers = outputs.get(BOOTSTRAP_SERVERS)
    if not isinstance(servers, str) or not servers:
        raise pulumi.RunError(
            f"the platform is not deployed: stack {stack} has no output {BOOTSTRAP_SERVERS}; run: {_UP}"
        )
    return servers


@dataclass(frozen=True, slots=True)
class Platform:
    """What the platform stack has deployed. kind: `sandbox` or `cluster`."""

    kind: str
    bootstrap_servers: str


def require_platform(stack: str) -> Platform:
    """What `stack`, the platform's, has deployed.

    Raises `pulumi.RunError` with what to run when it does not exist or is not deployed; nothing is registered by this.
    """
    try:
        found = pulumi.runtime.invoke(_READ_OUTPUTS, {"name": stack}).value
    except Exception as error:  # noqa: BLE001 - the SDK raises Exception itself, with the engine's text
        raise pulumi.RunError(
            f"the platform is not deployed: stack {stack} cannot be read ({error}); "
            f"run: pulumi stack select --create {names.PLATFORM_STACK} && {_UP}"
        ) from None
    outputs = found.get("outputs") or {}
    return Platform(str(outputs.get(PLATFORM, "")), require_bootstrap_servers(outputs, stack))


def platform_stack() -> str:
    """The platform's stack by its full name: its organization is "organization" with a backend of one's own (files,
    buckets), the organization's name with Pulumi Cloud.
    """
    return f"{pulumi.get_organization()}/{pulumi.get_project()}/{names.PLATFORM_STACK}"


class PlatformReference:
    """bootstrap_servers: the broker's address. kafka_id: which broker it is; another one has none of the topics.
    metrics_url: of the metrics store. The latter two are empty for a platform that was deployed before there was such
    an output.
    """

    bootstrap_servers: pulumi.Output[str]
    kafka_id: pulumi.Output[str]
    metrics_url: pulumi.Output[str]

    def __init__(self) -> None:
        stack = platform_stack()
        reference = pulumi.StackReference(stack)
        self.bootstrap_servers = reference.outputs.apply(lambda outputs: require_bootstrap_servers(outputs, stack))
        self.kafka_id = reference.outputs.apply(lambda outputs: str(outputs.get(KAFKA_ID) or ""))
        self.metrics_url = reference.outputs.apply(lambda outputs: str(outputs.get(METRICS_URL) or ""))

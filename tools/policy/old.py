"""The stack's resources as they are, from its state."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

_SECONDS = 60


class StateError(RuntimeError):
    """The stack's state cannot be read. The message says what Pulumi said."""


def of_export(text: str) -> dict[str, Mapping[str, Any]]:
    """The inputs of each resource by URN, from what `pulumi stack export` prints; without components and providers."""
    resources = (json.loads(text).get("deployment") or {}).get("resources") or []
    return {
        resource["urn"]: resource.get("inputs") or {}
        for resource in resources
        if is_compared(str(resource["type"])) and resource.get("custom") and not resource.get("external")
    }


def is_compared(kind: str) -> bool:
    """Whether resources of this type are something that an update changes: not Pulumi's own."""
    return not kind.startswith("pulumi:")


def stack_name(environment: Mapping[str, str]) -> str:
    """The stack by its full name, from what Pulumi tells a policy pack: that runs in its own folder, where no project
    is. Raises StateError.
    """
    parts = [environment.get(f"PULUMI_{name}", "") for name in ("ORGANIZATION", "PROJECT", "STACK")]
    if not all(parts):
        raise StateError("which stack it is, Pulumi has not told; this pack needs Pulumi 3.215 or newer")
    return "/".join(parts)


def exported(stack: str) -> dict[str, Mapping[str, Any]]:
    """Of this stack, as it is now. Raises StateError."""
    command = ["pulumi", "stack", "export", "--stack", stack]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StateError(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        raise StateError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return of_export(done.stdout)

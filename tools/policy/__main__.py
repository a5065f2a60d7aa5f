"""The policy pack, as Pulumi runs it: `pulumi preview --policy-pack tools/policy`.

What would be is noted resource by resource, as its inputs are after the provider's check; what is, is read from the
stack's state; the two are compared when all resources are known. A preview is refused by that, and so is `pulumi up`,
whose own preview it is; with `--skip-preview` it is said when it has happened.
"""

import os
import sys
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # Pulumi runs this folder as a program

from tools.policy.alone import together
from tools.policy.old import exported, is_compared, stack_name

_new: dict[str, Any] = {}


def _note(args: ResourceValidationArgs, _: ReportViolation) -> None:
    if is_compared(args.resource_type):
        _new[args.urn] = _plain(args.props)


def _plain(value: Any) -> Any:
    """Without the SDK's proxies. What is not known before the update differs from everything."""
    try:
        if isinstance(value, dict):
            return {key: _plain(value[key]) for key in value}
        if isinstance(value, list):
            return [_plain(one) for one in value]
    except Exception:  # noqa: BLE001 - UnknownValueError, which the SDK does not export by that name everywhere
        return object()
    return value


def _compare(args: StackValidationArgs, report: ReportViolation) -> None:
    if args.get_config().get("together"):
        return
    old = exported(stack_name(os.environ))
    if found := together(old, _new):
        report(
            f"active changes together with {'; '.join(found)}. Make two updates of it, or allow it for this one: "
            "pulumi preview --policy-pack tools/policy --policy-pack-config FILE, where FILE has "
            '{"active-alone": {"together": true}}',
            None,
        )


PolicyPack(
    name="kafka-bluegreen",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            name="resources-noted",
            description="Notes what would be; refuses nothing.",
            validate=_note,
            enforcement_level=EnforcementLevel.ADVISORY,
        ),
        StackValidationPolicy(
            name="active-alone",
            description="A switch changes `active`, and nothing else.",
            validate=_compare,
            config_schema=PolicyConfigSchema({"together": {"type": "boolean", "default": False}}),
        ),
    ],
)

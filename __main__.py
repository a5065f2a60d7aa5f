"""The Pulumi program of all stacks: reads and validates the settings, then builds what the stack is made of; nothing
else.
"""

import gc

gc.disable()  # the program is over in seconds; collecting would be a sixth of the time that its imports take

import os  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from importlib import import_module  # noqa: E402
from typing import Any  # noqa: E402

import pulumi  # noqa: E402

from components import images  # noqa: E402
from components.before import InPlaceError  # noqa: E402
from components.cluster.access import AccessError, require_named, require_readable  # noqa: E402
from components.definitions import DefinitionError, require_definitions  # noqa: E402
from components.event_loop import let_registrations_begin  # noqa: E402
from components.platform_reference import platform_stack, require_platform  # noqa: E402
from components.settings import SettingsError, StackName, platform_settings, strategy_settings  # noqa: E402
from components.stack_config import cluster_access, project_configuration, secret_keys  # noqa: E402
from components.standing import Standing  # noqa: E402
from components.strategies.base import strategy  # noqa: E402


def main() -> None:
    """Build the selected stack. Raises `pulumi.RunError` before anything is registered when its settings cannot be
    deployed.
    """
    stack = StackName(pulumi.get_stack())
    configuration = project_configuration()
    standing = Standing(stack.name, cluster_access())
    pulumi.runtime.register_stack_transformation(standing)
    try:
        outputs = _platform(configuration) if stack.is_platform else _strategy(stack, configuration, standing)
    except (SettingsError, images.ImageError, AccessError, DefinitionError, InPlaceError) as error:
        raise pulumi.RunError(str(error)) from None
    if (compared := standing.watch()) is not None:
        namespace = outputs["namespace"]
        # Within one of the outputs, so that the SDK blocks on it (see `components.event_loop`).
        outputs["namespace"] = compared.apply(lambda _: namespace)
    for name, value in outputs.items():
        pulumi.export(name, value)
    let_registrations_begin()


def _platform(configuration: dict[str, str]) -> dict[str, pulumi.Input[Any]]:
    settings = platform_settings(configuration, hidden=secret_keys())
    require_named(cluster_access(), settings.platform)
    from components.platform_stack import build_platform  # noqa: PLC0415 - a stack loads what it is made of, no more

    return build_platform(settings, images.platform_images(settings, os.environ))


def _strategy(stack: StackName, configuration: dict[str, str], standing: Standing) -> dict[str, pulumi.Input[Any]]:
    settings = images.resolved(strategy_settings(configuration, stack.name, secret_keys()), os.environ)
    chosen = strategy(settings.strategy)
    given = settings.images
    found = given.model_dump(exclude_none=True) if given else images.sandbox_images(chosen.images, os.environ)
    access = standing.access
    if access.kubeconfig or not pulumi.runtime.is_dry_run():
        # What the check after the switch could not read is refused before it; a preview goes on without a cluster.
        require_readable(access)
    with ThreadPoolExecutor(1) as beside:
        # Loading Kubernetes' resources takes as long as the engine needs to decrypt the platform's outputs.
        loaded = beside.submit(import_module, "components.strategy_stack")
        platform = require_platform(platform_stack())
        require_named(access, platform.kind)
        wanted = chosen.definitions_of(settings)
        if wanted and not pulumi.runtime.is_dry_run():
            require_definitions(wanted, access, platform.kind)
        loaded.result()
    from components.strategy_stack import build_strategy, look  # noqa: PLC0415

    before = look(settings, stack, found, access, platform)
    if before.unknown and not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(f"what is active now cannot be read, so nothing was touched: {before.unknown}")
    besides = standing.differences
    return build_strategy(settings, stack, found, access, platform.kind, found=before, besides=besides)


main()

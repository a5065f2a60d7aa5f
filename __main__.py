"""The Pulumi program of all stacks: reads and validates the settings, then builds what the stack is made of; nothing
else.
"""

import os

import pulumi

from components.event_loop import let_registrations_begin
from components.images import ImageError, sandbox_images
from components.settings import SettingsError, StackName, platform_settings, strategy_settings
from components.stack_config import cluster_access, project_configuration
from components.stacks import PLATFORM_IMAGES, STRATEGY_IMAGES, build_platform, build_strategy


def main() -> None:
    """Build the selected stack. Raises `pulumi.RunError` before anything is registered when its settings cannot be
    deployed.
    """
    stack = StackName(pulumi.get_stack())
    configuration = project_configuration()
    try:
        if stack.is_platform:
            platform = platform_settings(configuration)
            images = platform.images.model_dump() if platform.images else sandbox_images(PLATFORM_IMAGES, os.environ)
            outputs = build_platform(platform, images)
        else:
            strategy = strategy_settings(configuration, stack.name)
            images = strategy.images.model_dump() if strategy.images else sandbox_images(STRATEGY_IMAGES, os.environ)
            outputs = build_strategy(strategy, stack, images, cluster_access())
    except (SettingsError, ImageError) as error:
        raise pulumi.RunError(str(error)) from None
    for name, value in outputs.items():
        pulumi.export(name, value)
    let_registrations_begin()


main()

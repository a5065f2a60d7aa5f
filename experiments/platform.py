"""The platform for the time of a run: as its file in stacks/ has it, with what was asked for."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.names import PLATFORM_STACK
from experiments import preflight
from experiments.errors import ExperimentError
from experiments.interrupts import Interrupted, Interrupts
from experiments.progress import Progress
from experiments.stacks import Configuration, Stack

#: The platform stack's output that says where its brokers are.
BOOTSTRAP_OUTPUT = "bootstrapServers"
#: Its key of the brokers' settings.
KAFKA_CONFIG = "kafkaConfig"


class Platform:
    """The stack `platform`. configuration: this run's."""

    def __init__(
        self,
        repository: Path,
        folder: Path,
        changes: Mapping[str, Any],
        interrupts: Interrupts,
        progress: Progress,
    ) -> None:
        """folder: for its configuration's file. changes: keys of it, for this run. Raises PreflightError for settings
        that are refused.
        """
        self.configuration = Configuration(repository, PLATFORM_STACK, folder / f"Pulumi.{PLATFORM_STACK}.yaml")
        if changes:
            self.configuration.set(**changes)
        preflight.platform_settings_of(self.configuration)
        self._repository = repository
        self._changes = bool(changes)
        self._interrupts = interrupts
        self._progress = progress
        self._stack: Stack | None = None

    def prepare(self) -> str:
        """Have it as configured; gives where its brokers are. Raises UpdateError."""
        self._stack = stack = Stack(self._repository, self.configuration, self._interrupts, self._progress)
        stack.prepare(lambda: None)
        return stack.output(BOOTSTRAP_OUTPUT)

    def put_back(self) -> None:
        """Bring it to what its file in stacks/ says again, if it is not. Raises nothing, and says what fails."""
        if self._stack is None or not self._changes:
            return
        with (
            # The run's own folder is not there any more.
            TemporaryDirectory() as folder,
            suppress(Interrupted, ExperimentError),
            self._interrupts.shielded(),
            self._progress.step(f"pulumi up, stack {PLATFORM_STACK}, as stacks/ has it"),
        ):
            before = Configuration(self._repository, PLATFORM_STACK, Path(folder) / f"Pulumi.{PLATFORM_STACK}.yaml")
            update = self._stack.up(before)
            if update.error is not None:
                self._progress.say(f"stack {PLATFORM_STACK} is not as stacks/ has it:\n{update.error}")

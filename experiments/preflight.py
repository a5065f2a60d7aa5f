"""What a run needs of its surroundings, looked for before anything is touched."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from components.settings import (
    PlatformSettings,
    SettingsError,
    StrategySettings,
    platform_settings,
    strategy_settings,
)
from experiments.cluster import Cluster, ClusterError
from experiments.errors import PreflightError
from experiments.fitness import Need, Pair
from experiments.stacks import Configuration, require_programs

_SANDBOX_ENVIRONMENT = 'eval "$(python -m tools.sandbox env)"'


def preflight() -> Cluster:
    """The cluster that a run is for. Raises PreflightError with the command that provides what is missing."""
    require_programs()
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        raise PreflightError(f"KUBECONFIG is not set; run: {_SANDBOX_ENVIRONMENT}")
    if not all(Path(part).exists() for part in kubeconfig.split(os.pathsep) if part):
        raise PreflightError(
            f"KUBECONFIG names {kubeconfig}, which is not there; "
            f"run: python -m tools.sandbox up && {_SANDBOX_ENVIRONMENT}"
        )
    images = os.environ.get("KAFKA_BLUEGREEN_IMAGES")
    if images is not None and not Path(images).exists():
        raise PreflightError(
            f"KAFKA_BLUEGREEN_IMAGES names {images}, which is not there; run: python -m tools.sandbox images"
        )
    try:
        cluster = Cluster(kubeconfig)
    except ClusterError as error:
        raise PreflightError(str(error)) from error
    try:
        cluster.request("GET", "/version")
    except ClusterError as error:
        raise PreflightError(
            f"the cluster of {kubeconfig} does not answer; run: python -m tools.sandbox up\n  {error}"
        ) from error
    return cluster


@contextmanager
def only_one(stack: str) -> Iterator[None]:
    """Keep a second run off the same stack for the time of this one.

    The lock ends with the process, however that ends.
    """
    file = Path(tempfile.gettempdir()) / f"kafka-bluegreen-{os.getuid()}-{stack}.lock"
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PreflightError(f"another run is using stack {stack} (lock {file}); wait for its end") from None
        yield


def strategy_settings_of(configuration: Configuration) -> StrategySettings:
    """The settings of a strategy stack. Raises PreflightError naming every key that is refused."""
    try:
        return strategy_settings(configuration.raw(), configuration.stack, configuration.secrets())
    except SettingsError as error:
        raise PreflightError(str(error)) from error


def platform_settings_of(configuration: Configuration) -> PlatformSettings:
    """The settings of the platform stack. Raises PreflightError naming every key that is refused, or the images that
    the sandbox has to provide.
    """
    try:
        settings = platform_settings(configuration.raw())
    except SettingsError as error:
        raise PreflightError(str(error)) from error
    if settings.platform == "sandbox" and not os.environ.get("KAFKA_BLUEGREEN_IMAGES"):
        raise PreflightError(f"KAFKA_BLUEGREEN_IMAGES is not set; run: {_SANDBOX_ENVIRONMENT}")
    return settings


class Needing(Protocol):
    """What is to be run, as far as it says what it needs."""

    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> Need: ...


def pair_for(scenario: Needing, settings: StrategySettings, stack: str) -> Pair:
    """What a stack with these settings is made of. Raises PreflightError where that is not what the scenario needs."""
    pair = Pair.of(settings, stack)
    if why := scenario.needs(pair):
        raise PreflightError(
            f"scenario {scenario.name} is none for strategy {settings.strategy} with these settings: {why}"
        )
    return pair

"""The stacks on the real cluster, each brought up by `pulumi up` once for all of the tests that need it."""

import json
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from experiments.interrupts import Interrupts
from experiments.platform import BOOTSTRAP_OUTPUT
from experiments.preflight import preflight
from experiments.progress import Progress
from experiments.stacks import Configuration, Stack
from tests.support.cluster_use import alone, shared, updating_the_platform
from tests.support.engine import Project
from tests.support.field import Field, Ground, judging

_LINES = {"controller": 40, "sidecar": 12, "consumer": 12}

# Of the drain and of the resume: half the default, because many tests wait for them.
TIMEOUT_SECONDS = 5


# All of these are the package's, not the session's: they keep other runs off their stacks.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With what failed, what the switch and its pods said: afterwards they are something else, or gone."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for field in {id(one): one for one in item.funcargs.values() if isinstance(one, Field)}.values():
            report.sections.append((f"{field.namespace} when it failed", _said(field)))
    return report


def _said(field: Field) -> str:
    """The switch's status, and the newest lines of the logs. Never raises: it would hide what failed."""
    since = f"{datetime.now(UTC) - timedelta(minutes=2):%Y-%m-%dT%H:%M:%SZ}"
    try:
        found = [json.dumps(field.switch().raw["status"])]
        for pod in field.cluster.pods(field.namespace):
            for container in pod.images:
                if (lines := _LINES.get(container)) is not None:
                    text = field.cluster.log(field.namespace, pod.name, since, container=container).splitlines()
                    found += [f"-- {pod.name}, {container}", *text[-lines:]]
    except Exception as error:  # noqa: BLE001
        return f"cannot be read: {error!r}"
    return "\n".join(found)


@pytest.fixture(scope="package")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The platform, up."""
    project = Project.make(tmp_path_factory.mktemp("project"))
    folder = tmp_path_factory.mktemp("ground")
    cluster, progress = preflight(), Progress()
    with Interrupts() as interrupts:
        with alone(), updating_the_platform():
            configuration = Configuration(project.folder, "platform", folder / "Pulumi.platform.yaml")
            platform = Stack(project.folder, configuration, interrupts, progress)
            platform.prepare(lambda: None)
        ground = Ground(
            project=project,
            cluster=cluster,
            platform=platform,
            bootstrap=platform.output(BOOTSTRAP_OUTPUT),
            interrupts=interrupts,
            progress=progress,
            folder=folder,
        )
        with ExitStack() as ends:
            ends.callback(ground.clear)
            yield ground


@pytest.fixture(scope="package")
def field(ground: Ground) -> Iterator[Field]:
    """Strategy C as it is checked in: all pods Ready, blue active, 100 records/s. It stays."""
    timeouts = {"drainTimeoutSeconds": TIMEOUT_SECONDS, "resumeTimeoutSeconds": TIMEOUT_SECONDS}
    with ground.standing("strategy-c", **timeouts) as field:
        yield field


@pytest.fixture(scope="package")
def b(ground: Ground) -> Iterator[Field]:
    """Strategy B, with two members for each colour; taken away at the end."""
    ground.passing.add("strategy-b")
    with ExitStack() as ends:
        with shared():
            field = ends.enter_context(ground.standing("strategy-b", replicas=2))
        yield field


@pytest.fixture(scope="module")
def judged(request: pytest.FixtureRequest, field: Field) -> Iterator[None]:
    """What a module's tests let happen, all of it, is judged at its end from the record logs of a producer of its own.

    The module's DUPLICATES is how many records may have been handled once more than needed.
    """
    with judging(request.module.__name__.rpartition(".")[2], field, duplicates=request.module.DUPLICATES):
        yield


@pytest.fixture
def blue(field: Field) -> Field:
    """The field with blue active and everybody there."""
    field.steady("blue")
    return field

"""Fixtures that need the engine or the cluster."""

import shutil
from pathlib import Path

import pytest

from tests.support.cluster_use import alone, updating_the_platform
from tests.support.engine import Project, require_environment


@pytest.fixture(scope="session")
def cluster() -> None:
    """The cluster under test."""
    require_environment("KUBECONFIG", "KAFKA_BLUEGREEN_IMAGES", "PULUMI_BACKEND_URL")
    for program in ("pulumi", "kubectl"):
        assert shutil.which(program), f'no {program} on PATH; run: eval "$(python -m tools.sandbox env)"'


@pytest.fixture(scope="session")
def project(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The program with the cluster's own state of its stacks."""
    return Project.make(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def platform(project: Project) -> None:
    """The platform stack, deployed."""
    with alone(), updating_the_platform():
        stack = project.stack("platform")
        if not stack.outputs():
            stack.up()


@pytest.fixture
def empty_project(cluster: None, tmp_path: Path) -> Project:
    """The program with a state of its own that knows no stack yet."""
    state = tmp_path / "state"
    state.mkdir()
    folder = tmp_path / "project"
    folder.mkdir()
    return Project.make(folder, {"PULUMI_BACKEND_URL": f"file://{state}"})

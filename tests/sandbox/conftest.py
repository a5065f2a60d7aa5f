"""What several of the sandbox's tests make up: a cache folder, a quiet progress."""

import io
from pathlib import Path

import pytest

from tools.sandbox.paths import Layout
from tools.sandbox.progress import Progress


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(cache=tmp_path / "cache", port=16443)


@pytest.fixture
def progress() -> Progress:
    return Progress(io.StringIO())

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.cluster import Cluster
from tests.support.fake_api import FakeApi

FAKE_PULUMI = """#!/bin/sh
case "$1" in
version) echo v3.215.0; exit 0;;
fail) echo out; echo 'Diagnostics:' >&2; echo 'it failed' >&2; exit 255;;
forgets) set -m; (trap "" INT; exec sleep 60) >/dev/null 2>&1 & echo $! > "$MARKS"; exit 0;;
leaves) (trap "" INT; exec sleep 3) & trap "exit 1" INT; echo $$ > "$MARKS"; while :; do sleep 0.05; done;;
env) echo "$PULUMI_AUTOMATION_API $EXTRA $*"; exit 0;;
esac
[ "$1" = cancel ] && { echo $$ > "$MARKS"; sleep 0.5; echo ended >> "$MARKS"; exit 0; }
trap 'echo cancelled >> "$MARKS"; sleep 0.3; [ "$1" = stubborn ] || exit 1' INT
echo $$ > "$MARKS"
while :; do sleep 0.05; done
"""


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()
    yield fake
    fake.close()


@pytest.fixture
def cluster(api: FakeApi, tmp_path: Path) -> Cluster:
    return Cluster(api.kubeconfig(tmp_path))


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """An interrupted run leaves its process deaf to signals; pytest's has to hear them, also where it was started
    without ears for Ctrl-C, as a shell starts what runs in its background.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `pulumi` that is first on PATH, and the file that it leaves its marks in."""
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(FAKE_PULUMI)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    file = tmp_path / "marks"
    monkeypatch.setenv("MARKS", str(file))
    return file

"""Tests that need the cluster whole, and tests that restart parts of it, do not keep each other waiting for ever."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from experiments.run import REPOSITORY
from tests.support.cluster_use import alone, shared
from tests.support.waiting import until

_OTHER = """\
from tests.support.cluster_use import {use}

with {use}(), open({said!r}, "a") as said:
    said.write("{use} ")
"""
Others = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that others write to; the locks are beside it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / "said"


@pytest.fixture
def other(said: Path) -> Iterator[Others]:
    """Other processes that use the cluster in the way that is named, and say so within their block."""
    with ExitStack() as ends:

        def start(use: str) -> "subprocess.Popen[bytes]":
            environment = {**os.environ, "TMPDIR": str(said.parent)}
            command = [sys.executable, "-c", _OTHER.format(use=use, said=str(said))]
            process = subprocess.Popen(command, env=environment, cwd=REPOSITORY)
            ends.callback(process.wait, 30)
            return process

        yield start


def _waits(process: "subprocess.Popen[bytes]") -> bool:
    """For a lock, by the kernel's list of them (https://man7.org/linux/man-pages/man5/proc_locks.5.html)."""
    waiting = (line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" in line)
    return any(words[words.index("->") + 4] == str(process.pid) for words in waiting)


def test_whoever_wants_to_be_alone_comes_before_whoever_shares_later(said: Path, other: Others) -> None:
    with shared():
        first = other("alone")
        until("it to wait for this block", lambda: _waits(first))
        later = other("shared")
        until("the later one to wait, or to be through", lambda: later.poll() is not None or _waits(later))
        with shared():  # a part of this block: nobody is waited for
            assert not said.exists()
    assert (first.wait(30), later.wait(30)) == (0, 0)
    assert said.read_text() == "alone shared "


def test_those_who_share_do_so_together_and_nobody_beside_one_who_is_alone(said: Path, other: Others) -> None:
    with shared():
        assert other("shared").wait(30) == 0
    with alone():
        later = other("shared")
        until("it to wait", lambda: _waits(later))
    assert later.wait(30) == 0
    assert said.read_text() == "shared shared "

"""A change is there within the block, and taken back whatever becomes of who made it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.errors import PreconditionError
from experiments.fault_campaign.undoing import changed
from tests.support.waiting import until

PROGRAM = """
import sys
from experiments.fault_campaign.undoing import changed
with changed([["touch", sys.argv[1]]], [["rm", sys.argv[1]]]):
    print("there", flush=True)
    sys.stdin.read()
"""


def test_it_is_there_within_the_block(tmp_path: Path) -> None:
    file = tmp_path / "there"
    with changed([["touch", str(file)]], [["rm", str(file)]]):
        assert file.exists()
    assert not file.exists()


def test_it_is_taken_back_when_the_block_fails(tmp_path: Path) -> None:
    file = tmp_path / "there"
    with pytest.raises(KeyError), changed([["touch", str(file)]], [["rm", str(file)]]):
        raise KeyError
    assert not file.exists()


def test_what_the_command_says_is_told(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="No such file"), changed([["rm", str(tmp_path / "none")]], [["true"]]):
        pass


def test_it_is_taken_back_when_who_made_it_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "there"
    command = [sys.executable, "-c", PROGRAM, str(file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    assert process.stdout is not None
    assert process.stdout.readline()
    assert file.exists()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    until("the change to be taken back", lambda: not file.exists())

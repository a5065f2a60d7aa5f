"""Commands in containers: what kubectl is told, what becomes of one that fails, and whose signals they hear."""

import os
from pathlib import Path

import pytest

from experiments.errors import CollectionError
from experiments.kubectl import CommandError, converse, execute, output_of, program_in


def fake_kubectl(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_command_in_a_pod_writes_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_kubectl(tmp_path, monkeypatch, 'echo "$@"')
    execute("ns", "producer-0", "producer", ["python3", "-V"], output=tmp_path / "out", seconds=10)
    assert (tmp_path / "out").read_text() == "exec -n ns producer-0 -c producer -- python3 -V\n"


def test_a_command_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_kubectl(tmp_path, monkeypatch, "echo pod not found >&2; exit 1")
    with pytest.raises(CollectionError, match="exit code 1: pod not found"):
        execute("ns", "p", "c", ["x"], output=tmp_path / "out", seconds=10)


def test_a_command_has_a_deadline_and_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_kubectl(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    with pytest.raises(CollectionError, match="no end after"):
        execute("ns", "p", "c", ["x"], output=tmp_path / "out", seconds=0.5)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_what_a_command_said_can_be_told_without_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_kubectl(tmp_path, monkeypatch, "echo 403: no >&2; exit 1")
    with pytest.raises(CommandError) as raised:
        output_of("ns", "p", "c", ["python3", "-c", "a whole program"], seconds=10)
    assert raised.value.said == "403: no"


def test_a_program_is_talked_with_in_its_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_kubectl(tmp_path, monkeypatch, 'read word; echo "$word: $*"')
    program = tmp_path / "program.py"
    program.write_text("pass")
    talk = converse(program_in("ns", "p", "c", program, ["a", "b"]))
    talk.stdin.write(b"hello\n")
    talk.stdin.close()
    assert talk.stdout.read().decode() == "hello: exec -i -n ns p -c c -- python3 -u -c pass a b\n"
    talk.stdout.close()
    talk.end()


def test_a_ctrl_c_at_the_terminal_is_not_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_kubectl(tmp_path, monkeypatch, "ps -o sid= -p $$")
    told = output_of("ns", "p", "c", ["x"], seconds=10)
    talk = converse(program_in("ns", "p", "c", Path(__file__), []))
    sessions = {int(told), int(talk.stdout.read())}
    talk.end()
    for pipe in (talk.stdin, talk.stdout):
        pipe.close()
    assert len(sessions) == 2
    assert os.getsid(0) not in sessions

"""Commands in containers, by kubectl exec: the one that is used everywhere.

Each is begun in a session of its own: a Ctrl-C at the terminal is the runner's to handle, and not kubectl's.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from experiments.errors import CollectionError


class CommandError(CollectionError):
    """A command in a container failed, or did not end in time. said: what it said, or how long it was waited for."""

    def __init__(self, command: Sequence[str], said: str, code: int | None = None) -> None:
        super().__init__(f"{' '.join(command)}: {said if code is None else f'exit code {code}: {said}'}")
        self.said = said


def output_of(namespace: str, pod: str, container: str, command: Sequence[str], *, seconds: float) -> bytes:
    """Run a command in a container; its standard output. Raises CommandError."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "output"
        execute(namespace, pod, container, command, output=file, seconds=seconds)
        return file.read_bytes()


def execute(namespace: str, pod: str, container: str, command: Sequence[str], *, output: Path, seconds: float) -> None:
    """Run a command in a container and write its standard output to a file.

    kubectl may end with success before all output was delivered, so what is written must be complete by its own form.
    Raises CommandError.
    """
    arguments = _exec(namespace, pod, container, command)
    with output.open("wb") as file:
        process = subprocess.Popen(arguments, stdout=file, stderr=subprocess.PIPE, start_new_session=True)
        try:
            _, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise CommandError(arguments, f"no end after {seconds:.0f} s") from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        raise CommandError(arguments, errors.decode(errors="replace").strip(), process.returncode)


def program_in(namespace: str, pod: str, container: str, program: Path, arguments: Sequence[str]) -> list[str]:
    """What `converse` begins to talk with a Python program in a container. program: the file of its text, here."""
    python = ["python3", "-u", "-c", program.read_text(), *arguments]
    return _exec(namespace, pod, container, python, "-i")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A process that is talked with by its standard input and output; what else it says nobody hears."""

    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]

    def end(self) -> None:
        """Have it ended at once; fine if it has."""
        self.process.kill()
        self.process.wait()


def converse(command: Sequence[str]) -> Conversation:
    """Begin a process to talk with."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    if process.stdin is None or process.stdout is None:
        raise TypeError("the program was begun without pipes")
    return Conversation(process, process.stdin, process.stdout)


def _exec(namespace: str, pod: str, container: str, command: Sequence[str], *options: str) -> list[str]:
    return ["kubectl", "exec", *options, "-n", namespace, pod, "-c", container, "--", *command]

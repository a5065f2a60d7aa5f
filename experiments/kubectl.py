"""Commands in containers, by kubectl exec."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from experiments.errors import CollectionError


def output_of(namespace: str, pod: str, container: str, command: Sequence[str], *, seconds: float) -> bytes:
    """Run a command in a container; its standard output. Raises CollectionError with what the command said."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "output"
        execute(namespace, pod, container, command, output=file, seconds=seconds)
        return file.read_bytes()


def execute(namespace: str, pod: str, container: str, command: Sequence[str], *, output: Path, seconds: float) -> None:
    """Run a command in a container and write its standard output to a file.

    By kubectl, whose exec is the one that is used everywhere. It may end with success before all output was delivered,
    so what is written must be complete by its own form. Raises CollectionError with what the command said.
    """
    arguments = ["kubectl", "exec", "-n", namespace, pod, "-c", container, "--", *command]
    with output.open("wb") as file:
        # A session of its own: a Ctrl-C at the terminal is the runner's to handle.
        process = subprocess.Popen(arguments, stdout=file, stderr=subprocess.PIPE, start_new_session=True)
        try:
            _, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise CollectionError(f"{' '.join(arguments)}: no end after {seconds:.0f} s") from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        raise CollectionError(
            f"{' '.join(arguments)}: exit code {process.returncode}: {errors.decode(errors='replace').strip()}"
        )

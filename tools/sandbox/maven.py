"""Jars by the machine's Maven, whose configuration knows how packages are had here; the checkout has their checksums.

A file of checksums has a line per jar, as ``sha256sum`` writes it. It names every jar of the folder, and no other.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from tools.sandbox.errors import SandboxError
from tools.sandbox.process import Runner

FETCH_SECONDS = 900


def fetch(
    runner: Runner,
    pom: Path,
    target: Path,
    options: Sequence[str],
    *,
    checksums: Path,
    what: str,
    without: Container[str] = (),
) -> None:
    """Copy the pom's dependencies and theirs into ``target``, but for the jars named in ``without``.

    ``options`` are those of the goal ``dependency:copy-dependencies``. SandboxError that names ``what`` when Maven
    fails, or when the jars are not those of ``checksums``.
    """
    # In a folder of its own: Maven writes beside the pom that it is given.
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(pom, folder)
        command = ["mvn", "--batch-mode", "--quiet", f"--file={copy}", "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={target}", *options]
        runner.run(command, what=what, seconds=FETCH_SECONDS, folder=Path(folder))
    for path in [path for path in target.iterdir() if path.name in without]:
        path.unlink()
    check(target, checksums, what)


def check(folder: Path, checksums: Path, what: str) -> None:
    """SandboxError, with each jar that is not as the file of checksums has it, or is missing, or is not in it."""
    wrong = differences(read(checksums), {path.name: digest(path) for path in folder.iterdir()})
    if wrong:
        raise SandboxError(
            f"{what} are not those that {checksums} pins: {'; '.join(wrong)}. Look at what the machine's Maven gets"
            " them from (its settings.xml, its local repository), delete there what is wrong, and start again"
        )


def differences(pinned: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """In which jars, by name, what was found is not what is pinned; both are checksums by name."""
    wrong = [f"{name} is missing" for name in sorted(pinned.keys() - found.keys())]
    wrong += [f"{name} is not pinned" for name in sorted(found.keys() - pinned.keys())]
    both = sorted(pinned.keys() & found.keys())
    return wrong + [f"{name} has the checksum {found[name]}" for name in both if found[name] != pinned[name]]


def read(checksums: Path) -> dict[str, str]:
    """SHA-256 by name. ValueError for a line that is not a checksum and a name."""
    pinned = {}
    for line in checksums.read_text().splitlines():
        value, name = line.split()
        pinned[name] = value
    return pinned


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

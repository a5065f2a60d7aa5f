"""The machine's Java runtimes, beside the one that is first on PATH."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

# Where distributions, Java's vendors and SDKMAN put them.
FOLDERS = ("/usr/lib/jvm", "/usr/java", "/opt/java", "~/.sdkman/candidates/java")


def find(least: int, environment: Mapping[str, str], folders: Sequence[str] = FOLDERS) -> Path | None:
    """The program ``java`` of the first runtime that is at least of this major version; None when there is none.

    Looked at, in this order: JAVA_HOME, JAVA_HOME_… (as CI services name several), ``java`` on PATH, what is in
    ``folders``.
    """
    for home in _homes(environment, folders):
        java = home / "bin" / "java"
        if os.access(java, os.X_OK) and (major(home) or 0) >= least:
            return java
    return None


def looked_at(folders: Sequence[str] = FOLDERS) -> str:
    """Where ``find`` looks, for people."""
    return f"JAVA_HOME, JAVA_HOME_…, PATH, {', '.join(folders)}"


def major(home: Path) -> int | None:
    """The major version that the runtime's file ``release`` gives, such as 17 or 8 (of "1.8.0"); None without one."""
    try:
        text = (home / "release").read_text(errors="replace")
    except OSError:
        return None
    match = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', text, re.MULTILINE)
    return int(match[1]) if match else None


def _homes(environment: Mapping[str, str], folders: Sequence[str]) -> Iterator[Path]:
    for name in sorted(environment):
        if (name == "JAVA_HOME" or name.startswith("JAVA_HOME_")) and environment[name]:
            yield Path(environment[name])
    if found := shutil.which("java", path=environment.get("PATH", os.defpath)):
        yield Path(found).resolve().parent.parent
    for folder in folders:
        yield from sorted(Path(folder).expanduser().glob("*"))

"""The version of this project, which `pyproject.toml` has, for the commands' `--version`."""

import tomllib
from pathlib import Path

NAME = "kafka-bluegreen"
_FILE = Path(__file__).resolve().parents[1] / "pyproject.toml"


def version() -> str:
    """The version; "unknown" where the file is not there, as in an image that has some of the packages alone."""
    try:
        return str(tomllib.loads(_FILE.read_text())["project"]["version"])
    except (OSError, KeyError, ValueError):
        return "unknown"


def shown() -> str:
    """What `--version` prints."""
    return f"{NAME} {version()}"

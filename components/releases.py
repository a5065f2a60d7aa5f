"""The definitions of a release's kinds as they are kept here: its own, but for what is reduced.

They are files of ours, made anew from the release's by `Definitions.write`. What is here knows nothing of Pulumi.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_FILES = Path(__file__).with_name("files")


@dataclass(frozen=True)
class Definitions:
    """release: its version. place: where the release has them, below the folder of its module. folder: where we do,
    below `components/files`. files: by the file's name, ours and the release's. head: the comment that each begins
    with, given `version` and `name`. reduced: makes a definition of the release what is installed here; raises KeyError
    for one of another form.
    """

    release: str
    place: str
    folder: str
    files: Mapping[str, str]
    head: str
    reduced: Callable[[dict[str, Any]], dict[str, Any]]

    def read(self) -> list[dict[str, Any]]:
        """As the API server takes them."""
        folder = _FILES / self.folder
        return [yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in self.files]

    def write(self, program: str, arguments: Sequence[str]) -> int:
        """Write our files from the release's, in the folder that is the one argument; returns the exit code of
        `program`.
        """
        if len(arguments) != 1:
            print(f"usage: python -m {program} FOLDER, {self.place} of {self.release}", file=sys.stderr)
            return 2
        for name, origin in self.files.items():
            made = self.reduced(yaml.safe_load((Path(arguments[0]) / origin).read_text(encoding="utf-8")))
            text = yaml.safe_dump(made, sort_keys=False, width=120)
            head = self.head.format(version=self.release, name=origin)
            (_FILES / self.folder / name).write_text(head + text, encoding="utf-8")
            print(f"{name} written")
        return 0

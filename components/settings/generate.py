"""Writes what is derived from the declared keys: `python -m components.settings.generate [--check]`.

Three files have a part between two markers, which is ours; the rest of them is written by hand: Pulumi.yaml (the keys),
the definition of KafkaConsumerSwitch (its spec), docs/configuration.md (the table of keys). With `--check` nothing is
written; exit code 1 and a line for each file that is not as it would be.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from components import generated
from components.settings import keys
from components.settings.render import as_yaml, pulumi_config, table_of_keys
from components.settings.schema import spec_schema

ROOT = Path(__file__).parents[2]
COMMAND = "python -m components.settings.generate"
_BEGIN, _END = "generated from components/settings", "end of what is generated"


class MarkerError(generated.NotMadeError):
    """A file does not have the two markers between which the generated part is."""


@dataclass(frozen=True)
class Part:
    """The generated part of one file. comment: a marker's line, with `{}` for its text."""

    path: Path
    comment: str
    text: Callable[[], str]

    def wanted(self) -> str:
        """The file as it should be. Raises `MarkerError`."""
        return self.applied(self.path.read_text(encoding="utf-8"))

    def applied(self, content: str) -> str:
        """The file's content with the part as it should be. Raises `MarkerError`."""
        lines = content.splitlines(keepends=True)
        found = [
            [number for number, line in enumerate(lines) if line.strip() == self.comment.format(marker)]
            for marker in (_begin(), _END)
        ]
        if [len(numbers) for numbers in found] != [1, 1] or found[0][0] > found[1][0]:
            raise MarkerError(
                f"{self.path.name}: needs one line {self.comment.format(_begin())!r}, and one "
                f"{self.comment.format(_END)!r} behind it"
            )
        return "".join(lines[: found[0][0] + 1]) + self.text() + "".join(lines[found[1][0] :])


def _begin() -> str:
    return f"{_BEGIN}: {COMMAND}"


def parts(root: Path = ROOT) -> tuple[Part, ...]:
    """The parts that are generated."""
    return (
        Part(root / "Pulumi.yaml", "# {}", lambda: as_yaml(pulumi_config(keys.declared()), 2)),
        Part(root / "components" / "files" / "kafkaconsumerswitch.yaml", "# {}", lambda: as_yaml(spec_schema(), 14)),
        Part(root / "docs" / "configuration.md", "<!-- {} -->", lambda: table_of_keys(keys.declared())),
    )


def main(arguments: Sequence[str]) -> int:
    """Write or check; returns the exit code."""
    files = [(part.path, part.wanted) for part in parts()]
    return generated.main(COMMAND, arguments, files, of="the settings")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.sandbox.errors import SandboxError
from tools.sandbox.kubectl import Kubectl
from tools.sandbox.paths import Layout
from tools.sandbox.process import Runner


class _Program(Runner):
    """Stands in for kubectl: notes what it is called with, and what the file has that is applied."""

    def __init__(self, fails: str = "") -> None:
        super().__init__()
        self._fails = fails
        self.calls: list[list[str]] = []
        self.applied: list[str] = []

    def run(self, command: Sequence[str | Path], *, what: str, **_: Any) -> str:
        arguments = [str(part) for part in command[3:]]
        self.calls.append(arguments)
        self.applied += [
            Path(part.partition("=")[2]).read_text() for part in arguments if part.startswith("--filename=")
        ]
        if self._fails and self._fails in arguments:
            raise SandboxError(f"{what}: ended with status 1")
        return ""


def _kubectl(layout: Layout, program: _Program) -> Kubectl:
    layout.run.mkdir(parents=True)
    return Kubectl(layout, Path("/nowhere/kubectl"), program)


def test_definitions_are_there_once_they_are_served(layout: Layout) -> None:
    program = _Program()
    _kubectl(layout, program).define("kind: A", ["a.example", "b.example"], "the definitions")
    applied, waited = program.calls
    # Of the server's side: the other kind keeps the whole of it in an annotation, for which these are too large.
    assert applied[:3] == ["apply", "--server-side", "--force-conflicts"]
    assert program.applied == ["kind: A"]
    assert waited[:2] == ["wait", "--for=condition=Established"]
    assert waited[2:4] == ["customresourcedefinition/a.example", "customresourcedefinition/b.example"]
    assert waited[4].startswith("--timeout=")


@pytest.mark.parametrize(
    ("fails", "message"), [("apply", "the definitions:"), ("wait", "the definitions to be served")]
)
def test_what_failed_is_named(layout: Layout, fails: str, message: str) -> None:
    with pytest.raises(SandboxError, match=message):
        _kubectl(layout, _Program(fails)).define("kind: A", ["a.example"], "the definitions")

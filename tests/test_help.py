"""Every option of every command says what it is: nobody should have to read the source for it."""

import argparse
import importlib
from collections.abc import Iterator

import pytest

#: Modules with a `main(arguments)` that a person calls.
COMMANDS = (
    "experiments.cli",
    "experiments.logs.benchmark",
    "tools.sandbox.cli",
    "tools.validator.cli",
    "tools.validator.benchmark",
    "workloads.page.benchmark",
    "workloads.consumer.benchmark",
    "workloads.producer.benchmark",
    "workloads.records",
    "tests.protocol.model",
    "tests.applications.matrix",
)


class ParserFoundError(Exception):
    """The parser that was about to parse."""


def parser_of(module: str, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """The parser that a command's `main` makes."""

    def stop(self: argparse.ArgumentParser, *_: object) -> argparse.Namespace:
        raise ParserFoundError(self)

    with monkeypatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_args", stop)
        with pytest.raises(ParserFoundError) as found:
            importlib.import_module(module).main([])
    parser = found.value.args[0]
    assert isinstance(parser, argparse.ArgumentParser)
    return parser


def without_help(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Each option of a parser and of its commands that says nothing of itself."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helped = {choice.dest for choice in action._choices_actions if choice.help}
            for name, command in action.choices.items():
                if name not in helped:
                    yield f"{parser.prog} {name}"
                yield from without_help(command)
        elif not action.help:
            yield f"{parser.prog} {'/'.join(action.option_strings) or action.dest}"


@pytest.mark.parametrize("module", COMMANDS)
def test_every_option_has_help(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(without_help(parser_of(module, monkeypatch))) == []


def test_one_without_help_is_found() -> None:
    parser = argparse.ArgumentParser(prog="x")
    parser.add_argument("--told", help="what it is")
    parser.add_argument("--hidden", help=argparse.SUPPRESS)
    parser.add_argument("--mute")
    commands = parser.add_subparsers()
    commands.add_parser("go", help="goes").add_argument("where")
    commands.add_parser("stay")
    assert list(without_help(parser)) == ["x --mute", "x go where", "x stay"]

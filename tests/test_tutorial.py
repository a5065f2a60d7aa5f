"""What the pages tell to type is what shell, runner and settings take, and each strategy is switched by hand.

Needs bash, which checks its grammar; nothing of it is run.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic.alias_generators import to_camel

from components.names import PLATFORM_STACK
from components.settings import SettingsError, platform_settings, registry, strategy_settings
from components.settings.application import Application
from components.settings.declare import NAMESPACE
from components.strategies.base import strategy
from experiments import cli, complexity, options
from experiments.errors import PreflightError
from experiments.options import Options
from experiments.preflight import strategy_settings_of
from experiments.scenarios import SCENARIOS
from experiments.stacks import Configuration

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "tutorial").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: An item of a list: its key, and its number.
ITEM = re.compile(r"(.+)\[(\d+)\]")
STEP = re.compile(r'\["([^"]+)"\]|([^.\[\]]+)')
#: A key that a page sets in order to show that it is refused.
WRONG = "colour"


def blocks(page: Path) -> list[str]:
    """The shell of a page; what stands for a name to be put in is one."""
    return [block.replace("<run>", "RUN") for block in BLOCK.findall(page.read_text(encoding="utf-8"))]


def commands(page: Path, program: str) -> Iterator[list[str]]:
    """The arguments of a page's commands that begin with these words, in their order."""
    for block in blocks(page):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith(f"{program} "):
                for command in re.split(r" && | \| ", line):
                    words = shlex.split(command, comments=True)
                    if words[: len(program.split())] == program.split():
                        yield words[len(program.split()) :]


RUNS = sorted({shlex.join(arguments) for page in PAGES for arguments in commands(page, "python -m experiments run")})


TOLD = sorted({shlex.join(arguments) for page in PAGES for arguments in commands(page, "python -m experiments")})


def _name(page: Path) -> str:
    return page.name


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_shell_can_read_it(page: Path) -> None:
    for block in blocks(page):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, f"{done.stderr}\n{block}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_is_forwarded_is_waited_for(page: Path) -> None:
    """Who forwards a port in the background and asks at once is refused: the first request has to wait."""
    for block in blocks(page):
        lines = block.splitlines()
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            if "port-forward" in line and line.split("#")[0].rstrip().endswith("&"):
                assert "--retry-connrefused" in following, f"{line}\n{following}"


def test_there_are_runs_of_every_strategy() -> None:
    assert len(RUNS) > 15
    assert all(any(f"--strategy {letter}" in run for run in RUNS) for letter in registry.models())


@pytest.mark.parametrize("told", TOLD)
def test_the_command_line_takes_what_a_page_tells_to_type(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_command", lambda *_: cli.PASSED)
    try:
        code: object = cli.main(shlex.split(told))
    except SystemExit as ended:
        code = ended.code
    assert code == cli.PASSED


@pytest.mark.parametrize("told", RUNS)
def test_the_runner_takes_the_run_and_its_configuration(
    told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Options] = []

    def execute(given: Options, *_: object) -> Any:
        asked.append(given)
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "execute", execute)
    assert cli.main(["run", *shlex.split(told)]) == cli.INTERRUPTED
    (found,) = asked
    configuration = Configuration(ROOT, found.stack, tmp_path / "stack.yaml", like=found.standing)
    configuration.set(strategy=found.strategy, **found.scenario.configuration)
    configuration.set(**found.overrides)
    assert strategy_settings_of(configuration).strategy == found.strategy


def test_with_shared_workers_the_normal_switch_is_refused_as_the_page_says(tmp_path: Path) -> None:
    configuration = Configuration(ROOT, "strategy-e", tmp_path / "stack.yaml")
    configuration.set(strategy="e", connect="shared", **SCENARIOS["1"].configuration)
    with pytest.raises(PreflightError, match="contradicts connect: shared"):
        strategy_settings_of(configuration)


def _listed(value: object) -> object:
    """What was set by numbers, `key[0]`, as a list."""
    numbered = isinstance(value, dict) and value and all(str(key).isdecimal() for key in value)
    return list(value.values()) if numbered and isinstance(value, dict) else value


class Stacks:
    """The configuration of each stack as a page's commands have left it."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Any]] = {}

    def of(self, stack: str) -> dict[str, Any]:
        """Its keys; at first those of its file."""
        if stack not in self._of:
            file = ROOT / "stacks" / f"Pulumi.{stack}.yaml"
            given = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
            self._of[stack] = {
                key.removeprefix(f"{NAMESPACE}:"): value for key, value in given.get("config", {}).items()
            }
        return self._of[stack]

    def put_back(self) -> None:
        """`git checkout stacks/`."""
        self._of.clear()

    def change(self, stack: str, words: list[str], *, path: bool) -> None:
        """`pulumi config set KEY VALUE` or `rm KEY`."""
        what, key, *value = words
        place = self.of(stack)
        if path and (item := ITEM.fullmatch(key)):
            *before, key = item[1].split(".")
            for step in before:
                place = place.setdefault(step, {})
            items = place.setdefault(key, [])
            assert len(items) == int(item[2]), f"{words}: the next item of the list is {len(items)}"
            items.append(yaml.safe_load(value[0]))
            return
        steps = [quoted or plain for quoted, plain in STEP.findall(key)] if path else [key]
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        if what == "rm":
            del place[steps[-1]]
        else:
            place[steps[-1]] = yaml.safe_load(value[0]) if path else value[0]

    def read(self, stack: str) -> None:
        """As the program does. Raises SettingsError."""
        found = {key: _listed(value) for key, value in self.of(stack).items()}
        raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}
        if stack == PLATFORM_STACK:
            platform_settings(raw)
        else:
            strategy_settings(raw, stack)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_configuration_that_a_page_makes_is_taken(page: Path) -> None:
    stacks = Stacks()
    for block in blocks(page):
        for line in block.splitlines():
            words = shlex.split(line, comments=True) if line.startswith(("pulumi ", "git ")) else []
            if words[:2] == ["git", "checkout"]:
                stacks.put_back()
            if "-s" not in words:
                continue
            stack = words[words.index("-s") + 1]
            rest = [word for word in words[1 : words.index("-s")] if word not in {"--path", "--diff", "--yes"}]
            if rest[0] == "config":
                stacks.change(stack, rest[1:], path="--path" in words)
            elif rest[0] in {"up", "preview"} and WRONG in stacks.of(stack):
                with pytest.raises(SettingsError, match=WRONG):
                    stacks.read(stack)
            elif rest[0] in {"up", "preview"}:
                stacks.read(stack)


def yaml_blocks(page: Path) -> list[str]:
    """The files that a page shows."""
    return re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


STACKS_SHOWN = [(page, block) for page in PAGES for block in yaml_blocks(page) if f"{NAMESPACE}:strategy" in block]


@pytest.mark.parametrize(("page", "block"), STACKS_SHOWN, ids=[page.stem for page, _ in STACKS_SHOWN])
def test_a_stack_that_a_page_shows_is_taken(page: Path, block: str) -> None:
    assert page.exists()
    given = {key.removeprefix(f"{NAMESPACE}:"): value for key, value in yaml.safe_load(block)["config"].items()}
    raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
    strategy_settings(raw, f"strategy-{raw['strategy']}-shown")


def test_the_page_about_applications_shows_all_that_one_can_be_given() -> None:
    (block,) = yaml_blocks(ROOT / "docs" / "applications.md")
    shown = yaml.safe_load(block)["config"][f"{NAMESPACE}:green"]["application"]
    assert set(shown) == {to_camel(name) for name in Application.model_fields}


@pytest.mark.parametrize("letter", sorted(registry.models()))
def test_a_strategy_is_switched_by_hand_there_and_back(letter: str) -> None:
    (page,) = (ROOT / "tutorial").glob(strategy(letter).page)
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^## [\d.]+ (.+)$", text, re.MULTILINE)
    assert set(complexity.SECTIONS) <= set(headings)
    assert complexity.commands(text) > 0
    # What is counted is the same kind of commands everywhere: else the strategies would be compared by their pages.
    for command in ("pulumi config set active green", "pulumi config set active blue"):
        assert f"{command} -s strategy-{letter}" in text


def test_the_options_of_keys_are_in_the_runners_page() -> None:
    text = (ROOT / "tutorial" / "03-run-an-experiment.md").read_text(encoding="utf-8")
    assert [option.name for option in options.key_options() if f"`{option.name}`" not in text] == []

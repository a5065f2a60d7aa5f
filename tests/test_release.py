"""What a release rests on: one version that all commands tell, its changelog, and hooks that run what is here."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tools import version

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize("program", ["experiments", "tools.validator", "tools.sandbox"])
def test_every_command_tells_the_version(program: str) -> None:
    command = [sys.executable, "-m", program, "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == f"kafka-bluegreen {VERSION}\n"


def test_the_changelogs_newest_version_is_this_one() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    newest, date = re.findall(r"^## (\S+) \((.+)\)$", text, re.MULTILINE)[0]
    assert newest == VERSION
    assert date == "not released" or re.fullmatch(r"\d{4}-\d\d-\d\d", date)


def test_without_its_file_the_version_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(version, "_FILE", tmp_path / "pyproject.toml")
    assert version.shown() == "kafka-bluegreen unknown"


def test_hooks_run_programs_and_commands_that_are_here() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [one["repo"] for one in repositories] == ["local"]
    wanted = (ROOT / "requirements.in").read_text().split()
    for hook in repositories[0]["hooks"]:
        program, *arguments = hook["entry"].split()
        folder, name = program.rsplit("/", 1)
        assert folder == ".venv/bin"
        assert name == "python" or {"lint-imports": "import-linter"}.get(name, name) in wanted
        if name == "python" and arguments[1] not in ("pytest", "experiments"):
            assert (ROOT / Path(*arguments[1].split("."))).with_suffix(".py").is_file()
        assert all((ROOT / one).exists() for one in arguments if one.startswith("tests/"))


def test_contributing_names_commands_that_make_has() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z0-9]+)", (ROOT / "CONTRIBUTING.md").read_text()))
    assert named <= targets | {"PYTHON"}
    paths = re.findall(
        r"`((?:components|experiments|workloads|tools|tests|report|stacks)/[\w./-]*)`",
        (ROOT / "CONTRIBUTING.md").read_text(),
    )
    assert [path for path in paths if not (ROOT / path).exists()] == []

"""The program run by the real engine: the repository's own, in a folder whose stack files can be written to."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pulumi import automation

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Project:
    """A folder from which the engine runs the repository's program. environment: added to the process's own."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def make(cls, folder: Path, environment: Mapping[str, str] | None = None) -> "Project":
        for name in ("Pulumi.yaml", "__main__.py", "components", ".venv"):
            (folder / name).symlink_to(ROOT / name)
        shutil.copytree(ROOT / "stacks", folder / "stacks")
        return cls(folder, environment or {})

    def stack(
        self, name: str, configuration: Mapping[str, str] | None = None, others: Mapping[str, str] | None = None
    ) -> automation.Stack:
        """The stack, made if need be, with exactly this configuration (of the namespace of the project). others: texts
        by their full keys, such as `kubernetes:kubeconfig`.
        """
        lines = [f"  kafka-bluegreen:{key}: {value}" for key, value in (configuration or {}).items()]
        lines += [f"  {key}: {json.dumps(value)}" for key, value in (others or {}).items()]
        text = "config:\n" + "\n".join(lines) + "\n" if lines else "config: {}\n"
        (self.folder / "stacks" / f"Pulumi.{name}.yaml").write_text(text, encoding="utf-8")
        options = automation.LocalWorkspaceOptions(env_vars=dict(self.environment))
        return automation.create_or_select_stack(name, work_dir=str(self.folder), opts=options)


@dataclass(frozen=True)
class Changed:
    """What a preview or an update does to one resource. fields: the paths that differ."""

    operation: str
    name: str
    fields: tuple[str, ...]


def differences(old: object, new: object, path: str = "") -> list[str]:
    """The paths at which two objects of inputs differ, such as `spec.active`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            line
            for key in {*old, *new}
            if not str(key).startswith("__")
            for line in differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
        ]
    return [] if old == new else [path]


class Log:
    """Collects an update's events: give it as `on_event`. errors, told: its messages, and those that are no errors."""

    def __init__(self) -> None:
        self.changes: list[Changed] = []
        self.errors: list[str] = []
        self.told: list[str] = []

    def __call__(self, event: automation.EngineEvent) -> None:
        if event.resource_pre_event is not None:
            step = event.resource_pre_event.metadata
            if step.op not in {automation.OpType.SAME, automation.OpType.READ}:
                old, new = (state.inputs if state else {} for state in (step.old, step.new))
                fields = tuple(sorted(differences(old, new)))
                kind, _, name = step.urn.split("::", 2)[2].rpartition("::")
                self.changes.append(Changed(str(step.op.value), f"{kind.rpartition(':')[2]}/{name}", fields))
        if event.diagnostic_event is not None:
            found = self.errors if event.diagnostic_event.severity == "error" else self.told
            found.append(event.diagnostic_event.message)

    @property
    def order(self) -> list[str]:
        """What was changed, in its order."""
        return [change.name for change in self.changes]


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Run kubectl on the cluster under test; its output. Raises AssertionError with what it said when it failed."""
    done = subprocess.run(
        ["kubectl", *arguments], input=stdin, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def require_environment(*names: str) -> dict[str, str]:
    """Variables that the sandbox's `env` prints. Raises AssertionError with what to run when one is missing."""
    missing = [name for name in names if not os.environ.get(name)]
    assert not missing, f'{", ".join(missing)} not set; run: eval "$(python -m tools.sandbox env)"'
    return {name: os.environ[name] for name in names}

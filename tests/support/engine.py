"""The program run by the real engine: the repository's own, in a folder whose stack files can be written to."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pulumi import automation

from components.names import PLATFORM_NAMESPACE
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
_SAID_SECONDS = 90.0


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


def topics(*arguments: str) -> str:
    """What the runbooks begin with, in the broker's pod."""
    script = ("/opt/kafka/bin/kafka-topics.sh", "--bootstrap-server", "localhost:9092")
    return kubectl("exec", "-n", PLATFORM_NAMESPACE, "kafka-0", "-c", "kafka", "--", *script, *arguments)


def require_environment(*names: str) -> dict[str, str]:
    """Variables that the sandbox's `env` prints. Raises AssertionError with what to run when one is missing."""
    missing = [name for name in names if not os.environ.get(name)]
    assert not missing, f'{", ".join(missing)} not set; run: eval "$(python -m tools.sandbox env)"'
    return {name: os.environ[name] for name in names}


class Updating:
    """`pulumi up` as a user's shell has it: what it says while it runs, and an end that can be asked for."""

    def __init__(self, project: Project, name: str, config_file: Path | None = None) -> None:
        self._events = project.folder / f"events-{name}-{time.monotonic_ns()}.jsonl"
        command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--color=never", f"--stack={name}"]
        command += [f"--config-file={config_file}"] if config_file else []
        self.process = subprocess.Popen(
            [*command, f"--event-log={self._events}"],
            cwd=project.folder,
            # --event-log is one of the CLI's hidden flags, which the Automation API uses in this way, too.
            env={**os.environ, **project.environment, "PULUMI_DEBUG_COMMANDS": "true"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def said(self) -> list[str]:
        """Its diagnostics so far."""
        lines = self._events.read_text(encoding="utf-8").splitlines() if self._events.exists() else []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):  # the last one may be in the middle of being written
                found.append(str(json.loads(line).get("diagnosticEvent", {}).get("message", "")))
        return [text for text in found if text]

    def wait_said(self, *texts: str) -> None:
        """Until one diagnostic has all of these."""

        def seen() -> bool:
            said = self.said()
            assert self.process.poll() is None or any(all(t in one for t in texts) for one in said), said
            return any(all(t in one for t in texts) for one in said)

        until(f"{texts} from pulumi up", seen, _SAID_SECONDS, 0.2)

    def interrupt(self) -> None:
        """Ctrl-C, once; returns when Pulumi has ended."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def kill(self) -> None:
        """As when the machine goes: Pulumi writes nothing any more."""
        begun = [
            self.process.pid,
            *_descendants(self.process.pid),
        ]  # language host and providers have sessions of their own
        for pid in begun:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(60)


def _descendants(pid: int) -> list[int]:
    """Every process that one has begun, and those that they have."""
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, file.read_text(encoding="utf-8").split())
    return found + [further for child in found for further in _descendants(child)]

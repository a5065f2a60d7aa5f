"""The stacks, driven as a user drives them: configuration in a file, `up` of the repository's own program, through the
Automation API.

The program is never inline, or the test would run another program than the user. A run works on its own copy of the
stack's configuration file (`--config-file`), so that no run, however it ends, changes what is checked in.

If the runner is killed, Pulumi goes on to its end, and the next run waits for it; a lock whose process is gone is
cancelled.
"""

import json
import os
import re
import select
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation

from experiments.errors import DeadlineError, ExperimentError, PreflightError
from experiments.interrupts import Interrupted, Interrupts
from experiments.progress import Progress
from experiments.pulumi_process import PulumiProcess

PROJECT = "kafka-bluegreen"
_SALT = "encryptionsalt"
_LOCK_WAIT_SECONDS = 300.0
_SWITCHING = re.compile(r":KafkaConsumerSwitch\s.*\bupdating\b")
_SWITCHING_SECONDS = 180.0
#: What Pulumi, or the program itself, says when the state is behind the cluster.
_CUT_OFF = ("pending operations", "is not as Pulumi wrote it last")
_RESOURCE_LINE = re.compile(r"^\s*[+~\-]+\s.*\b(created|updated|deleted|replaced|failed)\b.*\(\d+")


class UpdateError(ExperimentError):
    """`up` failed; the message is what Pulumi said, without its progress."""


@dataclass(frozen=True, slots=True)
class Update:
    """One `up` that returned.

    Seconds on the monotonic clock, the wall clock just before it, and what it said if it failed.
    """

    commanded_at: float
    seconds: float
    error: str | None


class Configuration:
    """A stack's configuration for one run: a copy of what is checked in, changed in a file of its own. like: of which
    other stack it is a copy, for one of which nothing is checked in.
    """

    def __init__(self, repository: Path, stack: str, file: Path, like: str = "") -> None:
        self.stack = stack
        self.file = file
        self.checked_in = repository / "stacks" / f"Pulumi.{like or stack}.yaml"
        self.own = repository / "stacks" / f"Pulumi.{stack}.yaml"
        try:
            self._settings: dict[str, Any] = yaml.safe_load(self.checked_in.read_text()) or {}
        except (OSError, yaml.YAMLError) as error:
            raise PreflightError(f"the configuration of stack {stack} cannot be read: {error}") from error
        self._values: dict[str, Any] = dict(self._settings.get("config") or {})

    def set(self, **values: Any) -> None:
        """Set keys of the project's configuration and write the file.

        A dictionary is merged into the one that is there, at every depth; None is left alone.
        """
        for key, value in values.items():
            full = f"{PROJECT}:{key}"
            if value is not None:
                self._values[full] = merged(self._values.get(full), value)
        self._keep_salt()
        self.file.write_text(yaml.safe_dump({**self._settings, "config": self._values}, sort_keys=False))

    def put_back(self, key: str) -> None:
        """Have a key as it is checked in, and write the file."""
        full = f"{PROJECT}:{key}"
        self._values.pop(full, None)
        self.set(**{key: (self._settings.get("config") or {}).get(full)})

    def share_salt(self, other: "Configuration") -> None:
        """Have the salt that Pulumi made for the other stack, unless this one has its own.

        A program that reads another stack's outputs derives that stack's key, too; of one salt there is one key.
        """
        self._keep_salt()
        if _SALT not in self._settings and (salt := other.written().get(_SALT)):
            self._settings[_SALT] = salt

    def written(self) -> dict[str, Any]:
        """What stands in the file, Pulumi's own lines included."""
        return (yaml.safe_load(self.file.read_text()) or {}) if self.file.exists() else {}

    def _keep_salt(self) -> None:
        """Pulumi writes the salt of its state's key into the file, as it does for a user, who keeps it. Without it each
        `up` would make a new one: two keys to derive in place of one.
        """
        if salt := self.written().get(_SALT):
            self._settings[_SALT] = salt

    def raw(self) -> dict[str, str]:
        """The project's keys as Pulumi hands them to a program: text, and objects as JSON; a secret in an object as
        something that is none. Raises PreflightError for a key that is a secret as a whole.
        """
        found = {}
        for key, value in self._own().items():
            if _is_secret(value):
                raise PreflightError(
                    f"{PROJECT}:{key} is a secret as a whole, which a run cannot read; keep secret what has to be: "
                    f"pulumi config set --secret --path '{key}.config[\"sasl.password\"]' -s {self.stack}"
                )
            found[key] = value if isinstance(value, str) else json.dumps(_unread(value))
        return found

    def secrets(self) -> frozenset[str]:
        """Those of the project's keys that have a secret in them."""
        return frozenset(key for key, value in self._own().items() if _unread(value) != value)

    def _own(self) -> dict[str, Any]:
        prefix = f"{PROJECT}:"
        return {k.removeprefix(prefix): value for k, value in self._values.items() if k.startswith(prefix)}


def _is_secret(value: Any) -> bool:
    """Whether this is what Pulumi writes in the place of a secret."""
    return isinstance(value, dict) and value.keys() == {"secure"}


def _unread(value: Any) -> Any:
    """A value with 0 for each secret in it: a number, a text and a truth value to whoever takes it."""
    if not isinstance(value, dict):
        return value
    return "0" if _is_secret(value) else {key: _unread(inner) for key, inner in value.items()}


def merged(old: Any, new: Any) -> Any:
    """`new` over `old`: objects key by key, at every depth; anything else in the place of what was there."""
    if not isinstance(new, dict):
        return new
    base = old if isinstance(old, dict) else {}
    return {**base, **{key: merged(base.get(key), value) for key, value in new.items()}}


class Stack:
    """One stack of the repository's program, with the configuration of this run. It is created if it is missing."""

    def __init__(
        self, repository: Path, configuration: Configuration, interrupts: Interrupts, progress: Progress
    ) -> None:
        self.name = configuration.stack
        self.configuration = configuration
        self._progress = progress
        self._interrupts = interrupts
        configuration.set()
        self._config_file = configuration.file
        self._switching = threading.Event()
        options = automation.LocalWorkspaceOptions(pulumi_command=PulumiProcess(interrupts))
        # Creating a stack writes a salt into the file that is checked in; every `up` of a run writes one into its own.
        own = configuration.own
        before = own.read_bytes() if own.exists() else None
        try:
            self._stack = automation.create_or_select_stack(self.name, work_dir=str(repository), opts=options)
        except automation.CommandError as error:
            raise PreflightError(f"stack {self.name} can be neither selected nor created:\n{error}") from error
        finally:
            if before is None:
                own.unlink(missing_ok=True)
            elif own.read_bytes() != before:
                own.write_bytes(before)

    def up(self, configuration: Configuration | None = None) -> Update:
        """One measured `up`, with another configuration than the run's if one is given. Never raises for a failed
        update: that is a result.
        """
        if configuration is not None:
            configuration.set()
        commanded_at, begun = time.time(), time.monotonic()
        try:
            self._up(self._note, configuration)
        except automation.CommandError as error:
            return Update(commanded_at, time.monotonic() - begun, _what_pulumi_said(str(error)))
        finally:
            self._switching.clear()
        return Update(commanded_at, time.monotonic() - begun, None)

    def wait_switching(self, seconds: float = _SWITCHING_SECONDS) -> None:
        """Wait until the `up` that is under way in another thread writes the switch. Raises DeadlineError."""
        if not self._switching.wait(seconds):
            raise DeadlineError(
                f"pulumi up of stack {self.name} to write the switch", seconds, "not yet, or it is over"
            )

    def _note(self, line: str) -> None:
        """Pulumi says what it is about to write, some milliseconds before it does."""
        if _SWITCHING.search(line):
            self._switching.set()

    def _up(self, on_output: Callable[[str], Any] | None = None, configuration: Configuration | None = None) -> None:
        with self._unlocking():
            self._stack.up(
                config_file=str(configuration.file if configuration else self._config_file),
                suppress_outputs=True,
                show_secrets=False,
                color="never",
                on_output=on_output,
            )

    @contextmanager
    def _unlocking(self) -> Iterator[None]:
        """Release the stack when an interrupt came before Pulumi was ready to do it by itself: it locks early."""
        try:
            yield
        except Interrupted:
            # What fails here must not take the interrupt's place; the next run does it again.
            with self._interrupts.shielded(), suppress(automation.CommandError, ExperimentError):
                self._release_stale_lock()
            raise

    def prepare(self, drifted: Callable[[], str | None]) -> None:
        """Bring the stack to its configuration from whatever a former run left. Raises UpdateError with what Pulumi
        said.

        `drifted` says what of the live objects is not as configured although Pulumi took it for done (a run killed
        between writing the cluster and writing the state leaves that); then the state is read from the cluster and `up`
        runs once more.
        """
        self._release_stale_lock()
        with self._progress.step(f"pulumi up, stack {self.name}"):
            error = self._up_showing()
            drift = drifted()
            if drift is None and error is not None and any(sign in error for sign in _CUT_OFF):
                drift = "an update was cut off"
            if drift is not None:
                self._refresh(drift)
                error = self._up_showing()
        if error is not None:
            raise UpdateError(f"pulumi up of stack {self.name} failed:\n{error}")
        if (drift := drifted()) is not None:
            raise UpdateError(f"pulumi up of stack {self.name} returned without an error, but {drift}")

    def _up_showing(self) -> str | None:
        def show(line: str) -> None:
            if _RESOURCE_LINE.search(line):
                self._progress.say(f"  {' '.join(line.split())}")

        try:
            self._up(show)
        except automation.ConcurrentUpdateError as error:
            raise UpdateError(
                f"stack {self.name} is locked by another update; "
                f"wait for it, or end it with: pulumi cancel --stack {self.name}\n{error}"
            ) from error
        except automation.CommandError as error:
            return _what_pulumi_said(str(error))
        return None

    def take_away(self) -> str | None:
        """Destroy everything of the stack, and the stack; returns what Pulumi said if that failed."""
        with self._progress.step(f"pulumi destroy, stack {self.name}"):
            try:
                with self._unlocking():
                    self._stack.destroy(suppress_outputs=True, show_secrets=False, color="never", remove=True)
            except automation.CommandError as error:
                return _what_pulumi_said(str(error))
        return None

    def _refresh(self, why: str) -> None:
        self._progress.say(f"  {why}: reading the stack's state from the cluster")
        with self._unlocking():
            self._stack.refresh(
                config_file=str(self._config_file),
                show_secrets=False,
                color="never",
                clear_pending_creates=True,
                run_program=False,
            )

    def output(self, name: str) -> str:
        """One of the stack's outputs. Raises UpdateError if it has none of that name."""
        outputs = self._stack.outputs()
        if name not in outputs:
            raise UpdateError(f"stack {self.name} has no output {name}; is it deployed by this checkout?")
        return str(outputs[name].value)

    def provider_versions(self) -> dict[str, str]:
        """The provider plugins that made the deployed resources, by package, from the stack's state."""
        deployment = self._stack.export_stack().deployment or {}
        versions = {}
        for resource in deployment.get("resources", []):
            kind = str(resource.get("type", ""))
            if kind.startswith("pulumi:providers:") and (version := resource.get("inputs", {}).get("version")):
                versions[kind.rpartition(":")[2]] = str(version)
        return versions

    def _release_stale_lock(self) -> None:
        """Cancel the lock of a process that is gone; wait for one that is not."""
        for lock in locks(os.environ.get("PULUMI_BACKEND_URL", ""), self.name):
            if lock.host != socket.gethostname():
                raise UpdateError(
                    f"stack {self.name} is locked by process {lock.pid} on {lock.host}; "
                    f"if it is gone: pulumi cancel --stack {self.name}"
                )
            if (descriptor := _open_process(lock.pid)) is not None:
                try:
                    with self._progress.step(
                        f"stack {self.name} is being updated by process {lock.pid}: waiting for its end"
                    ):
                        if not select.select([descriptor], [], [], _LOCK_WAIT_SECONDS)[0]:
                            raise UpdateError(
                                f"process {lock.pid} has been updating stack {self.name} "
                                f"for more than {_LOCK_WAIT_SECONDS:.0f} s; "
                                f"end it, or run: pulumi cancel --stack {self.name}"
                            )
                finally:
                    os.close(descriptor)
            if lock.file.exists():
                self._progress.say(f"stack {self.name}: cancelling the lock of process {lock.pid}, which is gone")
                self._stack.cancel()


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock of Pulumi's file backend."""

    file: Path
    pid: int
    host: str


def locks(backend: str, stack: str) -> list[Lock]:
    """The locks on a stack in a file backend; none for another backend, whose service ends locks by itself.

    Layout of the DIY backend: `.pulumi/locks/organization/<project>/<stack>/<id>.json` with `pid`, `username`,
    `hostname`, `timestamp`.
    """
    if not backend.startswith("file://"):
        return []
    folder = Path(backend.removeprefix("file://")).expanduser() / ".pulumi" / "locks" / "organization" / PROJECT / stack
    found = []
    for file in sorted(folder.glob("*.json")):
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            content = json.loads(file.read_text())
            found.append(Lock(file, int(content["pid"]), str(content["hostname"])))
    return found


def _open_process(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends.

    None if it is gone, or if the number is another program's by now.
    """
    try:
        if "pulumi" not in Path(f"/proc/{pid}/comm").read_text():
            return None
        return os.pidfd_open(pid)
    except OSError:
        return None


def _what_pulumi_said(text: str) -> str:
    """Of a failed command's whole output, the lines from `Diagnostics:` on; all of it if there is none."""
    _, found, diagnostics = text.partition("Diagnostics:")
    return (diagnostics.split("\nResources:")[0] if found else text).strip()


def require_programs() -> None:
    """Raise PreflightError unless the command line programs are there that a run calls."""
    for program in ("pulumi", "kubectl"):
        if shutil.which(program) is None:
            raise PreflightError(f'{program} is not on PATH; run: eval "$(python -m tools.sandbox env)"')

"""What is done to Pulumi's locks and its configuration; the engine itself is the end-to-end tests' matter."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.automation import CommandError, CommandResult

from components.settings import ConsumerColorSettings
from experiments import stacks
from experiments.errors import DeadlineError, PreflightError
from experiments.interrupts import Interrupted, Interrupts
from experiments.preflight import strategy_settings_of
from experiments.progress import Progress
from experiments.stacks import Configuration, locks


def lock(folder: Path, pid: int, host: str = "here") -> Path:
    file = folder / ".pulumi/locks/organization/kafka-bluegreen/strategy-c" / f"{pid}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"pid": pid, "username": "u", "hostname": host, "timestamp": "2026-11-23T12:00:00Z"}))
    return file


def test_locks_of_the_file_backend_are_found(tmp_path: Path) -> None:
    file = lock(tmp_path, 17)
    (file.parent / "torn.json").write_text("{")
    assert [(found.pid, found.host) for found in locks(f"file://{tmp_path}", "strategy-c")] == [(17, "here")]
    assert locks(f"file://{tmp_path}", "platform") == []
    assert locks("https://api.example.com", "strategy-c") == []
    assert locks("", "strategy-c") == []


def test_only_a_pulumi_counts_as_the_owner_of_a_lock() -> None:
    assert stacks._open_process(os.getpid()) is None  # alive, but a number that pytest has now
    process = subprocess.Popen(["sleep", "60"])
    try:
        assert stacks._open_process(process.pid) is None
    finally:
        process.kill()
        process.wait()
    assert stacks._open_process(process.pid) is None


def checked_in(repository: Path, text: str) -> None:
    (repository / "stacks").mkdir()
    (repository / "stacks" / "Pulumi.strategy-c.yaml").write_text(text)


TEXT = """\
encryptionsalt: v1:abc
config:
  kafka-bluegreen:strategy: c
  kafka-bluegreen:rate: 100
  kafka-bluegreen:blue:
    version: '1'
"""


SECURE = (
    TEXT
    + """\
    config:
      sasl.password: {secure: v1:abc}
      fetch.min.bytes: 5
"""
)


def test_a_run_reads_a_configuration_with_a_secret_without_it(tmp_path: Path) -> None:
    checked_in(tmp_path, SECURE)
    configuration = Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")
    configuration.set(blue={"replicas": 3})
    assert configuration.secrets() == {"blue"}
    settings = strategy_settings_of(configuration)
    assert isinstance(settings.blue, ConsumerColorSettings)
    assert settings.blue.client == {"sasl.password": "0", "fetch.min.bytes": "5"}
    # What Pulumi is given has it still.
    own = yaml.safe_load((tmp_path / "own.yaml").read_text())
    assert own["config"]["kafka-bluegreen:blue"]["config"]["sasl.password"] == {"secure": "v1:abc"}


def test_a_secret_that_a_run_cannot_read_around_is_refused_by_name(tmp_path: Path) -> None:
    checked_in(tmp_path, TEXT + "  kafka-bluegreen:green: {secure: v1:abc}\n")
    configuration = Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")
    with pytest.raises(PreflightError, match=r"kafka-bluegreen:green is a secret as a whole.* -s strategy-c$"):
        configuration.raw()


def test_a_run_changes_its_own_copy_of_the_configuration(tmp_path: Path) -> None:
    checked_in(tmp_path, TEXT)
    configuration = Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")
    configuration.set(rate=2000, membership=None, active="green")
    configuration.set(blue={"replicas": 0})
    assert (tmp_path / "stacks" / "Pulumi.strategy-c.yaml").read_text() == TEXT
    own = yaml.safe_load((tmp_path / "own.yaml").read_text())
    assert own["encryptionsalt"] == "v1:abc"
    assert own["config"] == {
        "kafka-bluegreen:strategy": "c",
        "kafka-bluegreen:rate": 2000,
        "kafka-bluegreen:active": "green",
        "kafka-bluegreen:blue": {"version": "1", "replicas": 0},
    }
    assert configuration.raw() == {
        "strategy": "c",
        "rate": "2000",
        "active": "green",
        "blue": '{"version": "1", "replicas": 0}',
    }


def test_a_key_is_put_back_as_it_is_checked_in(tmp_path: Path) -> None:
    checked_in(tmp_path, TEXT)
    configuration = Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")
    configuration.set(blue={"image": "app:2"}, green={"replicas": 3, "version": "2"})
    for color in ("blue", "green"):
        configuration.put_back(color)
    own = yaml.safe_load((tmp_path / "own.yaml").read_text())["config"]
    assert own["kafka-bluegreen:blue"] == {"version": "1"}
    assert "kafka-bluegreen:green" not in own
    assert own["kafka-bluegreen:strategy"] == "c"


def test_the_salt_that_pulumi_made_is_kept(tmp_path: Path) -> None:
    checked_in(tmp_path, "config:\n  kafka-bluegreen:strategy: c\n")
    file = tmp_path / "own.yaml"
    configuration = Configuration(tmp_path, "strategy-c", file)
    configuration.set(active="green")
    assert "encryptionsalt" not in yaml.safe_load(file.read_text())
    file.write_text("encryptionsalt: v1:made\n" + file.read_text())  # as `pulumi up` does
    configuration.set(active="blue")
    assert yaml.safe_load(file.read_text()) == {
        "encryptionsalt": "v1:made",
        "config": {"kafka-bluegreen:strategy": "c", "kafka-bluegreen:active": "blue"},
    }


def test_a_salt_is_shared_with_a_stack_that_has_none(tmp_path: Path) -> None:
    checked_in(tmp_path, "config: {}\n")
    (tmp_path / "stacks" / "Pulumi.platform.yaml").write_text("config: {}\n")
    platform = Configuration(tmp_path, "platform", tmp_path / "platform.yaml")
    own = Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")
    own.share_salt(platform)  # nothing was made yet
    platform.file.write_text("encryptionsalt: v1:platform\n")
    own.share_salt(platform)
    own.set()
    assert own.written()["encryptionsalt"] == "v1:platform"


def test_a_salt_of_ones_own_is_kept(tmp_path: Path) -> None:
    """Values in the file may be encrypted with its key."""
    checked_in(tmp_path, TEXT)
    (tmp_path / "stacks" / "Pulumi.platform.yaml").write_text("encryptionsalt: v1:platform\n")
    platform = Configuration(tmp_path, "platform", tmp_path / "platform.yaml")
    platform.set()
    own = Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")
    own.share_salt(platform)
    own.set()
    assert own.written()["encryptionsalt"] == "v1:abc"


@pytest.mark.parametrize("text", [None, "a: ["])
def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        checked_in(tmp_path, text)
    with pytest.raises(PreflightError, match=r"strategy-c"):
        Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "stdout: Updating\nDiagnostics:\n  consumer: Failed: DrainTimeout\n\nResources:\n  1 errored",
            "consumer: Failed: DrainTimeout",
        ),
        ("error: no stack", "error: no stack"),
    ],
)
def test_of_pulumis_output_only_the_diagnostics_are_told(text: str, expected: str) -> None:
    assert stacks._what_pulumi_said(text) == expected


@pytest.mark.usefixtures("marks")
@pytest.mark.parametrize("fails", [False, True])
def test_an_interrupted_update_leaves_no_lock_and_stays_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """The lock is taken before Pulumi can handle a signal; even if releasing it fails, the interrupt is told."""
    checked_in(tmp_path, TEXT)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    file = lock(tmp_path, 999999999, socket.gethostname())
    cancelled: list[str] = []

    class Fake:
        def up(self, **_: Any) -> None:
            with interrupts.shielded():
                os.kill(os.getpid(), signal.SIGINT)

        def cancel(self) -> None:
            cancelled.append(file.name)
            os.kill(os.getpid(), signal.SIGINT)
            if fails:
                raise CommandError(CommandResult("", "", -2))

    monkeypatch.setattr("pulumi.automation.create_or_select_stack", lambda *_, **__: Fake())
    with Interrupts() as interrupts:
        stack = stacks.Stack(
            tmp_path, Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml"), interrupts, Progress()
        )
        with pytest.raises(Interrupted):
            stack.up()
    assert cancelled == [file.name]


@pytest.mark.usefixtures("marks")
def test_an_update_is_waited_for_until_it_writes_the_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine tells each resource; when the update is over there is nothing to be waited for any more."""
    checked_in(tmp_path, TEXT)
    stack: list[stacks.Stack] = []

    class Fake:
        def up(self, *, on_output: Callable[[str], None], **_: Any) -> None:
            on_output(" ~  kubernetes:core/v1:ConfigMap consumer-green updating (0s) [diff: ~data]")
            with pytest.raises(DeadlineError, match="pulumi up of stack strategy-c to write the switch"):
                stack[0].wait_switching(0.0)
            on_output(
                " ~  kubernetes:kafka-bluegreen.io/v1alpha1:KafkaConsumerSwitch switch updating (0s) [diff: ~spec]"
            )
            stack[0].wait_switching(0.0)

    monkeypatch.setattr("pulumi.automation.create_or_select_stack", lambda *_, **__: Fake())
    configuration = Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")
    with Interrupts() as interrupts:
        stack.append(stacks.Stack(tmp_path, configuration, interrupts, Progress()))
        assert stack[0].up().error is None
    with pytest.raises(DeadlineError):
        stack[0].wait_switching(0.0)


@pytest.mark.usefixtures("marks")
@pytest.mark.parametrize(
    "said", ["with 1 pending operations from", "stack strategy-c is not as Pulumi wrote it last: an update was cut off"]
)
def test_a_state_that_is_behind_the_cluster_is_read_from_it(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked_in(tmp_path, TEXT)
    configuration = Configuration(tmp_path, "strategy-c", tmp_path / "own.yaml")
    did: list[str] = []

    class Fake:
        def up(self, **_: Any) -> None:
            did.append("up")
            if "refresh" not in did:
                raise CommandError(CommandResult("", f"Diagnostics: error: {said}", 255))

        def refresh(self, **_: Any) -> None:
            did.append("refresh")

    monkeypatch.setattr("pulumi.automation.create_or_select_stack", lambda *_, **__: Fake())
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    with Interrupts() as interrupts:
        stacks.Stack(tmp_path, configuration, interrupts, Progress()).prepare(lambda: None)
    assert did == ["up", "refresh", "up"]


def test_a_scenarios_configuration_is_merged_at_every_depth() -> None:
    old = {"version": "1", "config": {"a": 1, "b": {"x": 1}}, "faults": {"failure_rate": 0.5}}
    new = {"config": {"b": {"y": 2}}, "faults": {}}
    assert stacks.merged(old, new) == {
        "version": "1",
        "config": {"a": 1, "b": {"x": 1, "y": 2}},
        "faults": {"failure_rate": 0.5},
    }
    assert stacks.merged(7, {"a": 1}) == {"a": 1}
    assert stacks.merged({"a": 1}, 7) == 7

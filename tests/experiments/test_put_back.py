"""Whatever a run asks of its stack otherwise than its file in stacks/ has it, the stack gets back at its end."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments import run as run_module
from experiments.errors import ExperimentError, PreflightError
from experiments.folders import ResultFolder
from experiments.guard import ForeignChangeError
from experiments.interrupts import Interrupted, Interrupts
from experiments.options import Options
from experiments.platform import KAFKA_CONFIG, Platform
from experiments.progress import Progress
from experiments.run import REPOSITORY
from experiments.scenarios import SCENARIOS
from experiments.session import Session
from experiments.stacks import Configuration, Update
from tests.support.samples import RESULT

CHECKED_IN = REPOSITORY / "stacks" / "Pulumi.strategy-c.yaml"


class Stack:
    """Takes down with which configuration it is brought up again."""

    def __init__(self, then: Callable[[], None] = lambda: None, error: str | None = None) -> None:
        self.brought: list[dict[str, Any]] = []
        self.then, self.error = then, error

    def up(self, configuration: Configuration) -> Update:
        configuration.set()
        self.brought.append(configuration.written())
        self.then()
        return Update(0.0, 0.0, self.error)


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    with Interrupts() as made:
        yield made


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, interrupts: Interrupts) -> Callable[..., Session]:
    """A session of a scenario whose stack is there, with these keys asked for."""
    monkeypatch.setenv("KAFKA_BLUEGREEN_IMAGES", str(tmp_path))

    def made(stack: Stack, scenario: str = "2", **overrides: Any) -> Session:
        options = Options("c", SCENARIOS[scenario], 2, tmp_path, "command", 0.0, overrides)
        cluster: Any = None
        found = Session(options, cluster, tmp_path, repository=REPOSITORY, interrupts=interrupts, progress=Progress())
        found._stack = stack  # type: ignore[assignment]
        return found

    return made


@pytest.mark.parametrize("change", [{"attempt": 5}, {"rate": 2000}, {"active": "green"}, {"green": {"version": "2"}}])
def test_what_a_run_changed_is_put_back(session: Callable[..., Session], change: dict[str, Any]) -> None:
    stack, before = Stack(), CHECKED_IN.read_bytes()
    made = session(stack)
    made._configuration.set(**change)
    made.put_back()
    (written,) = stack.brought
    assert written == yaml.safe_load(before)
    assert CHECKED_IN.read_bytes() == before


@pytest.mark.parametrize(("active", "updates"), [("green", 2), ("blue", 1)])
def test_another_image_that_was_at_work_is_put_back_too(
    session: Callable[..., Session], active: str, updates: int
) -> None:
    """It is kept until its colour waits, which it does after the first update."""
    stack = Stack()
    made = session(stack)
    made._configuration.set(active=active, green={"image": "app:2"})
    made.put_back()
    assert stack.brought == [yaml.safe_load(CHECKED_IN.read_bytes())] * updates


def test_the_version_that_scenario_1_deploys_is_taken_away(session: Callable[..., Session]) -> None:
    stack = Stack()
    made = session(stack, "1")
    made._configuration.set(green={"replicas": 3, "version": "2", "image": "app:2"})
    made.put_back()
    assert stack.brought == [yaml.safe_load(CHECKED_IN.read_bytes())]


def test_what_was_asked_for_on_the_command_line_too(session: Callable[..., Session]) -> None:
    stack = Stack()
    session(stack, rate=2000).put_back()
    assert len(stack.brought) == 1


def test_a_run_that_left_everything_as_it_was_updates_nothing(session: Callable[..., Session]) -> None:
    """A number of pods that is spelled out, as after a scale down and back, is no change."""
    stack = Stack()
    made = session(stack)
    made._configuration.set(blue={"replicas": 3}, active="blue")
    made.put_back()
    assert stack.brought == []


def test_what_cannot_be_put_back_is_said(session: Callable[..., Session], capsys: pytest.CaptureFixture[str]) -> None:
    session(Stack(error="blue is active, and this update would restart its pods"), rate=7).put_back()
    told = capsys.readouterr()
    assert "stack strategy-c is not as stacks/ has it" in told.out + told.err
    assert "blue is active, and this update would restart its pods" in told.out + told.err


def test_the_platform_is_put_back_whatever_becomes_of_the_stack(
    session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ChildProcessError("no child")

    put_back: list[str] = []
    made = session(Stack(then=fail), rate=7)
    monkeypatch.setattr(made._platform, "put_back", lambda: put_back.append("platform"))
    with pytest.raises(ChildProcessError):
        made.put_back()
    assert put_back == ["platform"]


def test_a_session_that_never_had_its_stack_puts_nothing_back(session: Callable[..., Session]) -> None:
    made = session(Stack(), rate=7)
    made._stack = None
    made.put_back()


@pytest.mark.parametrize("asked", [{}, {"group.initial.rebalance.delay.ms": "3000"}])
def test_so_is_what_was_asked_of_the_broker(
    asked: dict[str, str], tmp_path: Path, interrupts: Interrupts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BLUEGREEN_IMAGES", str(tmp_path))
    changes = {KAFKA_CONFIG: asked} if asked else {}
    platform = Platform(REPOSITORY, tmp_path, changes, interrupts, Progress())
    platform.configuration.set()
    asks = platform.configuration.written()["config"].get("kafka-bluegreen:kafkaConfig", {})
    assert asks == asked
    platform.put_back()  # nothing was done yet
    stack = Stack()
    platform._stack = stack  # type: ignore[assignment]
    shutil.rmtree(tmp_path)  # as when its result has been written
    platform.put_back()
    assert [one["config"].get("kafka-bluegreen:kafkaConfig") for one in stack.brought] == ([None] if asked else [])


def test_so_is_what_a_scenario_needs_of_the_platform(session: Callable[..., Session]) -> None:
    made = session(Stack(), scenario="5-argo")
    made._platform.configuration.set()
    assert made._platform.configuration.written()["config"]["kafka-bluegreen:argo"] is True
    stack = Stack()
    made._platform._stack = stack  # type: ignore[assignment]
    made.put_back()
    assert [one["config"].get("kafka-bluegreen:argo") for one in stack.brought] == [None]


def test_a_setting_of_the_broker_that_the_platform_owns_is_refused(
    tmp_path: Path, interrupts: Interrupts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BLUEGREEN_IMAGES", str(tmp_path))
    with pytest.raises(PreflightError, match=r"log\.dirs"):
        Platform(REPOSITORY, tmp_path, {KAFKA_CONFIG: {"log.dirs": "/tmp"}}, interrupts, Progress())  # noqa: S108


def test_an_interrupt_meanwhile_does_not_take_the_result(session: Callable[..., Session]) -> None:
    stack = Stack(then=lambda: os.kill(os.getpid(), signal.SIGINT))
    session(stack, rate=7).put_back()
    assert len(stack.brought) == 1


def test_who_insists_is_not_kept(session: Callable[..., Session], interrupts: Interrupts) -> None:
    stack = Stack()
    made = session(stack, rate=7)
    interrupts.count = 2
    made.put_back()
    assert stack.brought == []


# -- when it is done -------------------------------------------------------------------------------------


class Faked:
    """A session in which nothing is measured; what happens is taken down in `order`."""

    order: list[str]

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def put_back(self) -> None:
        self.order.append("put back")


@pytest.fixture
def execute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Carries out a run whose judging ends so; returns what was done, and in which order."""

    def executed(error: BaseException | None = None) -> list[str]:
        Faked.order = []
        monkeypatch.setattr(run_module, "Session", Faked)
        monkeypatch.setattr(run_module, "preflight", lambda: None)
        monkeypatch.setattr(run_module, "only_one", lambda _stack: nullcontext())  # a run may be on this machine

        def judged(_options: Options, _folder: Any, _session: Any, _started: datetime) -> Any:
            if error is not None:
                raise error
            return RESULT

        monkeypatch.setattr(run_module, "_carry_out", judged)
        original = ResultFolder.commit

        def commit(folder: Any, result: Any) -> Path:
            Faked.order.append("committed")
            return original(folder, result)

        monkeypatch.setattr(ResultFolder, "commit", commit)
        options = Options("c", SCENARIOS["1"], 2, tmp_path, "command", 0.0)
        interrupts: Any = None
        run_module.execute(options, interrupts, Progress())
        return Faked.order

    return executed


def test_a_result_is_kept_before_anything_is_put_back(execute: Callable[..., list[str]]) -> None:
    assert execute() == ["committed", "put back"]


@pytest.mark.parametrize("error", [Interrupted(), ExperimentError("no flow"), RuntimeError("a slip")])
def test_however_a_run_ends_its_stack_is_put_back(execute: Callable[..., list[str]], error: BaseException) -> None:
    with pytest.raises(type(error)):
        execute(error)
    assert Faked.order == ["put back"]


def test_what_somebody_else_changed_is_left_to_them(execute: Callable[..., list[str]]) -> None:
    with pytest.raises(ForeignChangeError):
        execute(ForeignChangeError(["KafkaConsumerSwitch consumer: generation 4 -> 6"]))
    assert Faked.order == []

import io
import re
import threading
import time

import pytest

from tools.sandbox import steps
from tools.sandbox.errors import SandboxError
from tools.sandbox.process import Runner
from tools.sandbox.progress import Progress, duration
from tools.sandbox.steps import Step, run


def test_each_step_waits_for_what_it_needs(progress: Progress) -> None:
    done: list[str] = []
    names = {"c": ["a", "b"], "b": ["a"], "a": [], "d": ["c"]}
    run([Step(n, lambda n=n: done.append(n), needs) for n, needs in names.items()], progress, Runner())  # type: ignore[misc]
    assert done == ["a", "b", "c", "d"]


def test_independent_steps_run_side_by_side(progress: Progress) -> None:
    barrier = threading.Barrier(3, timeout=10)
    run([Step(name, barrier.wait) for name in "abc"], progress, Runner())


def test_progress_says_what_how_far_and_how_long() -> None:
    stream = io.StringIO()
    run([Step("one", lambda: None), Step("two", lambda: None, ["one"])], Progress(stream), Runner())
    first, second = stream.getvalue().splitlines()
    assert re.search(r"\[1/2\] one, \d+\.\ds$", first)
    assert re.search(r"\[2/2\] two, \d+\.\ds$", second)


def test_long_work_is_told_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "HEARTBEAT_SECONDS", 0.05)
    stream = io.StringIO()
    run([Step("slow thing", lambda: time.sleep(0.3))], Progress(stream), Runner())
    assert "at work: slow thing (" in stream.getvalue()


def test_a_step_that_tells_about_itself_is_not_told_about_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "HEARTBEAT_SECONDS", 2.0)
    stream = io.StringIO()
    progress = Progress(stream)

    def talk() -> None:
        for number in range(10):
            progress.say(f"talking {number}")
            time.sleep(0.25)

    run([Step("talker", talk)], progress, Runner())
    assert stream.getvalue().count("talking") == 10
    assert "at work" not in stream.getvalue()


def test_a_failure_calls_off_the_rest_and_is_raised(progress: Progress) -> None:
    runner = Runner()
    done: list[str] = []
    ended: list[str] = []

    def fail() -> None:
        raise SandboxError("no such luck")

    def work() -> None:
        try:
            runner.run(["sleep", "60"], what="sleep", seconds=60)
        finally:
            ended.append("work")

    began = time.monotonic()
    with pytest.raises(SandboxError, match="no such luck"):
        run([Step("work", work), Step("bad", fail), Step("never", lambda: done.append("x"), ["bad"])], progress, runner)
    assert ended == ["work"]
    assert done == []
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([Step("a", print, ["b"])], "unknown"),
        ([Step("a", print, ["b"]), Step("b", print, ["a"])], "wait for each other"),
    ],
)
def test_steps_that_could_never_run_are_refused(wrong: list[Step], message: str, progress: Progress) -> None:
    with pytest.raises(ValueError, match=message):
        run(wrong, progress, Runner())


def test_durations_read_well() -> None:
    assert [duration(s) for s in (0.04, 9.94, 61.4, 185)] == ["0.0s", "9.9s", "61s", "3m05s"]

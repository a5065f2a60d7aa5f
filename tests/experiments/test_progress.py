"""What is said to nobody costs nothing: neither the work, nor what is put back after it, nor the exit code."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.progress import Progress
from tests.support.waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_line_has_its_time_and_what_happened() -> None:
    out = io.StringIO()
    progress = Progress(out)
    progress.say("begun")
    progress.update("begun")
    with progress.step("work"):
        pass
    lines = out.getvalue().splitlines()
    assert [line.partition("] ")[2].partition(" in ")[0] for line in lines] == ["begun", "work", "work: done"]
    assert all(line.startswith("[") for line in lines)


def test_progress_to_a_dead_pipe_is_dropped() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        progress = Progress(stream)
        os.close(reader)
        progress.say("nobody hears this")
        progress.say("nor this")
        with progress.step("and the work goes on"):
            pass


def test_progress_to_a_closed_stream_is_dropped() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    stream.close()
    progress.say("nobody hears this")


# A run whose work is to wait, and which says what it puts back before it does so, as the real one does.
RUN = """
import sys, time
from pathlib import Path
from experiments import cli

def work(options, interrupts, progress):
    try:
        progress.say("working")
        while True:
            time.sleep(0.01)
    except BaseException:
        with interrupts.shielded():
            progress.say("ending early: putting things back")
            Path(sys.argv[1]).write_text("put back")
        raise

cli.execute = work
sys.exit(cli.main(["run", "--strategy", "c", "--scenario", "1"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_whose_reader_dies_first_puts_everything_back_and_exits_with_130(
    tmp_path: Path, number: signal.Signals
) -> None:
    """`python -m experiments run … 2>&1 | tee log`: the terminal's Ctrl-C reaches `tee` as well, which ends at once."""
    put_back = tmp_path / "put-back"
    runner = subprocess.Popen(
        [sys.executable, "-c", RUN, str(put_back)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert runner.stdout is not None
        assert "working" in runner.stdout.readline()
        runner.stdout.close()
        runner.send_signal(number)
        assert runner.wait(30) == 130
    finally:
        runner.kill()
        runner.wait()
    until("what was put back", put_back.exists)


def test_a_result_that_nobody_reads_keeps_its_exit_code() -> None:
    code = """
import sys
from pathlib import Path
from experiments import cli
from tests.support.samples import result
cli.execute = lambda *_: (Path("x"), result())
sys.exit(cli.main(["run", "--strategy", "c", "--scenario", "1"]))
"""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        runner = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, stdout=writer, check=False, timeout=60)
    finally:
        os.close(writer)
    assert runner.returncode == 0

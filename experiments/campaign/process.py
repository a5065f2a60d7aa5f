"""A step as a process of its own: `python -m experiments run …`, heard line by line."""

import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from experiments.campaign.carry_out import Outcome
from experiments.campaign.steps import Step
from experiments.console import emit
from experiments.interrupts import Interrupts

_RESULTS, _SAID = "results: ", "python -m experiments run: "
_LAST = 20


def run(
    step: Step, *, repository: Path, interrupts: Interrupts, program: Sequence[str] = (), besides: Sequence[str] = ()
) -> Outcome:
    """Run a step; what it prints goes on to here. program: in place of this project's. besides: further arguments, by
    which it is no other step.

    A signal is passed on to it, and `Interrupted` is raised when it has ended: it gives the system back first.
    """
    command = [*(program or (sys.executable, "-m", "experiments")), *step.command, *besides]
    said: deque[str] = deque(maxlen=_LAST)
    result = ""
    # A session of its own: a Ctrl-C at the terminal reaches it once, from here.
    with subprocess.Popen(
        command,
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:

        def passed_on(_count: int) -> None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)

        with interrupts.shielded(passed_on):
            for line in process.stdout or ():
                emit(line.rstrip("\n"), sys.stdout)
                said.append(line.strip())
                if line.startswith(_RESULTS):
                    result = Path(line.removeprefix(_RESULTS).strip()).name
            code = process.wait()
    return Outcome(code, result, "" if result else _why(said))


def _why(said: Sequence[str]) -> str:
    """Its last words, or what it called the reason."""
    reasons = [line.removeprefix(_SAID) for line in said if line.startswith(_SAID)]
    return (reasons or [line for line in said if line] or [""])[-1]

"""Each breach takes its rule out of the very program that it stands for; that it is found is tried on the cluster
(`python -m tests.applications.breaches`).
"""

import subprocess
import sys

import pytest

from experiments.run import REPOSITORY
from tests.applications.breaches import BREACHES, Breach, main


@pytest.mark.parametrize("breach", BREACHES.values(), ids=lambda breach: breach.what)
def test_it_is_put_where_the_program_looks(breach: Breach) -> None:
    """It runs up to the program's own beginning, and what it replaced is not what was there."""
    program = breach.source + "\nassert callable(main)\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"workloads.{breach.workload}" in breach.source, "its process is found by this in its command line"


def test_one_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["earthquake"]) == 2
    assert "grants-unconfirmed" in capsys.readouterr().err

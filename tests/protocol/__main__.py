"""`python -m tests.protocol`: every search of the model, with its bounds and what it saw."""

from tests.protocol.test_model import SEARCHES, run

for bounds in SEARCHES:
    run(bounds)

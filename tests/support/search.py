"""How far the random searches of the tests go.

`make test` searches with fixed seeds: the same examples in every run, so that a failure is a change of the code and not
of the luck. `make search` sets `KAFKA_BLUEGREEN_SEARCH` to how many times as many examples to try, with new seeds; what
it finds becomes an explicit case.
"""

import os

VARIABLE = "KAFKA_BLUEGREEN_SEARCH"
FACTOR = int(os.environ.get(VARIABLE, "0"))


def examples(usual: int) -> int:
    """How many examples to try of what usually takes `usual`."""
    return usual * max(FACTOR, 1)

"""Which request brings a connector from the state that Connect tells to the one that its resource wants."""

from collections.abc import Mapping
from enum import Enum

from workloads.connect_operator.connector import State


class Move(Enum):
    """What follows. IMPOSSIBLE: Connect would take the request and not do it: a warning is all that can be done."""

    NONE = ""
    PAUSE = "pause"
    STOP = "stop"
    RESUME = "resume"
    IMPOSSIBLE = "impossible"


_TABLE: Mapping[str, Mapping[State, Move]] = {
    "RUNNING": {State.RUNNING: Move.NONE, State.PAUSED: Move.PAUSE, State.STOPPED: Move.STOP},
    "PAUSED": {State.RUNNING: Move.RESUME, State.PAUSED: Move.NONE, State.STOPPED: Move.STOP},
    "STOPPED": {State.RUNNING: Move.RESUME, State.PAUSED: Move.PAUSE, State.STOPPED: Move.NONE},
    # Its tasks may run on, so it can be stopped; to run it again takes a restart, not a change of state.
    "FAILED": {State.RUNNING: Move.NONE, State.PAUSED: Move.IMPOSSIBLE, State.STOPPED: Move.STOP},
}


def move(told: str, wanted: State) -> Move:
    """From Connect's state. UNASSIGNED, RESTARTING and what is not known pass by themselves: nothing is done then."""
    row = _TABLE.get(told)
    return Move.NONE if row is None else row[wanted]

"""What a follower does after a turn: a pure rule, from how the turn ended.

| a turn ended because | read anew | the watch is broken | next turn |
| --- | --- | --- | --- |
| the server closed the watch in order | no | no | at once; with backoff when it closes each as soon as it opens |
| nothing came for a while | yes: it asks whether the server answers, and what there is now | no | at once |
| the version to go on from is too old (410) | yes | no | at once; with backoff when that repeats itself |
| the server refused (another 4xx, 5xx) | yes | yes | with backoff |
| no answer, or the connection broke | no: the watch goes on where it stood | yes | with backoff |
| what was told could not be taken in (an error of our own) | yes | as before | with backoff, half a second at least |

Silence is no failure: a server promises no bookmarks, and an idle collection has nothing else to tell. Whether a watch
is broken is said by a request, and whether it is mended by the next one that succeeds: a read, or a watch that was
accepted.
"""

from dataclasses import dataclass
from enum import Enum, auto

from workloads.common.backoff import Backoff

FIRST_SECONDS = 0.05
MOST_SECONDS = 2.0
OWN_ERROR_SECONDS = 0.5
# A watch that stood for so long worked, whether it told something or not.
STOOD_SECONDS = 1.0


class Ended(Enum):
    """Why a turn (a read, if one was due, and the watch after it) ended."""

    CLOSED = auto()
    SILENT = auto()
    EXPIRED = auto()
    REFUSED = auto()
    BROKEN = auto()
    OWN_ERROR = auto()


@dataclass(frozen=True, slots=True)
class Next:
    """pause: seconds until the next turn begins. read: it begins with a read. broken: a request said so."""

    pause: float
    read: bool
    broken: bool


class Pace:
    """The rule, with the backoff of one follower. No clock, no randomness: its caller waits, and spreads the waits."""

    def __init__(self) -> None:
        self._backoff = Backoff(FIRST_SECONDS, MOST_SECONDS)
        self._expired = False

    def after(self, ended: Ended, stood: float, told: int) -> Next:
        """What follows a turn. stood: for how many seconds its watch had been accepted. told: how many events came."""
        if told or stood > STOOD_SECONDS:
            self._backoff.reset()
            self._expired = False
        match ended:
            case Ended.CLOSED:
                return Next(0.0 if stood > STOOD_SECONDS else self._backoff.next(), read=False, broken=False)
            case Ended.SILENT:
                return Next(0.0, read=True, broken=False)
            case Ended.EXPIRED:
                again, self._expired = self._expired, True
                return Next(self._backoff.next() if again else 0.0, read=True, broken=False)
            case Ended.REFUSED:
                return Next(self._backoff.next(), read=True, broken=True)
            case Ended.BROKEN:
                return Next(self._backoff.next(), read=False, broken=True)
            case Ended.OWN_ERROR:
                return Next(max(self._backoff.next(), OWN_ERROR_SECONDS), read=True, broken=False)

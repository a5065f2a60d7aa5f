"""A rollback whose group could not be emptied: whom it waits for, and for how long. Pure.

Everybody has confirmed, and somebody's place is still in the group: that of a member which joins again as soon as it
is taken out, that of somebody else, or the brokers do not answer. No member's report tells when that is over, and each
try takes the grant from who is at work for as long as it lasts. So there is a pause between two tries, and it grows.
"""

from workloads.common.lease import Grant

THE_GROUP = "the group"
"""Stands among those that block a rollback, in place of a pod."""

PAUSE_SECONDS, PAUSE_MOST_SECONDS = 30.0, 960.0
"""After the first try, and after any; each try doubles it."""


def pause(grant: Grant) -> float:
    """For how long, in seconds of a blocked rollback, it is not tried again; 0 where pods block it, which are heard."""
    if THE_GROUP not in grant.blocked_by:
        return 0.0
    seconds = PAUSE_SECONDS
    for _ in range(1, grant.tries):
        if seconds >= PAUSE_MOST_SECONDS:
            break
        seconds *= 2
    return min(seconds, PAUSE_MOST_SECONDS)

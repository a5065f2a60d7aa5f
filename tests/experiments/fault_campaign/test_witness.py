"""What the API server said, by the moment at which it said it."""

import time
from typing import Any

from experiments.fault_campaign.witness import Witness


def switch(generation: int, active: str, ready: str, of: int) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "observedGeneration": of}
    status = {"active": active, "conditions": [condition]}
    return {"metadata": {"generation": generation}, "spec": {"active": "green"}, "status": status}


def test_who_was_at_work_is_known_for_each_moment(monkeypatch: Any) -> None:
    cluster: Any = None
    own, now = Witness(cluster, "ns"), [10.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    for at, seen in (
        (10.0, switch(3, "blue", "True", 3)),
        (11.0, switch(4, "blue", "True", 3)),
        (12.0, switch(4, "green", "True", 4)),
        (15.0, switch(4, "green", "True", 4)),
        (16.0, switch(4, "green", "False", 4)),
    ):
        now[0] = at
        own._see_switch(seen)
    assert [own.at_work(moment) for moment in (9.0, 10.5, 11.0, 12.0, 15.9, 16.0)] == [
        ("", 0),
        ("blue", 3),
        ("", 0),
        ("green", 4),
        ("green", 4),
        ("", 0),
    ]

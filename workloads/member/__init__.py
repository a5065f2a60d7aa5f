"""What any application needs to be switched, whatever it is written with.

An application brings a loop of its own and a `Member` (`member.py`); from here it has its lifecycle (`lifecycle.py`,
pure), how it enters and leaves its group as values (`way.py`), what drives the lifecycle (`driver.py`), the commands to
it (`control.py`), the faults that can be injected (`faults.py`) and the HTTP API (`api.py`). `workloads.consumer` is
the member on confluent-kafka.

| thread | owns | may touch of the others' |
| --- | --- | --- |
| the application's loop | `Driver`, and through it the lifecycle and what is published | reads `FaultInjection` |
| one HTTP thread a connection | its request | submits to `Control`; reads `Truth`, `Member`; changes the faults |
| the main thread | signals: it sets flags only | |

A resume that was executed and then lost (lost or fenced membership, a stall) is answered at once with 503 and the
present truth: its epoch is not stale, the same call is a new try. Whoever repeats calls must back off by itself.
"""

"""`python3 -m workloads.faust_consumer`: the member on Faust (faust-streaming, on aiokafka).

`loop.py` turns, on Faust's event loop; `application.py` is one activation, `transport.py`, `tables.py` and `aside.py`
are Faust's parts as the member needs them; `record.py` is a record of Faust's, `offsets.py` knows what is committed,
`presence.py` whether brokers answer, `leaving.py` takes a client that hangs out of its group.

Faust is in its group while it works, and outside of it while it waits: it enters at its grant and leaves before it says
PAUSED (membership `leave-join`; in groups of their own, `separate`, it begins where the other colour stopped, see
`starts.py`). What its client cannot do is refused in `settings.py`, with the reasons. Each activation is a Faust
application of its own: one that was stopped is not started again.

| thread | owns | may touch of the others' |
| --- | --- | --- |
| the event loop (the main thread) | `Driver`, the Faust application and its agent, `Worker`, `Journal` | |
| Faust's consumer thread | aiokafka's client | is called through Faust's queue; asks for a commit's label |
| one HTTP thread a connection | its request | submits to `Control`, which wakes the event loop; reads `Truth` |
| a thread of its own for each question about offsets | its answer | |
"""

"""The member on confluent-kafka: one poll loop around one Kafka client.

`loop.py` turns; `keeper.py` makes and closes clients, `kafka.py` is such a client, `client.py` its interface;
`group.py` is what follows from what the group says; `backlog.py` holds what was fetched, `processing.py` handles it,
`commits.py` knows what is committed, `journal.py` writes lifecycle events; `figures.py` and `metrics.py` count;
`member.py` is what the HTTP API of `workloads.member` sees.

| thread | owns | may touch of the others' |
| --- | --- | --- |
| main: the poll loop | client, lifecycle, worker, record logs, backlog, commits | takes from, publishes to `Control` |
| janitor | a client that was detached, until it is closed | |
| one HTTP thread a connection | its request | submits to `Control`; reads `Truth` and counters; changes the faults |
| librdkafka's own | sockets, heartbeats, fetching | its callbacks run in the thread that polls |
| signal handler (in main) | | sets `Worker.stopping` only |
"""

"""The member on confluent-kafka: one poll loop around one Kafka client.

`loop.py` turns; `keeper.py` makes and closes clients, `kafka.py` is such a client, `client.py` its interface;
`sockets.py` closes one's connections at once; `group.py` is what follows from what the group says; `backlog.py` holds
what was fetched, `commits.py` knows what is committed; `settings.py` is what it is told, `benchmark.py` how fast it is.
How a record is handled, written down and counted, and what the HTTP API sees, is `workloads.handling`.

A member of a group of its colour's own (membership `separate`) has more to do: `carrier.py` carries out at a resume
where reading begins (by the rule in `handling/carry.py`), `copies.py` lets a waiting group follow, `offsets.py` asks
the broker for both, `transactional.py` is the client whose commits fence a zombie.

| thread | owns | may touch of the others' |
| --- | --- | --- |
| main: the poll loop | client, lifecycle, worker, record logs, backlog, commits | takes from, publishes to `Control` |
| janitor | a client that was detached, until it is closed | |
| one HTTP thread a connection | its request | submits to `Control`; reads `Truth` and counters; changes the faults |
| offsets: one for each question | its answer, until whoever asked takes it | |
| producer-close | a producer that is given up, until it is closed | |
| commit: one at a time | a transaction, until it has ended; nobody else uses its producer meanwhile | |
| librdkafka's own | sockets, heartbeats, fetching | its callbacks run in the thread that polls |
| signal handler (in main) | | sets `Worker.stopping` only |
"""

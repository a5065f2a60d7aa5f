"""The member on confluent-kafka: one poll loop around one Kafka client.

`loop.py` turns; `keeper.py` makes and closes clients, `kafka.py` is such a client, `client.py` its interface;
`group.py` is what follows from what the group says; `backlog.py` holds what was fetched, `processing.py` handles it,
`commits.py` knows what is committed, `journal.py` writes lifecycle events; `figures.py` and `metrics.py` count;
`member.py` is what the HTTP API of `workloads.member` sees.

A member of a group of its colour's own (membership `separate`) has more to do: `carry.py` says where reading begins
(pure), `carrier.py` carries that out at a resume, `copies.py` lets a waiting group follow, `offsets.py` asks the broker
for both, `transactional.py` is the client whose commits fence a zombie.

| thread | owns | may touch of the others' |
| --- | --- | --- |
| main: the poll loop | client, lifecycle, worker, record logs, backlog, commits | takes from, publishes to `Control` |
| janitor | a client that was detached, until it is closed | |
| one HTTP thread a connection | its request | submits to `Control`; reads `Truth` and counters; changes the faults |
| a commit's, one at a time | a transaction, until it has ended; nobody else uses its producer meanwhile | |
| librdkafka's own | sockets, heartbeats, fetching | its callbacks run in the thread that polls |
| signal handler (in main) | | sets `Worker.stopping` only |
"""

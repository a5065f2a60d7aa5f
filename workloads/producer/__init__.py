"""The producer: numbered random records at a steady rate, and a log of what became of each.

| module | what is in it |
| --- | --- |
| `payload` | a record's value |
| `pace` | when records are due: pure |
| `ledger` | what became of each record: its log and its counts |
| `loop` | the one thread that owns the Kafka client |
| `settings`, `benchmark` | what it is told, and what of it can be changed; how steady it is |

| thread | owns | may touch of the others' |
| --- | --- | --- |
| main: the loop | client, ledger, pace | reads the load |
| one per HTTP request | nothing | changes the load, under its lock; reads counts |
| librdkafka's own | sockets, sending | its callbacks run in the thread that polls |
"""

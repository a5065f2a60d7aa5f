"""What our own applications have in common, whatever client they are built on: how a record is handled and written
down, what is counted, the metrics, and what both can be told.

Only for applications of this project; what any application needs to be switched is `workloads.member`. A record has
the calls of confluent-kafka's `Message`: `value()`, `partition()`, `offset()`, `error()`.
"""

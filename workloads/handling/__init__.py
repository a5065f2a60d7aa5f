"""What our own applications have in common, whatever client they are built on: how a record is handled and written
down, what is counted, the metrics, and what both can be told.

| module | what is in it |
| --- | --- |
| `record` | a record, as far as its handling has to know it |
| `processing` | what is done with records, and the log of what was |
| `journal` | the lifecycle events that are written down |
| `carry` | where a member of a group of its own begins: pure |
| `figures`, `metrics` | what is counted, and what a scrape reads of it |
| `member` | what the HTTP API of `workloads.member` sees |
| `settings`, `process` | what both can be told; what a process is made of besides its loop |

There is no thread in here: `Worker` and `Journal` belong to the application's loop, which alone calls them. A scrape
reads counts from a thread of its own, and takes each as it is.

Only for applications of this project; what any application needs to be switched is `workloads.member`. A record has
the calls of confluent-kafka's `Message`: `value()`, `partition()`, `offset()`, `error()`.
"""

"""A connector as a sidecar's subject (strategy E): stopped, given its offsets and its epoch, and started.

| module | what is in it |
| --- | --- |
| `seen` | what can be seen, as values |
| `core` | what to do next: pure, walked through exhaustively by its tests |
| `control` | what is asked of whoever has power over a connector: `Control`, and what can go wrong |
| `rest`, `http`, `ledger` | by Connect's REST API; each change is known by what became of it |
| `strimzi` | by the connector's resource |
| `offset_maps` | the ConfigMaps with offsets that it names: written, and removed when they are spent |
| `config` | what the protocol reads from and writes into a connector's configuration |
| `group` | the consumer group: members and offsets, from the brokers |
| `workers` | the workers' pods, and what each process says that it runs |
| `account` | what it has handled and failed, by its workers' metrics |
| `recorders`, `journal` | who follows the sink's files; what is written down for a judge |
| `memory`, `command`, `agent` | what is remembered; one command on its way; the `Subject` |
| `settings`, `build`, `metrics` | from what it is put together; what a scrape reads |

| thread | made by | owns |
| --- | --- | --- |
| `caller` | the sidecar's `callers` | the command in hand; the step in hand is under the lock of `command.Hands` |
| `connect-call`: one for each change | `http.ConnectHttp` | one request, whose outcome it leaves in the ledger |
| `ask-worker`: up to 8 | `workers.Workers` | one request to a worker each |
| `watch-kafkaconnectors` | the `Follower` of `strimzi` | its place; it wakes whoever waits |

`Memory` and `ledger` have locks of their own.

Beyond a sidecar's own (its Lease: get, list, watch; `pods/status` of its own pod) an agent's role needs: list `pods`;
with `control: strimzi` get, list, watch on `kafkaconnectors.kafka.strimzi.io` of both colours and patch on its own,
create, patch and delete `configmaps` (`<connector>-offsets-<epoch>`). At the brokers: Describe on the groups of both
connectors and on the topic.
"""

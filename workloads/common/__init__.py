"""What workloads share.

| module | what is in it |
| --- | --- |
| `states`, `lease`, `report` | the protocol's words: states, the grant, a member's report |
| `contract`, `labels` | the contract's version; the metadata of a commit |
| `settings`, `reload` | settings from file and environment; that a file has changed |
| `logs`, `records` | lines for people and log stores; the record logs that a verdict rests on |
| `http`, `probes`, `metrics` | a server, what kubelet asks, what a scrape reads |
| `kube` | the Kubernetes client |
| `listening` | the members, heard directly |
| `clients`, `bystander` | what every Kafka client is told; offsets of a group that is not joined |
| `backoff` | how long to wait before the next try: pure |
| `benchmark` | what the workloads' benchmarks share |

| thread | made by | owns |
| --- | --- | --- |
| logs | `logs.HeldHandler` | the lines that are held; whoever logs hands them over |
| http-<port> | `http.HttpServer` | the socket; a thread of its own for each connection |
| listen-<address> | `listening.Listening` | one connection, and calls its owner |
"""

"""What a colour is made of that is a connector: Connect workers, the connector on them, its agent, a recorder.

| module | what is in it |
| --- | --- |
| `config` | what workers and connectors are configured with, as values; what of it the protocol owns |
| `cluster` | a KafkaConnect: workers, their metrics, and the volume that their sinks write to |
| `connector` | a KafkaConnector, stopped when it is made |
| `agent` | the sidecar's program with a connector as its subject |
| `recorder` | who follows what the sinks write |
| `operator` | the stand-in for Strimzi's operator, for the sandbox alone |
"""

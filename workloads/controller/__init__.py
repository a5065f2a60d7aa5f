"""The controller: carries out the switches of one KafkaConsumerSwitch.

From the outside in: `watches` feed the `sight` store; the `loop` looks at a frozen snapshot of it, has `decide` decide
(a pure function, over the words in `terms` and what `members` say together), and acts: the Lease through `leases`, what
is to be measured through `measure`, and what is to be told through the `narrator`.

Which thread owns what:

| thread | runs | owns |
| --- | --- | --- |
| main | `loop.Controller.run` | memory, phase clock, narrator with history; it alone writes the Lease |
| watch-kafkaconsumerswitches, -leases, -pods | `Follower`s of `watches` | their place; they feed the store |
| watch-analysisruns, once a switch is judged by one | `Follower` of `argo_runs` | its place; it feeds the measurer |
| list-pods | `lister.Lister` | its connection; `ask` reaches it |
| listen-<address>, one per pod | `common.listening` | its connection; it feeds the store |
| measure | `measure.Measurer` | the task in hand and the brokers' connections; `measure` and `result` reach it |
| progress, up to 8 | `progress.ProgressReader` | one request of the measurer's each |
| group-lag | `group_lag.GroupLag` | brokers' connections of its own; scrapes read what it found |
| publish | `publisher.Publisher` | status and events under way; `publish`, `observed` and `note` reach it |
| one per HTTP request | `health`, `telemetry` | nothing: it reads |

What several threads share is behind one lock each: the store's, the measurer's, the publisher's and the lister's. No
thread holds two of them at a time: the measurer wakes the store, and the watch of the AnalysisRuns the measurer, after
it has let go of its own.
"""

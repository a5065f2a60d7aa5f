"""The controller: carries out the switches of one KafkaConsumerSwitch.

From the outside in: `watches` feed the `sight` store; the `loop` looks at a frozen snapshot of it, has `decide` decide
(a pure function, over the words in `terms` and what `members` say together), and acts: the Lease through `leases`, what
is to be measured through `measure`, and what is to be told through the `narrator`.

| module | what is in it |
| --- | --- |
| `terms` | what is asked for, what is seen, what follows: words, and no more |
| `members`, `restarts` | what the members of a colour say, taken together; which processes of it ended |
| `shapes`, `scaled`, `emptying`, `replay` | the decision's rules, each for one matter: pure |
| `verify`, `writes`, `decide` | the decision itself, and what it writes: pure |
| `observe` | the objects of the API server, understood |
| `argo`, `measured` | an AnalysisRun as values; what can be measured, and what came of it |
| `memory`, `moments` | what is remembered; times as the API server writes them |
| `brokers`, `progress`, `places`, `lag`, `analysis`, `argo_runs` | whoever is asked for a measurement, one each |
| `history`, `past`, `stages`, `truth`, `status` | what is told: of this switch, of those before, of what is so |
| `sight`, `watches`, `lister` | what is seen, and who sees it |
| `topic`, `strangers`, `group_lag`, `sets` | what goes on beside: topic, the group's members and lag, the sets' sizes |
| `measure`, `leases`, `publisher`, `telemetry`, `narrator` | hands: measuring, writing, telling |
| `loop`, `health`, `settings` | the loop, the probes, what it is told |

Which thread owns what:

| thread | runs | owns |
| --- | --- | --- |
| main | `loop.Controller.run` | memory, phase clock, narrator with history; it alone writes the Lease |
| watch-kafkaconsumerswitches, -leases, -pods | `Follower`s of `watches` | their place; they feed the store |
| watch-analysisruns, once a switch is judged by one | `Follower` of `argo_runs` | its place; it feeds the measurer |
| list-pods | `lister.Lister` | its connection; `ask` reaches it |
| listen-<address>, one per pod | `common.listening` | its connection; it feeds the store |
| measure | `measure.Measurer` | the task in hand and the brokers' connections; `measure` and `result` reach it |
| topic | `topic.TopicWatch` | a broker's connection; the loop reads what it found, and is woken by a change |
| group | `strangers.GroupWatch` | the same, of the group that `ask` names |
| sets | `sets.SetSizes` | its connection; it alone writes the sets' scale; `want` reaches it |
| progress, up to 8 | `progress.ProgressReader` | one request of the measurer's each |
| group-lag | `group_lag.GroupLag` | brokers' connections of its own; scrapes read what it found |
| publish | `publisher.Publisher` | status and events under way; `publish`, `observed` and `note` reach it |
| one per HTTP request | `health`, `telemetry` | nothing: it reads |

What several threads share is behind one lock each: of the store, the measurer, the publisher, the lister, the group's
watch, the sets' sizes and the AnalysisRuns. `topic` and `group_lag` need none: what they found is one value, which they
replace. No thread holds two locks at a time: whoever found something wakes the store, and the watch of the AnalysisRuns
the measurer, after it has let go of its own.
"""

"""A stand-in for Strimzi's cluster operator, for KafkaConnect and KafkaConnector (`kafka.strimzi.io/v1`) and nothing
else. It is for the sandbox, which has the CRDs and cannot have the operator; where the operator is, this is not.

Its behaviour, each line with its source and its test. Sources, of strimzi/strimzi-kafka-operator: *P n* pull request n,
*A* `AbstractConnectOperator`, *K* `KafkaConnectAssemblyOperator`, *O* `AbstractOperator`, *R* `KafkaConnectApiImpl`,
*M* `KafkaConnectCluster` (all on its main branch before 1.2.0; the two pull requests are what 1.2.0 changed of that);
*CRD* what crd-generator 1.2.0 makes; *C* Kafka 4.3.1. Tests, by a part of their names: *c* test_connector, *f*
test_offsets, *h* test_rest, *k* test_cluster, *l* test_lane, *o* test_operator, *r* test_reconcile, *s* test_restarts,
*t* test_status, *w* test_real_worker.

| behaviour | source | test |
| --- | --- | --- |
| **One connector** |  |  |
| that has its configuration: state, offsets, restarts, then its status is read | A | r restarts_then |
| whose configuration changed: configuration, state; offsets wait for an event | A | r leaves_offsets, w changed |
| that is missing: made by POST in its state, always sent; offsets wait | P 12974 | r made_in_its_state, w stopped |
| RUNNING, PAUSED, STOPPED to each other; else (UNASSIGNED, RESTARTING) nothing | A | r from_each_state |
| FAILED can be stopped; it cannot be paused: warning `UpdateState` | P 12750 | r from_each_state |
| pause, resume, stop: Connect follows later, so the state before can be told | A, C | r state_before, w paused |
| a state taken back before Connect shows it waits for the periodic reconcile | A, C | o taken_back |
| 409: configuration is asked for for 6 s; create, configure, delete for 102 s | A, R | r asked_again, h not_now |
| a status not there yet is waited for; any other failure ends the reconcile | A, R | r goes_wrong |
| `name`, `connector.class`, `tasks.max` are left out; values become texts | CRD, A | c become_texts |
| **Offsets**: annotation `strimzi.io/connector-offsets`, key `offsets.json` |  |  |
| `list` writes a ConfigMap, and keeps its other keys, labels and owner | A | f keeps_what, w offsets |
| `alter` and `reset` ask Connect for STOPPED, whatever the resource says | A | f not_stopped, w running |
| success takes the annotation away; failure leaves it, and `AlterOffsets`, ... | A | f fails_is_a_warning |
| every event that bears it carries it out; that it is gone proves nothing | A, K | o annotation_that_is_gone |
| **Restarts** |  |  |
| annotations `restart` (`includeTasks`, `onlyFailed`) and `restart-task` | A | s by_annotation, s leaves_its |
| `autoRestart`: at once, then after 2, 6, ... 60 min; well for so long: from 0 | A | s longer, s begins_anew |
| **Status** |  |  |
| Ready, or NotReady with reason and message; warnings; connectorStatus; topics | K | t ready, t warnings |
| a connector or task that is FAILED is NotReady | K | t failed_tasks |
| observedGeneration: of the version carried out; so it can go back | K | t generation, o stale_running |
| nothing new is not written; what is written is an event like any other | K, O | t time_alone, o settles |
| **When** |  |  |
| every event reconciles at once, an annotation of one's own too | K | o ones_own |
| one lock for each Connect cluster, in the order of asking | O | l order, o each_other |
| the resource is the event's: stale `running` runs after `stopped` was observed | K | o stale_running |
| who waits for the lock for 10 s is left to a later event or periodic reconcile | O | l too_long, o too_long |
| every 2 min all is read and reconciled: changes by REST are changed back | O, K | o changed_by_rest |
| a KafkaConnect's event: its workers, deletion of strays, then each connector | K | o without_a_resource |
| a full reconcile waits for ready workers, 5 min at most, and holds the lock | A | o not_ready |
| **Which** |  |  |
| `use-connector-resources: "true"`: strays are deleted; without it: untouched | K | o resource_is_deleted, o alone |
| no label, no KafkaConnect, 0 replicas: NotReady, the connector stays as it is | K | o without_a_cluster, o workers |
| a resource deleted: its connector is; a KafkaConnect: its connectors tell it | K | o deleted |
| `pause-reconciliation: "true"`: left alone, ReconciliationPaused | O, K | t left_alone, o left_alone |
| Connect that cannot be reached: told by cluster and connectors | K | o does_not_answer |
| **Workers** |  |  |
| `<cluster>-connect-api:8083`, pods `<cluster>-connect-<n>`, labels, ports | M | k names_ports, w cluster_tells |
| owned and forbidden keys of `config`; mounts below /mnt/ only | CRD, M | k configuration, k refused |
| probes begin after 60 s, or as `readinessProbe` and `livenessProbe` say | M | k probes |

What is another way here, on purpose:

- A StatefulSet in place of a StrimziPodSet; no service account, PodDisruptionBudget, NetworkPolicy, no change of log
  levels. Pods have no right and no account.
- The connectors of one cluster are reconciled one after the other, not at the same time.
- Requests to Connect have a deadline (30 s); Strimzi's have none. With which reason it tells of a Connect that cannot
  be reached (here `ConnectException`) was not established.
- Only the annotation is taken off a resource. Strimzi patches with the whole resource that the event brought; whether
  that can write an older spec back was not established.
- An event whose KafkaConnect could not be read is read again, not lost.
- What of a KafkaConnect is not carried out (`tls`, `authentication`, `tracing`, `rack`, `build`, `plugins`, `logging`,
  `jmxOptions`, `clientRackInitImage`, `templatedVolumes`, the metrics reporter, templates other than pod,
  connectContainer, apiService and headlessService) is refused by its name: NotReady, `InvalidResourceException`.

The API server validates resources against the CRDs: types, `state`, required keys. This checks what it lets through:
that there is a spec, that values of `config` are texts, numbers or booleans, `metricsConfig`, mounts, and the list
above. A connector without a class, or with one that does not exist, is refused by Connect, and told as NotReady.

`reconcile`, `offsets`, `restarts`, `transitions`, `status`, `manifests` and what they read (`connector`, `cluster`,
`properties`, `asking`, `names`) are pure: a plan is a generator that yields requests (`terms`). `hands` carries them
out, by `rest`; `workers` applies and waits; `statuses` writes; `reconciler` is one reconcile; `operator` leads events
to the `lane` of their cluster; `tally` counts, `health` tells. What can go wrong is in `errors`, what it is told in
`settings`, what it may do at the API server in `access`.

Which thread owns what:

| thread | runs | owns |
| --- | --- | --- |
| watch-kafkaconnects, -statefulsets | `Follower`s of `operator` | their place |
| watch-kafkaconnectors | the same | its place, and a reconciler with which it refuses |
| timer | `Operator._periodically` | nothing: it submits |
| lane-<cluster>, one each | `lane.Lane` | its jobs, its reconciler, its connections |
| one per HTTP request | `health`, `tally` | nothing: it reads |

Shared, behind a lock each: the lanes' queues, the table of lanes, the rollouts, the tally.
"""

"""What the operator may do, as the rules of its Role in the namespace that it looks after. It needs no ClusterRole.

Whoever deploys it grants these and no more; a test holds them against every request that the code makes.

- It reads KafkaConnects and KafkaConnectors, writes their status, and takes annotations off KafkaConnectors: never a
  spec, never a deletion.
- It makes and changes the four kinds of objects of the workers, by server-side apply (`patch`, and `create` for one
  that is not there). It deletes none: they belong to their KafkaConnect, and go with it.
- It reads any ConfigMap of the namespace, because the resources name those of offsets and of metrics, and writes those
  of offsets. It reads no Secret, no pod, and makes no account: the workers have none.
"""

from typing import Any

STRIMZI = "kafka.strimzi.io"

RULES: tuple[dict[str, Any], ...] = (
    {"apiGroups": [STRIMZI], "resources": ["kafkaconnects"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [STRIMZI], "resources": ["kafkaconnectors"], "verbs": ["get", "list", "watch", "patch"]},
    {"apiGroups": [STRIMZI], "resources": ["kafkaconnects/status", "kafkaconnectors/status"], "verbs": ["update"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "update", "patch"]},
    {"apiGroups": [""], "resources": ["services"], "verbs": ["create", "patch"]},
    {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["list", "watch", "create", "patch"]},
)

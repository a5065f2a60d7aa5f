"""A colour's recorder: it follows the files that the workers' sinks write, and keeps the records of them.

A KafkaConnect has no place for a container beside the worker's, so it is a pod of its own on the workers' claim.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import (
    ContainerPortArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PodSpecArgs,
    VolumeArgs,
)

from components import connect_names as connect
from components import names, pods
from components.connect.cluster import VOLUMES_GID, beside_the_sink, sink_claim, sink_labels
from components.connect.config import sink_suffix
from components.stateful import StatefulArgs, configured

_SINK_DIRECTORY = "/sink"


@dataclass(frozen=True)
class RecorderArgs:
    """cluster: the KafkaConnect whose workers' files it follows."""

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    cluster: str
    color: str
    strategy: str
    topic: str
    version: str
    storage: str = "10Gi"


class Recorder(pulumi.ComponentResource):
    """The StatefulSet `recorder-<color>` with its settings and its volume of records. It is there also for a colour
    without workers: what these have written is still asked for.
    """

    def __init__(self, name: str, args: RecorderArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:ConnectRecorder", name, None, opts)
        set_name = connect.recorder_set(args.color)
        selector = names.selector(connect.RECORDER, args.color)
        own = {**names.labels(connect.RECORDER), **selector, names.STRATEGY_LABEL: args.strategy}
        settings = {
            "color": args.color,
            "topic": args.topic,
            "version": args.version,
            "sink_dir": _SINK_DIRECTORY,
            "sink_suffix": sink_suffix(args.color),
            "records_dir": names.RECORDS_DIRECTORY,
            "http_port": connect.RECORDER_PORT,
        }
        self.config, self.service, self.stateful_set = configured(
            name,
            StatefulArgs(
                name=set_name,
                namespace=args.namespace,
                labels={**own, **sink_labels(args.cluster)},
                selector=selector,
                pod=_pod(args, set_name),
                claim="records",
                storage=args.storage,
                port=connect.RECORDER_PORT,
                # Its agent asks it while it says that it has a problem, and is told which.
                early=True,
            ),
            pulumi.Output.from_input(pods.rendered(settings)),
            parent=self,
        )
        self.register_outputs({"statefulSet": self.stateful_set.metadata.name})


def url(color: str, namespace: str) -> str:
    """Where a colour's recorder answers."""
    return f"http://{connect.recorder_set(color)}.{namespace}.svc:{connect.RECORDER_PORT}"


def _pod(args: RecorderArgs, config_map: str) -> PodSpecArgs:
    port = connect.RECORDER_PORT
    recorder = pods.program(
        connect.RECORDER,
        args.image,
        env=pods.identity(),
        ports=[ContainerPortArgs(name="metrics", container_port=port)],
        startup_probe=pods.http_probe("/healthz", port, period=1, failures=60),
        readiness_probe=pods.http_probe("/readyz", port, period=1, failures=3),
        liveness_probe=pods.http_probe("/healthz", port, period=5, failures=6, timeout=3),
        resources=pods.resources("30m", "64Mi", "256Mi"),
        mounts=[
            pods.mount("settings", names.SETTINGS_DIRECTORY, read_only=True),
            pods.mount("records", names.RECORDS_DIRECTORY),
            pods.mount("sink", _SINK_DIRECTORY, read_only=True),
        ],
    )
    sink = VolumeArgs(
        name="sink",
        persistent_volume_claim=PersistentVolumeClaimVolumeSourceArgs(claim_name=sink_claim(args.cluster)),
    )
    return pods.pod(
        [recorder],
        volumes=[pods.config_volume("settings", config_map), sink],
        # The workers' group: the pod that mounts a volume first says whose it is.
        security_context=pods.pod_security(pods.WORKLOADS_UID, VOLUMES_GID),
        affinity=beside_the_sink(args.cluster),
        termination_grace_period_seconds=10,
    )

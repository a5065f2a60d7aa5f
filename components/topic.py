"""The topic that a strategy stack works on, made by a Job that whoever needs the topic waits for."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core.v1 import EnvVarArgs, PodTemplateSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import names, pods


@dataclass(frozen=True)
class TopicArgs:
    """namespace: where the Job runs. topic, partitions: what must be there when it has ended; more partitions are
    added, fewer refused. kafka_id: which broker has to have it.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    bootstrap_servers: pulumi.Input[str]
    topic: str
    partitions: int
    kafka_id: pulumi.Input[str] = ""


class Topic(pulumi.ComponentResource):
    """A topic that exists with its partitions once this component is there."""

    def __init__(self, name: str, args: TopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Topic", name, None, opts)
        labels = names.labels(names.TOPIC)
        # What a Job runs cannot be changed, only replaced: another topic, partition count, image or broker is another
        # run, which is what is wanted. So is one after a run that failed.
        self.job = Job(
            name,
            metadata=ObjectMetaArgs(
                name=names.TOPIC,
                namespace=args.namespace,
                labels=labels,
                annotations={"pulumi.com/replaceUnready": "true"},
            ),
            spec=JobSpecArgs(
                backoff_limit=3,
                active_deadline_seconds=180,
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(labels=labels, annotations={names.KAFKA_ID: args.kafka_id}),
                    spec=pods.pod(
                        [
                            pods.program(
                                names.TOPIC,
                                args.image,
                                env=[
                                    EnvVarArgs(name="BG_BOOTSTRAP_SERVERS", value=args.bootstrap_servers),
                                    EnvVarArgs(name="BG_TOPIC", value=args.topic),
                                    EnvVarArgs(name="BG_PARTITIONS", value=str(args.partitions)),
                                ],
                                resources=pods.resources("20m", "48Mi", "192Mi"),
                            )
                        ],
                        restart_policy="Never",
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.register_outputs({"topic": args.topic})

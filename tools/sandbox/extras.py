"""What the sandbox has only when it is asked for: nobody else waits for it, and nobody takes it away."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.sandbox.builds import ARGO_ROLLOUTS, KEDA, VICTORIALOGS, VMALERT, Build


@dataclass(frozen=True)
class Extra:
    """``images`` are handed out as the sandbox's own are; ``builds``: what is compiled for them, besides what everybody
    needs; ``strimzi``: with the definitions of Strimzi's resources.
    """

    name: str
    about: str
    images: Sequence[str] = ()
    builds: Sequence[Build] = ()
    strimzi: bool = False


EXTRAS = {
    extra.name: extra
    for extra in (
        Extra(
            "argo",
            "the controller of Argo Rollouts, for the platform's key argo; minutes to compile",
            images=("argo-rollouts",),
            builds=(ARGO_ROLLOUTS,),
        ),
        Extra(
            "connect",
            "Kafka Connect's image and Strimzi's CRDs, for strategy E",
            images=("connect",),
            strimzi=True,
        ),
        Extra(
            "alerts",
            "vmalert, for the platform's key `alerts`, and vmalert-tool, which tries the rules",
            images=("vmalert",),
            builds=(VMALERT,),
        ),
        Extra(
            "keda",
            "KEDA, for the platform's key keda and a stack's scaler; more than ten minutes of one core to compile",
            images=("keda", "keda-metrics-apiserver"),
            builds=(KEDA,),
        ),
        Extra("faust", "the consumer on Faust, for the stacks strategy-*-faust*", images=("faust-consumer",)),
        Extra(
            "logs",
            "the log store and its collector, for kafka-bluegreen:logs of the stack platform",
            images=("victorialogs", "vlagent"),
            builds=(VICTORIALOGS,),
        ),
    )
}

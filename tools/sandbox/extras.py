"""What the sandbox has only when it is asked for: nobody else waits for it, and nobody takes it away."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.sandbox.builds import ARGO_ROLLOUTS, Build


@dataclass(frozen=True)
class Extra:
    """``images`` are handed out as the sandbox's own are; ``strimzi``: with the definitions of Strimzi's resources;
    ``builds``: the Go programs in the images that nothing else of the sandbox has.
    """

    name: str
    about: str
    images: Sequence[str] = ()
    strimzi: bool = False
    builds: Sequence[Build] = ()


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
        Extra("faust", "the consumer on Faust, for the stacks strategy-*-faust*", images=("faust-consumer",)),
    )
}

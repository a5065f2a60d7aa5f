"""What the sandbox has only when it is asked for: nobody else waits for it, and nobody takes it away."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.sandbox.builds import VMALERT, Build


@dataclass(frozen=True)
class Extra:
    """``images`` are handed out as the sandbox's own are; ``builds`` are programs, of the images or besides;
    ``strimzi``: with the definitions of Strimzi's resources.
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
        Extra("faust", "the consumer on Faust, for the stacks strategy-*-faust*", images=("faust-consumer",)),
    )
}

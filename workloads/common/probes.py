"""What a program that watches the API server answers to kubelet and to a scrape."""

from typing import Protocol

from prometheus_client import CollectorRegistry

from workloads.common.http import Request, Response, Routes
from workloads.common.metrics import exposition


class Health(Protocol):
    """Asked from any thread."""

    def dead(self) -> list[str]:
        """What should run and does not; empty when all is well."""

    def ready(self) -> bool:
        """Whether everything has been read once, and is being followed."""


def probes(health: Health, source: CollectorRegistry) -> Routes:
    """`/healthz` with what is dead (503 if anything is), `/readyz`, and `/metrics` of `source`."""

    def alive(_: Request) -> Response:
        dead = health.dead()
        return Response({"dead": dead}, 503 if dead else 200)

    def ready(_: Request) -> Response:
        is_ready = health.ready()
        return Response({"ready": is_ready}, 200 if is_ready else 503)

    return {("GET", "/healthz"): alive, ("GET", "/readyz"): ready, ("GET", "/metrics"): lambda _: exposition(source)}

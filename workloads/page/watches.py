"""Follows the switch, its Lease and its pods, for the board."""

from collections.abc import Callable

from workloads.common.kube import Event, Follower, Kube, Object
from workloads.page.board import Board

SWITCHES = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/{}/kafkaconsumerswitches"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
PODS = "/api/v1/namespaces/{}/pods"
#: What all of a stack's pods have.
_OURS = "app.kubernetes.io/part-of=kafka-bluegreen"


class Watches:
    """Owns the threads that follow."""

    def __init__(self, kube: Kube, namespace: str, switch: str, lease: str, board: Board) -> None:
        def of_one(path: str, name: str, told: Callable[[Object | None], None]) -> Follower:
            def changed(event: Event) -> None:
                told(None if event.kind == "DELETED" else event.object)

            return Follower(
                kube.sibling(),
                path.format(namespace),
                on_read=lambda found, _: told(found[0] if found else None),
                on_change=changed,
                name=name,
            )

        self._followers = [
            of_one(SWITCHES, switch, board.switch_is),
            of_one(LEASES, lease, board.lease_is),
            Follower(
                kube.sibling(),
                PODS.format(namespace),
                on_read=board.pods_listed,
                on_change=board.pod_changed,
                labels_are=_OURS,
            ),
        ]
        board.failing = self.failing_since

    def start(self) -> None:
        """Follow from now on."""
        for follower in self._followers:
            follower.start()

    def failing_since(self) -> float | None:
        """Monotonic seconds since when the API server does not answer one of them; None while it answers all."""
        since = [follower.failing_since for follower in self._followers if follower.failing_since is not None]
        return min(since) if since else None

    def dead(self) -> list[str]:
        """The threads that should run and do not."""
        return [follower.thread.name for follower in self._followers if not follower.thread.is_alive()]

"""Follows the switch, its Lease and its pods, for the board."""

import threading
from collections.abc import Callable

from workloads.common.kube import Event, Follower, Kube, Object
from workloads.common.listening import Listening, at_port
from workloads.page.board import Board
from workloads.page.settings import PageSettings

SWITCHES = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/{}/kafkaconsumerswitches"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
PODS = "/api/v1/namespaces/{}/pods"
#: What all of a stack's pods have.
_OURS = "app.kubernetes.io/part-of=kafka-bluegreen"


class Watches:
    """Owns the threads that follow. report_url: as the setting; empty: at the pods' own addresses."""

    def __init__(self, kube: Kube, settings: PageSettings, board: Board) -> None:
        self._board = board
        self._by_name = bool(settings.report_url)
        at_pod, by_name = at_port(settings.report_port), settings.report_url
        self._listening = Listening(
            lambda pod: by_name.replace("{pod}", pod) if by_name else at_pod(pod), board.heard, aside=True
        )
        self._following = threading.Lock()
        namespace = settings.pod_namespace

        def of_one(path: str, name: str, told: Callable[[Object | None], None]) -> Follower:
            def read(obj: Object | None) -> None:
                told(obj)
                self._listen()

            return Follower(
                kube.sibling(),
                path.format(namespace),
                on_read=lambda found, _: read(found[0] if found else None),
                on_change=lambda event: read(None if event.kind == "DELETED" else event.object),
                name=name,
            )

        self._followers = [
            of_one(SWITCHES, settings.switch_name, board.switch_is),
            of_one(LEASES, settings.lease_name, board.lease_is),
            Follower(
                kube.sibling(),
                PODS.format(namespace),
                on_read=self._pods_listed,
                on_change=self._pod_changed,
                labels_are=_OURS,
            ),
        ]
        board.failing = self.failing_since

    def start(self) -> None:
        """Follow from now on."""
        for follower in self._followers:
            follower.start()

    def _pods_listed(self, found: list[Object], version: int | None) -> None:
        self._board.pods_listed(found, version)
        self._listen()

    def _pod_changed(self, event: Event) -> None:
        self._board.pod_changed(event)
        self._listen()

    def _listen(self) -> None:
        """Hear the members directly; what they are, and where, the switch and its pods say."""
        members = self._board.members()
        if self._by_name:
            addresses = {uid: str(pod["metadata"]["name"]) for uid, pod in members.items()}
        else:
            addresses = {uid: str((pod.get("status") or {}).get("podIP") or "") for uid, pod in members.items()}
        with self._following:
            self._listening.follow(addresses)

    def failing_since(self) -> float | None:
        """Monotonic seconds since when the API server does not answer one of them; None while it answers all."""
        since = [follower.failing_since for follower in self._followers if follower.failing_since is not None]
        return min(since) if since else None

    def dead(self) -> list[str]:
        """The threads that should run and do not."""
        return [follower.thread.name for follower in self._followers if not follower.thread.is_alive()]

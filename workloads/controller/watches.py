"""Everything that feeds the store: watches of the switch, its Lease and its pods, consistent lists, and the members
themselves.
"""

import threading
from collections.abc import Callable, Hashable, Mapping

from workloads.common.kube import Event, Follower, Kube, Object, version_of
from workloads.common.listening import Listening, at_port
from workloads.controller.lister import Lister
from workloads.controller.observe import Switch
from workloads.controller.sight import Store

SWITCHES = "/apis/kafka-bluegreen.io/v1alpha1/namespaces/{}/kafkaconsumerswitches"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
PODS = "/api/v1/namespaces/{}/pods"


class RestartNeeded(Exception):  # noqa: N818 - not an error: the process begins anew on what is written now
    """The switch now names other pods or another Lease than the ones that are being watched."""


class Watches:
    """Owns the threads that follow. What they follow besides the switch, the switch says: hence `follow`.

    observed: gets every version of the switch object, as somebody wrote it.
    """

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        name: str,
        store: Store,
        *,
        report_port: int,
        observed: Callable[[Object], None],
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._store = store
        self._observed = observed
        self._listening = Listening(at_port(report_port), store.heard)
        self._following: tuple[object, ...] = ()
        self._lister: Lister | None = None
        self._followers = [
            Follower(
                kube.sibling(),
                SWITCHES.format(namespace),
                on_read=self._switches_listed,
                on_change=self._switch_changed,
                name=name,
            )
        ]

    def start(self) -> None:
        """Follow the switch."""
        for follower in self._followers:
            follower.start()

    def follow(self, switch: Switch) -> bool:
        """Follow what the switch names. Returns whether that had begun before. Raises RestartNeeded."""
        named = (switch.common_labels, switch.lease_name, switch.selectors)
        if self._lister is not None:
            if named != self._following:
                raise RestartNeeded("the switch names other pods or another Lease; beginning anew")
            return True
        self._following = named
        self._store.expect_pods_of(switch)
        pods = PODS.format(self._namespace)
        self._lister = Lister(self._kube.sibling(), pods, switch.common_labels, self._store.list_ended)
        more = [
            Follower(
                self._kube.sibling(),
                LEASES.format(self._namespace),
                on_read=self._leases_listed,
                on_change=self._lease_changed,
                name=switch.lease_name,
            ),
            Follower(
                self._kube.sibling(),
                pods,
                on_read=self._store.pods_listed,
                on_change=self._store.pod_changed,
                labels_are=switch.common_labels,
            ),
        ]
        self._followers += more
        self._lister.thread.start()  # before the others: with what they read the program is ready, and a probe looks
        for follower in more:
            follower.start()
        return False

    def ask_list(self, key: Hashable) -> None:
        """Have a consistent list made, begun from now on, in the phase `key`; asking again changes nothing."""
        if self._lister is not None:
            self._lister.ask(key)

    def listen(self, addresses: Mapping[str, str]) -> None:
        """Hear these pods directly (UID to IP), and no other."""
        self._listening.follow(addresses)

    @property
    def failing(self) -> bool:
        """Whether a request of one of the watches has failed, and none has succeeded since."""
        return any(follower.failing_since is not None for follower in self._followers)

    @property
    def threads(self) -> list[threading.Thread]:
        """Those that should run by now."""
        lists = [] if self._lister is None else [self._lister.thread]
        return [*(follower.thread for follower in self._followers), *lists]

    def _switches_listed(self, found: list[Object], _: int | None) -> None:
        self._store.switch_is(found[0] if found else None)
        if found:
            self._observed(found[0])

    def _switch_changed(self, event: Event) -> None:
        if event.kind == "DELETED":
            self._store.switch_is(None)
            return
        self._store.switch_is(event.object)
        self._observed(event.object)

    def _leases_listed(self, found: list[Object], version: int | None) -> None:
        self._store.lease_is(found[0] if found else None, version_of(found[0]) if found else version or 0)

    def _lease_changed(self, event: Event) -> None:
        self._store.lease_is(None if event.kind == "DELETED" else event.object, version_of(event.object))

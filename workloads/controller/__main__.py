"""`python3 -m workloads.controller`: carries out the switches of one KafkaConsumerSwitch."""

import gc
import logging
import signal
import sys
import threading
from dataclasses import dataclass

from workloads.common import logs
from workloads.common.http import HttpServer, Routes
from workloads.common.kube import AccessError, Kube, access
from workloads.common.logs import fields
from workloads.common.metrics import registry
from workloads.common.probes import probes
from workloads.controller.argo_runs import AnalysisRuns
from workloads.controller.brokers import BrokerOffsets
from workloads.controller.group_lag import GroupLag
from workloads.controller.health import Health
from workloads.controller.leases import LeaseWriter
from workloads.controller.loop import Controller
from workloads.controller.measure import Measurer
from workloads.controller.narrator import Narrator
from workloads.controller.places import Places
from workloads.controller.progress import ProgressReader
from workloads.controller.publisher import Publisher
from workloads.controller.sets import SETS, SetSizes
from workloads.controller.settings import ControllerSettings
from workloads.controller.sight import Store
from workloads.controller.strangers import GroupWatch
from workloads.controller.telemetry import Telemetry
from workloads.controller.topic import TopicWatch
from workloads.controller.watches import LEASES, SWITCHES, RestartNeeded, Watches

logger = logging.getLogger("workloads.controller")


@dataclass(frozen=True)
class Program:
    """The controller and what runs beside its loop."""

    store: Store
    watches: Watches
    measurer: Measurer
    runs: AnalysisRuns
    publisher: Publisher
    telemetry: Telemetry
    group_lag: GroupLag
    topic: TopicWatch
    group: GroupWatch
    sets: SetSizes
    controller: Controller

    @property
    def _beside(self) -> tuple[Publisher | Measurer | GroupLag | TopicWatch | GroupWatch | SetSizes, ...]:
        return self.publisher, self.measurer, self.group_lag, self.topic, self.group, self.sets

    def threads(self) -> list[threading.Thread]:
        """Those beside the loop that should run by now: what is started here is looked at by the probes."""
        return [*(part.thread for part in self._beside), *self.watches.threads, *self.runs.threads]

    def run(self) -> None:
        """Start what runs beside, and turn until the store is stopped. Raises RestartNeeded."""
        for part in self._beside:
            part.thread.start()
        self.watches.start()
        try:
            self.controller.run()
        finally:
            self.group_lag.stop()
            self.topic.stop()
            self.group.stop()
            self.sets.stop()


def assembled(kube: Kube, settings: ControllerSettings) -> Program:
    """The program, each part with what it needs and no more. Nothing runs yet."""
    namespace, name = settings.pod_namespace, settings.switch_name
    path = f"{SWITCHES.format(namespace)}/{name}"
    store, telemetry = Store(), Telemetry()
    publisher = Publisher(kube.sibling(), path, namespace, settings.pod_name, store.newest)
    watches = Watches(kube, namespace, name, store, report_port=settings.report_port, observed=publisher.observed)
    servers = settings.bootstrap_servers
    progress = ProgressReader(settings.progress_port)
    runs = AnalysisRuns(kube.sibling(), namespace, name)
    measurer = Measurer(BrokerOffsets(servers), progress, Places(servers), runs, store.wake)
    topic = TopicWatch(BrokerOffsets(servers), store.switch, store.wake)
    group = GroupWatch(Places(servers), store.wake)
    sets = SetSizes(kube.sibling(), SETS.format(namespace))
    controller = Controller(
        kube,
        path,
        store=store,
        watches=watches,
        leases=LeaseWriter(kube, LEASES.format(namespace), store),
        measurer=measurer,
        narrator=Narrator(publisher, telemetry),
        topic=topic,
        group=group,
        sets=sets,
    )
    group_lag = GroupLag(BrokerOffsets(servers), store.switch)
    return Program(store, watches, measurer, runs, publisher, telemetry, group_lag, topic, group, sets, controller)


def routes(program: Program, pod: str) -> Routes:
    """What the controller answers on the pod's network."""
    health = Health(program.controller, program.store, program.watches, program.threads)
    counts = program.publisher.counts
    source = registry(
        lambda: program.telemetry.metrics(
            pod, {"status": counts.status, "event": counts.event, "status_error": counts.status_error}
        ),
        lambda: program.group_lag.metrics(pod, program.telemetry.worker),
    )
    return probes(health, source)


def main() -> int:
    """0: a clean end, also when it has to begin anew. 1: it could not begin. 2: wrong settings."""
    settings = ControllerSettings.load_or_exit()
    logs.configure(pod=settings.pod_name)
    sys.setswitchinterval(0.0005)  # a thread in the hand-off must not wait 5 ms for one that only logs
    try:
        program = assembled(Kube(access(), "kafka-bluegreen-controller"), settings)
        server = HttpServer(settings.http_host, settings.http_port, routes(program, settings.pod_name))
    except (AccessError, OSError) as error:
        logger.error("cannot begin", extra=fields(error=str(error)))
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: program.store.stop())
    gc.collect()
    gc.freeze()
    server.start()
    logger.info("started", extra=fields(port=server.port, settings=settings.model_dump(mode="json")))
    try:
        program.run()
    except RestartNeeded as reason:
        logger.warning("ending to begin anew", extra=fields(reason=str(reason)))
    logger.info("stopping")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python3 -m workloads.connect_operator`: reconciles KafkaConnects and KafkaConnectors of its pod's namespace."""

import gc
import logging
import signal
import sys
import threading

from workloads.common import logs
from workloads.common.http import HttpServer, Routes
from workloads.common.kube import AccessError, Kube, access
from workloads.common.logs import fields
from workloads.common.metrics import registry
from workloads.common.probes import probes
from workloads.connect_operator import names
from workloads.connect_operator.health import Health
from workloads.connect_operator.operator import Operator
from workloads.connect_operator.reconciler import Reconciler
from workloads.connect_operator.rest import ConnectApi
from workloads.connect_operator.settings import OperatorSettings
from workloads.connect_operator.tally import Tally
from workloads.connect_operator.workers import Rollouts, Workers

logger = logging.getLogger("workloads.connect_operator")


def assembled(kube: Kube, settings: OperatorSettings, tally: Tally) -> Operator:
    """The operator, each part with what it needs and no more. Nothing runs yet."""
    namespace, stopping, rollouts = settings.pod_namespace, threading.Event(), Rollouts()

    def api_of(cluster: str) -> ConnectApi:
        url = settings.rest_url.format(service=names.api_service(cluster), namespace=namespace)
        return ConnectApi(url, settings.rest_timeout_seconds)

    def reconciler() -> Reconciler:
        own = kube.sibling()
        workers = Workers(own, rollouts, settings.default_image, settings.operation_timeout_seconds)
        return Reconciler(own, namespace, workers=workers, api_of=api_of, tally=tally, stopping=stopping)

    return Operator(
        kube,
        namespace,
        reconciler=reconciler,
        rollouts=rollouts,
        tally=tally,
        lock_timeout=settings.lock_timeout_seconds,
        period=settings.full_reconcile_seconds,
        stopping=stopping,
    )


def routes(operator: Operator, tally: Tally) -> Routes:
    """What the operator answers on the pod's network."""
    return probes(Health(operator), registry(tally.metrics))


def main() -> int:
    """0: a clean end. 1: it could not begin. 2: wrong settings."""
    settings = OperatorSettings.load_or_exit()
    logs.configure(pod=settings.pod_name)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    tally = Tally(settings.pod_namespace)
    try:
        operator = assembled(Kube(access(), "kafka-bluegreen-connect-operator"), settings, tally)
        server = HttpServer(settings.http_host, settings.http_port, routes(operator, tally))
    except (AccessError, OSError) as error:
        logger.error("cannot begin", extra=fields(error=str(error)))
        return 1
    gc.collect()
    gc.freeze()
    operator.start()
    server.start()
    logger.info("started", extra=fields(port=server.port, settings=settings.model_dump(mode="json")))
    stop.wait()
    logger.info("stopping")
    operator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

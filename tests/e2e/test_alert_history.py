"""What a run is told of alerts, by a real metrics store and vmalert with the rules and flags that are shipped.

The series are a test's; no cluster is needed, but what the sandbox compiles for `--with alerts`.
"""

import os
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from components.names import METRICS
from experiments import alerts
from experiments.cluster import ClusterError
from experiments.progress import Progress
from tests.e2e.rules import healthy
from tests.sandbox.ports import free_port
from tests.support import vmalert
from tests.support.waiting import until
from tools.sandbox.builds import VICTORIAMETRICS, Builder
from tools.sandbox.paths import Layout
from tools.sandbox.process import Runner
from tools.sandbox.progress import Progress as Said

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("alerts")]

WELL, DUAL = "strategy-x", "strategy-y"


class Programs:
    """Both programs, in place of a cluster whose services they are."""

    def __init__(self, store: str, evaluator: str) -> None:
        self.urls = {METRICS: store, "vmalert": evaluator}

    def get(self, path: str) -> dict[str, Any]:
        if path.rpartition("/")[2] not in self.urls:
            raise ClusterError("there is no such service", 404)
        return {}

    def through_service(
        self, _namespace: str, service: str, _port: int, path: str, *, query: Sequence[tuple[str, str]] = ()
    ) -> bytes:
        with urllib.request.urlopen(
            f"{self.urls[service]}{path}?{urllib.parse.urlencode(query)}", timeout=20
        ) as answer:
            found: bytes = answer.read()
        return found


@contextmanager
def running(folder: Path, name: str, *command: str) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


class Scraped:
    """The series of stacks, told to the store every second, as if they were scraped."""

    def __init__(self, store: str) -> None:
        self._store, self._done = store, threading.Event()
        self.worlds = {name: healthy(name) for name in (WELL, DUAL)}
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._thread.start()

    def _tell(self) -> None:
        while not self._done.wait(1.0):
            series = [pair for world in list(self.worlds.values()) for pair in list(world.series.items())]
            body = "".join(f"{one} {values.partition('x')[0]}\n" for one, values in series)
            urllib.request.urlopen(f"{self._store}/api/v1/import/prometheus", body.encode(), timeout=20).close()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[tuple[Programs, Scraped]]:
    layout = Layout.from_environment(os.environ)
    metrics = Builder(layout, Runner(), Said()).build(VICTORIAMETRICS) / "victoria-metrics"
    listen = f"127.0.0.1:{free_port()}"
    store = f"http://{listen}"
    with ExitStack() as ends:
        # As `components.observability.store` has it.
        shown = ("-search.latencyOffset=0s", "-search.disableCache")
        where = (f"-httpListenAddr={listen}", f"-storageDataPath={tmp_path / 'data'}")
        ends.enter_context(running(tmp_path, METRICS, str(metrics), *where, *shown))
        until("the store to answer", lambda: _answers(store), 60, 0.2)
        scraped = Scraped(store)
        ends.callback(scraped.stop)
        seen = ends.enter_context(vmalert.running(tmp_path, store))
        yield Programs(store, seen.url), scraped


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/health", timeout=5).close()
    except OSError:
        return False
    return True


def test_a_second_active_colour_is_in_the_history_and_a_stack_that_is_well_is_not(
    programs: tuple[Programs, Scraped],
) -> None:
    cluster, scraped = programs
    with alerts.watched(cluster, Progress()) as watch:  # type: ignore[arg-type]
        assert watch is not None
        began = time.time()
        pod = {"namespace": DUAL, "color": "green", "pod": "consumer-green-1"}
        scraped.worlds[DUAL].says("kafka_consumer_lifecycle_state", "1x1", state="ACTIVE", **pod)
        until("the alert", lambda: watch.evaluator.raised(DUAL, began, time.time()) != [], 60, 0.5)
        scraped.worlds[DUAL].says("kafka_consumer_lifecycle_state", "0x1", state="ACTIVE", **pod)
        raised = len(watch.evaluator.raised(DUAL, began, time.time()))
        until("no alert", lambda: vmalert.Vmalert(cluster.urls["vmalert"]).raised(DUAL) == set(), 60, 0.5)
        told, silent = (watch.section(name, began, time.time()) for name in (DUAL, WELL))
    assert raised == 1
    assert [one["alert"] for one in told["fired"]] == ["DualActiveConsumers"], told
    assert alerts.measured(told) == {"alerts_fired": "1: DualActiveConsumers", "dual_active_alerts": 1}
    assert (silent["fired"], alerts.measured(silent)) == ([], {"alerts_fired": 0, "dual_active_alerts": 0})
    assert len(silent["rules"]) == 9
    assert silent["evaluations"] >= 3

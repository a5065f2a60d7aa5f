"""Asks the metrics store once a second, while somebody looks."""

import logging
import threading
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
import urllib3

from workloads.common.logs import fields
from workloads.page import figures
from workloads.page.board import Board

logger = logging.getLogger(__name__)

_SECONDS = 1.0
_ALERT_SECONDS = 5.0
_TIMEOUT_SECONDS = 3.0
_IDLE_SECONDS = 3600.0


class StoreError(Exception):
    """The store does not answer, or not what it should; the message says which one, without its credentials."""


class Store:
    """A store that speaks Prometheus' HTTP API at a URL."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._shown = f"{urlsplit(url).scheme}://{urlsplit(url).hostname}{urlsplit(url).path}"
        self._pool = urllib3.PoolManager(maxsize=1, retries=False, timeout=_TIMEOUT_SECONDS)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """One answer. Raises StoreError."""
        why = ""
        try:
            answer = self._pool.request("GET", f"{self._url}{path}?{urlencode(query)}")
            if answer.status != 200:
                why = f"HTTP {answer.status}"
            content = orjson.loads(answer.data) if not why else None
        except urllib3.exceptions.HTTPError as error:
            why = type(error).__name__
        except orjson.JSONDecodeError:
            why = "its answer is not JSON"
        if why or not isinstance(content, dict):
            raise StoreError(f"{self._shown}{path}: {why or 'its answer is no object'}")
        return content


class Scraper:
    """Feeds the board. metrics, alerts: where to ask; None for what nobody has configured."""

    def __init__(self, namespace: str, board: Board, metrics: Store | None, alerts: Store | None) -> None:
        self._namespace = namespace
        self._board = board
        self._metrics = metrics
        self._alerts = alerts
        self._asked_at = 0.0
        self._alerts_at = 0.0
        self.thread = threading.Thread(target=self._run, name="figures", daemon=True)

    def _run(self) -> None:
        while True:
            self._board.wait_for_viewer(_IDLE_SECONDS)
            if not self._board.viewers:
                continue
            began = time.monotonic()
            self.turn()
            time.sleep(max(0.0, began + _SECONDS - time.monotonic()))

    def turn(self) -> None:
        """Ask once, and tell the board."""
        now = time.time()
        try:
            if self._metrics is not None:
                self._board.figures_are(self._points(self._metrics, now))
        except (StoreError, KeyError, TypeError, ValueError) as error:
            logger.debug("no figures", extra=fields(error=str(error)))
            self._board.figures_are([], f"no figures: {error}")
        if self._alerts is not None and now - self._alerts_at >= _ALERT_SECONDS:
            self._alerts_at = now
            try:
                said = self._alerts.get("/api/v1/rules", type="alert")
                self._board.alerts_are(figures.alerts(said, self._namespace))
            except (StoreError, AttributeError, TypeError) as error:
                self._board.alerts_are({"configured": True, "alerts": [], "problem": str(error)})

    def _points(self, store: Store, now: float) -> list[figures.Point]:
        """The newest point; after a while of not asking, all of that while that are kept."""
        away = now - self._asked_at
        asked = figures.queries(self._namespace)
        if away <= 3 * _SECONDS:
            answers = {name: store.get("/api/v1/query", query=text, time=f"{now:.3f}") for name, text in asked.items()}
        else:
            span = {
                "start": f"{now - min(away, figures.KEPT_SECONDS):.3f}",
                "end": f"{now:.3f}",
                "step": f"{figures.STEP_SECONDS}s",
            }
            answers = {name: store.get("/api/v1/query_range", query=text, **span) for name, text in asked.items()}
        self._asked_at = now
        return figures.points(answers)

"""vmalert and its tool, as the sandbox compiles them: on this machine, with the rules and flags that are shipped."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.names import METRICS, METRICS_PORT, PLATFORM_NAMESPACE
from components.observability.alerts import RULES, flags
from experiments.conformance.forward import forwarded
from experiments.run import REPOSITORY
from tests.sandbox.ports import free_port
from tests.support.waiting import until


def tool() -> Path:
    """vmalert-tool; vmalert is beside it. Both are compiled where they are not there yet."""
    sandbox = [sys.executable, "-m", "tools.sandbox"]
    if "VMALERT_TOOL" not in os.environ:
        subprocess.run([*sandbox, "images", "--with", "alerts"], cwd=REPOSITORY, check=True, timeout=600)
    env = subprocess.run([*sandbox, "env", "--json"], cwd=REPOSITORY, check=True, capture_output=True, timeout=60)
    return Path(json.loads(env.stdout)["VMALERT_TOOL"])


@dataclass(frozen=True)
class Vmalert:
    """One that runs. url: of its API."""

    url: str

    def evaluated(self) -> bool:
        """Whether every rule has been evaluated at least once, and none failed."""
        groups = self._asked("/api/v1/rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert not [rule for rule in rules if rule["lastError"]], rules
        return bool(rules) and all(not rule["lastEvaluation"].startswith("0001") for rule in rules)

    def raised(self, namespace: str) -> set[str]:
        """The alerts that are raised for a stack."""
        alerts = self._asked("/api/v1/alerts")["alerts"]
        own = [alert for alert in alerts if alert["labels"]["namespace"] == namespace]
        return {alert["name"] for alert in own if alert["state"] == "firing"}

    def answers(self) -> bool:
        """Whether it does."""
        try:
            self._asked("/api/v1/rules")
        except (urllib.error.URLError, OSError):
            return False
        return True

    def _asked(self, path: str) -> dict[str, list[dict[str, Any]]]:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            found: dict[str, list[dict[str, Any]]] = json.load(answer)["data"]
        return found


@contextmanager
def evaluating(folder: Path) -> Iterator[Vmalert]:
    """vmalert, which asks the cluster's metrics store, within the block. Its log is in the folder."""
    with (
        forwarded(PLATFORM_NAMESPACE, f"{METRICS}-0", METRICS_PORT) as ports,
        running(folder, f"http://127.0.0.1:{ports[METRICS_PORT]}") as made,
    ):
        yield made


@contextmanager
def running(folder: Path, store: str, rules: Path = RULES, asked: str = "") -> Iterator[Vmalert]:
    """vmalert with the flags that are shipped (`alerts.flags`), every rule evaluated, within the block."""
    listen = f"127.0.0.1:{free_port()}"
    with (folder / "vmalert.log").open("wb") as log:
        command = [str(tool().with_name("vmalert")), *flags(store, str(rules), listen, asked=asked)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            made = Vmalert(f"http://{listen}")
            until("vmalert to answer", made.answers, 30, 0.1)
            until("the rules to be evaluated", made.evaluated, 30, 0.5)
            yield made
        finally:
            process.terminate()
            process.wait(30)

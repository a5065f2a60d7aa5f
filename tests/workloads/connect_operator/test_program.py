"""The program as a pod runs it: settings from a file, probes, metrics, its end."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_connect import FakeConnect
from tests.support.fake_kube import FakeApi
from tests.support.waiting import until
from tests.workloads.connect_operator.place import CONNECTORS, CONNECTS, connect_resource, make_workers_ready
from tests.workloads.connect_operator.play import NAME, resource


class Program:
    """`python -m workloads.connect_operator` beside an API server and a Connect."""

    def __init__(self, folder: Path) -> None:
        self.api, self.connect = FakeApi(), FakeConnect()
        self._log = folder / "log"
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.api.url}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
        settings = {"default_image": "kafka", "rest_url": self.connect.url, "http_host": "127.0.0.1", "http_port": 0}
        (folder / "settings.yaml").write_text(json.dumps(settings))
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(folder / "kubeconfig"),
            "SETTINGS_FILE": str(folder / "settings.yaml"),
            "POD_NAME": "operator-0",
            "POD_NAMESPACE": "n",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "workloads.connect_operator"]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment | environment, stdout=log, stderr=log)
        return self.process

    def port(self) -> int:
        """Of its probes, once it says that it has started."""

        def said() -> int | None:
            for line in self.log().splitlines():
                if '"message":"started"' in line:
                    return int(json.loads(line)["port"])
            return None

        found: int = until("the program to start", said)
        return found

    def log(self) -> str:
        return self._log.read_text()

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.connect.close()
        self.api.close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path)
    yield made
    made.close()


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_it_reconciles_answers_its_probes_and_ends_when_told(program: Program) -> None:
    process = program.start()
    base = f"http://127.0.0.1:{program.port()}"
    until("ready", lambda: status_of(f"{base}/readyz") == 200)
    assert status_of(f"{base}/healthz") == 200
    program.api.put(f"{CONNECTS}/blue", connect_resource())
    make_workers_ready(program.api)
    program.api.put(f"{CONNECTORS}/{NAME}", resource({"state": "stopped"}))
    until("the connector is made", lambda: program.connect.states == [(NAME, "STOPPED")])
    with urllib.request.urlopen(f"{base}/metrics", timeout=5) as answer:
        assert b'strimzi_resources{kind="KafkaConnector",namespace="n"}' in answer.read()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_wrong_settings_are_named(program: Program) -> None:
    assert program.start(BG_LOCK_TIMEOUT_SECONDS="0", BG_WRONG="1").wait(20) == 2
    assert "lock_timeout_seconds" in program.log()
    assert "BG_WRONG" in program.log()

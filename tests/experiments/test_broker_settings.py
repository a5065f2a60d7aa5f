"""What the brokers say that they are set to, by the program that runs in a pod: on a real broker."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments import broker_settings
from tests.support.broker import Broker, libs

PROGRAM = Path(broker_settings.__file__).parent / "in_pod" / "broker_setting.py"


def test_the_session_is_asked_for_in_the_producers_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def output_of(namespace: str, pod: str, container: str, command: list[str], *, seconds: float) -> bytes:
        asked.append((namespace, pod, container, command[:2], command[3:]))
        return b"10000\n"

    monkeypatch.setattr(broker_settings, "output_of", output_of)
    assert broker_settings.consumer_session_seconds("strategy-x") == 10.0
    ((namespace, pod, container, program, arguments),) = asked
    assert (namespace, pod, container, program) == ("strategy-x", "producer-0", "producer", ["python3", "-c"])
    assert arguments[1:] == ["group.consumer.session.timeout.ms"]


@pytest.mark.e2e
def test_a_broker_tells_its_own_session(tmp_path: Path) -> None:
    broker = Broker(libs(), tmp_path)
    try:
        settings = tmp_path / "settings.yaml"
        settings.write_text(f"bootstrap_servers: {broker.bootstrap_servers}\n")
        command = [sys.executable, str(PROGRAM), str(settings), broker_settings.CONSUMER_SESSION]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.strip() == "10000"  # as the test's broker has it, and no default
    finally:
        broker.kill()

"""Kafka's command line tools, as the image has them: upstream's names and arguments, on a real broker."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Broker, libs
from tools.sandbox.catalogue import KAFKA

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("broker")]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = Broker(libs(), tmp_path_factory.mktemp("broker"))
    yield started
    started.kill()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as the image's /opt/kafka, without its class archive."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "libs").symlink_to(libs())
    for name in ("bin", "config"):
        # Not links: the scripts find the rest by where they really are.
        (folder / name).mkdir()
        for file in (KAFKA / name).iterdir():
            copy = folder / name / file.name
            copy.write_bytes(file.read_bytes())
            copy.chmod(file.stat().st_mode)
    return folder


def run(home: Path, broker: Broker, tool: str, *arguments: str, stdin: str = "") -> str:
    command = [str(home / "bin" / tool), "--bootstrap-server", broker.bootstrap_servers, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{tool}: {done.stderr}{done.stdout}"
    return done.stdout


def test_a_runbook_can_be_followed(home: Path, broker: Broker) -> None:
    run(home, broker, "kafka-topics.sh", "--create", "--topic", "t", "--partitions", "2", "--replication-factor", "1")
    run(home, broker, "kafka-console-producer.sh", "--topic", "t", stdin="one\ntwo\n")
    read = ("--topic", "t", "--from-beginning", "--max-messages", "2", "--timeout-ms", "30000", "--group", "g")
    assert run(home, broker, "kafka-console-consumer.sh", *read).split() == ["one", "two"]
    described = run(home, broker, "kafka-consumer-groups.sh", "--describe", "--group", "g")
    assert {line.split()[2] for line in described.splitlines() if line.startswith("g ")} == {"0", "1"}
    assert run(home, broker, "kafka-topics.sh", "--list").split() == ["__consumer_offsets", "t"]


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("kafka-groups.sh", ("--list",), "GROUP"),
        ("kafka-configs.sh", ("--describe", "--entity-type", "brokers", "--entity-name", "1"), "configs for broker 1"),
        ("kafka-get-offsets.sh", (), ""),
        ("kafka-transactions.sh", ("list",), "TransactionalId"),
        ("kafka-broker-api-versions.sh", (), "Fetch(1)"),
    ],
)
def test_each_tool_starts(home: Path, broker: Broker, tool: str, arguments: tuple[str, ...], says: str) -> None:
    assert says in run(home, broker, tool, *arguments)


def test_there_is_a_test_of_each_tool() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    tools = {file.name for file in (KAFKA / "bin").iterdir() if "kafka-tool.sh" in file.read_text()} - {"kafka-tool.sh"}
    assert len(tools) > 5
    assert {tool for tool in tools if tool not in text} == set()

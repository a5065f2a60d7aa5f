"""What docs/stand-ins.md says of settings is what the files say.

A claim is a code span of the form `name=value` (or a flag, or `key: value`); it is looked for where it is set. A claim
that nothing in here can check is refused, too: it could be of something that is set nowhere.
"""

import re
from pathlib import Path

import pytest

from components import pods

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "stand-ins.md"
SERVER_PROPERTIES = ROOT / "components" / "files" / "kafka" / "server.properties"
KAFKA = ROOT / "components" / "kafka.py"
ARGO = ROOT / "components" / "argo" / "rollouts.py"
SANDBOX = ROOT / "tools" / "sandbox" / "config.py"

#: What else the table says of settings: words of the page, the file that decides, and the line that it must have.
IN_WORDS = (
    ("replication factor 1", SERVER_PROPERTIES, "default.replication.factor=1"),
    ("one broker that is its own controller", SERVER_PROPERTIES, "process.roles=broker,controller"),
    ("a heap of 512 MB", KAFKA, '"-Xms256m -Xmx512m"'),
    ("events are kept for 5 minutes", SANDBOX, '"--event-ttl=5m"'),
)

#: The broker's defaults that the table names beside what is set, with their source in Kafka 4.3.1.
DEFAULTS = {
    # group-coordinator/src/main/java/org/apache/kafka/coordinator/group/GroupCoordinatorConfig.java
    "group.initial.rebalance.delay.ms": "3000",
}


def rows() -> list[str]:
    """The lines of the table of stand-ins."""
    return [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]


def properties() -> dict[str, str]:
    lines = SERVER_PROPERTIES.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def problem(span: str) -> str | None:
    """Why a code span's claim is wrong; None when it is right, or claims nothing of a setting."""
    if re.fullmatch(r"[a-z]+(\.[a-z]+)+=\S+", span):
        name, _, value = span.partition("=")
        found = properties().get(name)
        return None if found == value else f"{SERVER_PROPERTIES.name} sets it to {found or 'nothing'}"
    if span.startswith("-X"):
        return None if f'"{span}"' in KAFKA.read_text(encoding="utf-8") else f"{KAFKA.name} does not set it"
    if span.startswith("--controllers="):
        return None if f'"{span}"' in ARGO.read_text(encoding="utf-8") else f"{ARGO.name} does not set it"
    if span.startswith("imagePullPolicy: "):
        return None if span.endswith(f" {pods.PULL_POLICY}") else f"it is {pods.PULL_POLICY}"
    return "nothing checks it" if "=" in span else None


def test_the_table_is_found() -> None:
    assert len(rows()) > 10


def test_every_setting_that_the_table_claims_is_set() -> None:
    spans = [span for row in rows() for span in re.findall(r"`([^`]+)`", row)]
    wrong = {span: why for span in spans if (why := problem(span))}
    assert wrong == {}


def test_every_default_that_stands_beside_a_setting_is_the_brokers() -> None:
    (row,) = [row for row in rows() if "`group.initial.rebalance.delay.ms=100`" in row]
    settings = re.findall(r"`([a-z.]+)=[^`]+`", row.split("|")[1])
    assert re.findall(r"\d+", row.split("|")[2]) == [DEFAULTS[name] for name in settings if name in DEFAULTS]
    assert set(settings) <= set(DEFAULTS), "a default that nobody looked up"


@pytest.mark.parametrize(("words", "file", "line"), IN_WORDS)
def test_what_is_said_in_words_is_set(words: str, file: Path, line: str) -> None:
    assert any(words in row for row in rows()), "the page does not say so any more"
    assert line in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "claim",
    [
        "group.coordinator.append.linger.ms=0",
        "group.initial.rebalance.delay.ms=3000",
        "-XX:+UseG1GC",
        "imagePullPolicy: Always",
        "SOMETHING=1",
    ],
)
def test_a_claim_that_is_wrong_is_found(claim: str) -> None:
    assert problem(claim)


def test_the_brokers_file_is_what_the_broker_gets() -> None:
    """No setting is there twice, and the linger of the coordinator's appends is left at its default (-1, adaptive)."""
    lines = [line.split("=")[0] for line in SERVER_PROPERTIES.read_text(encoding="utf-8").splitlines() if "=" in line]
    assert len(set(lines)) == len(lines)
    assert "group.coordinator.append.linger.ms" not in properties()

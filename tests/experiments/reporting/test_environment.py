"""Part two of the report: every component that was in use, the version that ran or that was built, every stand-in."""

import re
from pathlib import Path

from experiments.evidence.sources import Sources
from experiments.reporting import environment
from experiments.reporting.told import Told
from experiments.reporting.words import ENGLISH, words
from experiments.results import RunResult
from tests.support.samples import result
from tools.sandbox import builds

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "stand-ins.md"
#: Rows of the page that are no component: how the sandbox is arranged, how images are made, what is set.
NO_COMPONENTS = ("namespaces of the machine", "images built from", "one broker", "JVM flag", "`group.initial")


def shown(*results: RunResult, tmp_path: Path) -> list[str]:
    return environment.environment(results, [], Told(Sources(tmp_path)), words(ENGLISH)).splitlines()


def row(lines: list[str], name: str) -> str:
    (found,) = [line for line in lines if line.startswith(f"| {name} |")]
    return found


def test_what_a_result_has_read_is_the_version(tmp_path: Path) -> None:
    one = result(
        environment={"kafka": "4.3.1", "image vmalert": "x", "image victorialogs": "y"},
        alerts={"vmalert": "v1.131.0"},
        logs={"store": "VictoriaLogs v1.52.1"},
    )
    lines = shown(one, result(environment={"kafka": "4.3.2"}), tmp_path=tmp_path)
    assert "`4.3.1`, `4.3.2`" in row(lines, "Kafka")
    assert "`v1.131.0`" in row(lines, "vmalert")
    assert "`VictoriaLogs v1.52.1`" in row(lines, "VictoriaLogs")


def test_where_none_was_read_the_pin_is_told_as_one(tmp_path: Path) -> None:
    lines = shown(result(environment={"image argo-rollouts": "x"}), tmp_path=tmp_path)
    assert "built here at `1.10.1`" in row(lines, "Argo Rollouts")
    assert "built here at `3.7.0`" in row(lines, "etcd")
    assert not [line for line in lines if "KEDA" in line or "vmalert |" in line], "what no run had"
    assert "built here at `2.21.0`" in row(shown(result(scenario="keda"), tmp_path=tmp_path), "KEDA")


def test_what_nobody_has_listed_is_shown_all_the_same(tmp_path: Path) -> None:
    assert "`7`" in row(shown(result(environment={"something.new": 7}), tmp_path=tmp_path), "something.new")


def test_a_stand_in_is_marked(tmp_path: Path) -> None:
    lines = shown(result(environment={"connect-operator": "ours"}), tmp_path=tmp_path)
    assert "**stand-in**: Strimzi's cluster operator" in row(lines, "`workloads/connect_operator`")


def test_every_stand_in_of_the_page_is_marked_in_its_words() -> None:
    rows = [line.strip("|").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")][2:]
    told = {(component.name, component.stands_in) for component in environment.components() if component.stands_in}
    left = []
    for part, instead, *_ in rows:
        names = {name for name, stands_in in told if stands_in == instead.strip() and name.lower() in part.lower()}
        told -= {(name, instead.strip()) for name in names}
        if not names and not part.strip().startswith(NO_COMPONENTS):
            left.append(part.strip())
    assert left == [], "not in components.toml"
    assert told == set(), "not on the page"


def test_a_pin_is_the_builds() -> None:
    pins = {component.name: component.pinned for component in environment.components() if component.pinned}
    go = (builds.GO_SOURCES / "kubernetes" / "go.mod").read_text()
    pom = (ROOT / "tools" / "sandbox" / "images" / "kafka" / "pom.xml").read_text()
    exporter = re.search(r"<artifactId>jmx_prometheus_javaagent</artifactId>\s*<version>([\d.]+)<", pom)
    assert exporter is not None
    assert pins == {
        "etcd": _required(go, "go.etcd.io/etcd/server/v3"),
        "CoreDNS": _required(go, "github.com/coredns/coredns"),
        "volume provisioner": _required(go, "sigs.k8s.io/sig-storage-lib-external-provisioner/v13"),
        "JMX exporter": exporter[1],
        "Argo Rollouts": builds.ARGO_ROLLOUTS_VERSION.removeprefix("v"),
        "KEDA": builds.KEDA_VERSION.removeprefix("v"),
        "vlagent": builds.VICTORIALOGS_VERSION.removeprefix("v"),
        "Python language host": "3.187.0",
    }
    assert "Python language host of August 2025 (SDK v3.187.0)" in PAGE.read_text()


def _required(text: str, module: str) -> str:
    found = re.search(rf"^\s*{re.escape(module)} v([\d.]+)", text, re.MULTILINE)
    assert found is not None
    return found[1]

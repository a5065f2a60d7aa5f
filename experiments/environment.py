"""What a run was made with: versions and sizes, read from what runs, never from what was asked for."""

import json
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from components import connect_names
from components.names import COLORS, KAFKA, KAFKA_PORT, METRICS, METRICS_PORT, PLATFORM_NAMESPACE
from components.settings import StrategySettings, keys
from components.strategies.parts import Part, Parts
from experiments.cluster import Cluster
from experiments.connect import Connect
from experiments.errors import ExperimentError
from experiments.kubectl import output_of
from experiments.results import SPEED, Measured

_COMMAND_SECONDS = 30.0
# Of the settings, those that are one word or number.
_PLAIN = frozenset({"string", "integer", "number", "boolean"})
_IN_POD = """
import importlib.metadata as m, json, platform
import confluent_kafka
found = {
    "python": platform.python_version(),
    "confluent-kafka": m.version("confluent-kafka"),
    "librdkafka": confluent_kafka.libversion()[0],
}
for name in ("faust-streaming", "aiokafka"):
    try:
        found[name] = m.version(name)
    except m.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
# What decides how soon the broker lets members in, and gives them their partitions.
_OF_THE_BROKER = ("group.initial.rebalance.delay.ms", "group.consumer.assignment.interval.ms")
_OF_COLORS = tuple(f"{color} {what}" for color in COLORS for what in ("version", "image"))
_VERSION_LABEL = "app.kubernetes.io/version"
_KAFKA_JAR = re.compile(r"kafka_(?P<scala>[\d.]+)-(?P<version>[\d.]+[\w.-]*?)\.jar$")


class VersionError(ExperimentError):
    """A version could not be read."""


def _run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False, start_new_session=True
    )
    if done.returncode != 0:
        raise VersionError(f"{' '.join(command[:2])}: {done.stderr.strip()}")
    return done.stdout.strip()


def kafka_version(names: str) -> str:
    """The broker's version by its main jar, from a listing of its libraries.

    Raises VersionError if it is not among them.
    """
    for name in names.split():
        if match := _KAFKA_JAR.search(name):
            return match["version"]
    raise VersionError("no kafka_*.jar among the broker's libraries")


def broker_settings(told: str) -> dict[str, Measured]:
    """What of the broker's settings figures depend on, from what kafka-configs.sh describes. Raises KeyError."""
    words = (line.split()[0] for line in told.splitlines() if "=" in line)
    found = {name: value for name, _, value in (word.partition("=") for word in words)}
    return {name: int(found[name]) for name in _OF_THE_BROKER}


def memory_gib(quantity: str) -> float:
    """A Kubernetes memory quantity (Ki, Mi, Gi or bytes) in GiB."""
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    factor = units.get(quantity[-2:], 1)
    return round(int(quantity.removesuffix(quantity[-2:]) if factor > 1 else quantity) * factor / 2**30, 1)


def describe(
    cluster: Cluster, namespace: str, settings: StrategySettings, parts: Parts, providers: Mapping[str, str]
) -> dict[str, Measured]:
    """Component to version, and the sizes of the run. parts: what the strategy's colours consist of.

    What can't be read is null, and does not end a run whose measuring is done.
    """
    found: dict[str, Measured] = {
        key.attribute: getattr(settings, key.attribute) for key in keys.of(type(settings)) if key.kind in _PLAIN
    }
    readers: list[tuple[tuple[str, ...], Callable[[], Mapping[str, Measured]]]] = [
        (("kubernetes",), lambda: {"kubernetes": json.loads(cluster.request("GET", "/version"))["gitVersion"]}),
        (("nodes",), lambda: _nodes(cluster)),
        (
            ("kafka",),
            lambda: {"kafka": kafka_version(_in_pod(PLATFORM_NAMESPACE, f"{KAFKA}-0", KAFKA, "ls", "/opt/kafka/libs"))},
        ),
        (_OF_THE_BROKER, _broker_settings),
        (("victoriametrics",), lambda: {"victoriametrics": _victoriametrics(cluster)}),
        (("python", "confluent-kafka", "librdkafka"), lambda: _workloads(cluster, namespace, parts.members)),
        (("images",), lambda: _images(cluster, namespace, parts)),
        (_OF_COLORS, lambda: _colors(cluster, namespace)),
        (("pulumi",), lambda: {"pulumi": _run("pulumi", "version").removeprefix("v")}),
    ]
    if parts.connectors is not None and parts.workers is not None:
        connect = Connect(cluster, namespace, parts.connectors, parts.workers)
        readers += [
            (("kafka-connect",), lambda: {"kafka-connect": connect.version()}),
            (("strimzi-crds",), lambda: {"strimzi-crds": _crds(cluster)}),
            (("connect-operator",), lambda: {"connect-operator": operator(connect.managers())}),
        ]
    for names, read in readers:
        try:
            found.update(read())
        except (ExperimentError, subprocess.TimeoutExpired, KeyError, ValueError, IndexError):
            found.update(dict.fromkeys(names))
    found.update({f"pulumi-{package}": version for package, version in providers.items()})
    found[SPEED] = speed()
    found["commit"] = commit()
    return found


def speed() -> float:
    """Processor time, in milliseconds, of a million additions in this Python: the median of five tries, about a second
    in all. By it figures can be told apart that differ because the machine did: a shared one's speed changes by the
    hour.
    """
    tries = []
    for _ in range(5):
        began, total = time.thread_time(), 0
        for number in range(1_000_000):
            total += number
        tries.append(time.thread_time() - began)
    return round(statistics.median(tries) * 1000, 1)


def _in_pod(namespace: str, pod: str, container: str, *command: str) -> str:
    return output_of(namespace, pod, container, command, seconds=_COMMAND_SECONDS).decode().strip()


def _broker_settings() -> dict[str, Measured]:
    script = "/opt/kafka/bin/kafka-configs.sh"
    entity = ("--entity-type", "brokers", "--entity-name", "1", "--describe", "--all")
    asked = (script, "--bootstrap-server", f"localhost:{KAFKA_PORT}", *entity)
    return broker_settings(_in_pod(PLATFORM_NAMESPACE, f"{KAFKA}-0", KAFKA, *asked))


def _nodes(cluster: Cluster) -> dict[str, Measured]:
    nodes = cluster.get("/api/v1/nodes")["items"]
    info, capacity = nodes[0]["status"]["nodeInfo"], nodes[0]["status"]["capacity"]
    return {
        "nodes": len(nodes),
        "node_cpus": int(capacity["cpu"]),
        "node_memory_gib": memory_gib(capacity["memory"]),
        "kernel": info["kernelVersion"],
        "container_runtime": info["containerRuntimeVersion"],
        "os": info["osImage"],
    }


def _victoriametrics(cluster: Cluster) -> str:
    text = cluster.through_service(PLATFORM_NAMESPACE, METRICS, METRICS_PORT, "/metrics").decode()
    match = re.search(r'vm_app_version\{version="(?P<long>[^"]*)", short_version="(?P<short>[^"]*)"', text)
    if match is None:
        raise VersionError("no vm_app_version among its metrics")
    return match["short"] or match["long"]


def _workloads(cluster: Cluster, namespace: str, members: Part) -> dict[str, Measured]:
    """Of one pod of each colour: what the two have between them."""
    pods = {pod.color: pod for pod in reversed(cluster.pods(namespace, members.selector))}
    found: dict[str, Measured] = {}
    for pod in pods.values():
        found |= json.loads(_in_pod(namespace, pod.name, members.program.container, "python3", "-c", _IN_POD))
    return found


def _colors(cluster: Cluster, namespace: str) -> dict[str, Measured]:
    """Version and image of the application of each colour, as its pods say."""
    status = cluster.switch(namespace).raw["status"]
    return {name: status[name.split()[0]][name.split()[1]] or None for name in _OF_COLORS}


def _images(cluster: Cluster, namespace: str, parts: Parts) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    sets = {name: part.app for part in parts.all for name in part.sets.values()}
    for where in (PLATFORM_NAMESPACE, namespace):
        for pod in cluster.pods(where):
            for container, image in pod.images.items():
                # A container that is called as its set is the same program in both colours.
                found[f"image {sets.get(container, container)}"] = image
    return found


def _crds(cluster: Cluster) -> str:
    """The version of Strimzi's resources: of whatever made their definitions, if it left it there, else the API's."""
    name = f"{connect_names.CONNECTOR_PLURAL}.{connect_names.STRIMZI_GROUP}"
    raw = cluster.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    served = [str(version["name"]) for version in raw["spec"]["versions"] if version.get("served")]
    made = raw["metadata"].get("labels", {}).get(_VERSION_LABEL)
    return f"{made} ({', '.join(served)})" if made else ", ".join(served)


def operator(managers: Sequence[str]) -> str:
    """Who acts on the connectors' resources, by who manages their workers; a stand-in is called one."""
    if not managers:
        raise VersionError("the workers' pods do not say who manages them")
    stand_in = connect_names.OPERATORS_MANAGER
    return ", ".join(f"{name} (a stand-in for Strimzi's)" if name == stand_in else name for name in managers)


def commit(root: Path = Path(__file__).parent.parent) -> str | None:
    """The checkout's commit, with a mark if there is more in it than the commit; the stacks' configuration, which is a
    user's to set and stands beside each result, left out.
    """
    paths = ("--", ".", ":(exclude)stacks")
    try:
        commit = _run("git", "-C", str(root), "rev-parse", "--short=12", "HEAD")
        changed = _run("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no", *paths)
    except (ExperimentError, OSError, subprocess.TimeoutExpired):
        return None
    return f"{commit}-dirty" if changed else commit

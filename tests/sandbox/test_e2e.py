"""The sandbox itself, on the real machine: a second one beside what may run, with a port and data of its own.

It borrows the programs and image inputs of the machine's cache, which ``python -m tools.sandbox up`` has filled.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.ports import free_port
from tools.sandbox import strimzi
from tools.sandbox.cluster import Cluster
from tools.sandbox.config import MACHINE_SYSCTLS
from tools.sandbox.extras import EXTRAS
from tools.sandbox.paths import CHECKOUT, Layout

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("sandbox")]

SECONDS = 180
# What is there only for whoever asked for it: another test, or a user before.
ASKED_FOR = {name for extra in EXTRAS.values() for name in extra.images}
WATCHED_SYSCTLS = (*MACHINE_SYSCTLS, "net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")

CONNECT = """
import socket, sys
for address in sys.argv[1:]:
    try:
        socket.create_connection((address, 80), 3)
        print("reached", address)
    except OSError as error:
        print(type(error).__name__, error.errno)
"""

WRITER = """
apiVersion: v1
kind: Service
metadata: {name: writer}
spec: {clusterIP: None, selector: {app: writer}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: writer}
spec:
  serviceName: writer
  replicas: 1
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}
  selector: {matchLabels: {app: writer}}
  template:
    metadata: {labels: {app: writer}}
    spec:
      terminationGracePeriodSeconds: 1
      securityContext:
        {runAsNonRoot: true, runAsUser: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
      initContainers:
        - name: sidecar
          image: IMAGE
          restartPolicy: Always
          command: [sleep, infinity]
      containers:
        - name: writer
          image: IMAGE
          command: [sh, -c, "date >> /data/starts; exec sleep infinity"]
          securityContext: {readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}, allowPrivilegeEscalation: false}
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
"""


class Sandbox:
    """One sandbox, used as a person does: by the command line and kubectl."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.cluster = Cluster(layout)
        self._environment = {
            **os.environ,
            "KAFKA_BLUEGREEN_CACHE": str(layout.cache),
            "KAFKA_BLUEGREEN_PORT": str(layout.port),
        }

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "tools.sandbox", *arguments],
            capture_output=True,
            text=True,
            cwd=CHECKOUT,
            env=self._environment,
            check=False,
            timeout=600,
        )
        assert not check or result.returncode == 0, result.stderr
        return result

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        variables = json.loads(self.run("env", "--json").stdout)
        result = subprocess.run(
            ["kubectl", *arguments],
            input=text,
            capture_output=True,
            text=True,
            env={**self._environment, **variables},
            check=False,
            timeout=SECONDS,
        )
        assert result.returncode == 0, f"kubectl {' '.join(arguments)}: {result.stderr}"
        return result.stdout

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def processes(self) -> list[int]:
        """Every process of its pid namespace, and the one that holds it, by number on the host."""
        pid = self.cluster.pid()
        assert pid is not None
        namespace = Path(f"/proc/{pid}/ns/pid").readlink()
        found = [_parent(pid)]
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                try:
                    inside = (path / "ns" / "pid").readlink() == namespace
                except OSError:
                    continue
                if inside:
                    found.append(int(path.name))
        return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _wait(what: str, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    own = Layout.from_environment(os.environ)
    if not own.bin.exists():
        pytest.fail("no programs in the cache yet: run 'python -m tools.sandbox up' first")
    cache = own.cache / f"test-{os.getpid()}"
    cache.mkdir(parents=True)
    for shared in (own.bin, own.images, own.go_build):
        (cache / shared.name).symlink_to(shared)
    sandbox = Sandbox(Layout(cache, free_port()))
    try:
        sandbox.run("up")
        yield sandbox
    finally:
        sandbox.run("down", check=False)
        shutil.rmtree(cache)


@pytest.fixture(scope="module")
def writer(sandbox: Sandbox) -> str:
    """A pod with a volume, a native sidecar and the strictest security that the platform uses; its name."""
    sandbox.kubectl("apply", "--filename=-", text=WRITER.replace("IMAGE", _image()))
    sandbox.kubectl("rollout", "status", "statefulset/writer", f"--timeout={SECONDS}s")
    return "writer-0"


def test_up_again_finds_everything_done(sandbox: Sandbox) -> None:
    pid = sandbox.cluster.pid()
    result = sandbox.run("up")
    assert sandbox.cluster.pid() == pid
    assert "compile" not in result.stderr
    assert "image " not in result.stderr
    assert sandbox.run("status").returncode == 0


def test_images_with_nothing_to_do_take_no_time(sandbox: Sandbox) -> None:
    began = time.monotonic()
    references = json.loads(sandbox.run("images").stdout)
    assert time.monotonic() - began < 30  # under 0.5 s on a machine that does nothing else; a build takes minutes
    assert references.keys() - ASKED_FOR == {"workloads", "kafka", "victoriametrics", "consumer-v2"}
    assert sandbox.run("images", "--name", "consumer-v2").stdout == f"{references['consumer-v2']}\n"


def test_what_strategy_e_needs_is_added_when_it_is_asked_for_and_stays(sandbox: Sandbox) -> None:
    pid = sandbox.cluster.pid()
    sandbox.run("up", "--with", "connect")
    sandbox.run("up")
    assert sandbox.cluster.pid() == pid
    for name in ("kafkaconnects", "kafkaconnectors"):
        definition = sandbox.get("crd", f"{name}.kafka.strimzi.io")
        assert [version["name"] for version in definition["spec"]["versions"]] == ["v1"]
        assert definition["metadata"]["labels"]["app.kubernetes.io/version"] == strimzi.VERSION
        assert definition["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kafka-bluegreen-sandbox"
    image = json.loads(sandbox.run("images").stdout)["connect"]
    assert image in sandbox.run("exec", "--", "ctr", "--namespace=k8s.io", "images", "list", "--quiet").stdout
    folders = json.loads(sandbox.run("env", "--json").stdout)["CONNECT_LIBS"].split(":")
    assert all(any(Path(folder).glob("*.jar")) for folder in folders)


def test_pod_logs_are_where_whoever_collects_them_looks(sandbox: Sandbox, writer: str) -> None:
    """A collector's pod sees the node's two folders, and the links of the one lead into the other."""
    (link,) = sandbox.run("exec", "--", "sh", "-c", f"ls /var/log/containers/{writer}_default_writer-*").stdout.split()
    assert sandbox.run("exec", "--", "readlink", link).stdout.startswith("/var/log/pods/default_writer-0_")
    assert sandbox.run("exec", "--", "stat", "-L", "-c", "%a %g", link).stdout.split() == ["640", "0"]


def test_the_cluster_has_no_way_out(sandbox: Sandbox, writer: str) -> None:
    addresses = json.loads(subprocess.run(["ip", "-json", "-4", "address"], capture_output=True, check=True).stdout)
    outside = [a["local"] for i in addresses for a in i["addr_info"] if a.get("scope") == "global"]
    targets = ["192.0.2.1", "203.0.113.1", *outside]
    output = sandbox.kubectl("exec", writer, "--container=writer", "--", "python3", "-c", CONNECT, *targets)
    assert output.split("\n")[:-1] == ["OSError 101"] * len(targets)  # network is unreachable
    inside = sandbox.run("exec", "--", "ip", "-json", "link").stdout
    assert {link.get("link_netnsid") for link in json.loads(inside) if link["ifname"] == "lo"} == {None}
    assert "default" not in sandbox.run("exec", "--", "ip", "route").stdout


def test_identities_can_do_what_they_need_and_no_more(sandbox: Sandbox) -> None:
    def can(account: str, *what: str) -> bool:
        rules = ["auth", "can-i", *what, f"--as=system:serviceaccount:{account}", "--quiet"]
        try:
            sandbox.kubectl(*rules)
        except AssertionError:
            return False
        return True

    assert can("kube-system:volume-provisioner", "create", "persistentvolumes")
    assert not can("kube-system:volume-provisioner", "get", "secrets", "--all-namespaces")
    assert not can("kube-system:volume-provisioner", "create", "pods", "--all-namespaces")
    assert can("kube-system:coredns", "watch", "endpointslices.discovery.k8s.io", "--all-namespaces")
    assert not can("kube-system:coredns", "get", "secrets", "--all-namespaces")
    assert not can("default:default", "list", "pods")


def test_a_stranger_is_not_let_in(sandbox: Sandbox, tmp_path: Path) -> None:
    config = yaml.safe_load(sandbox.layout.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": "of somebody"}
    stranger = tmp_path / "kubeconfig"
    stranger.write_text(yaml.safe_dump(config))
    with pytest.raises(AssertionError, match=r"Unauthorized|must be logged in"):
        sandbox.kubectl(f"--kubeconfig={stranger}", "get", "namespaces")


def test_a_pods_volume_goes_with_its_set(sandbox: Sandbox) -> None:
    text = WRITER.replace("writer", "passing").replace("IMAGE", _image())
    sandbox.kubectl("apply", "--filename=-", text=text)
    sandbox.kubectl("rollout", "status", "statefulset/passing", f"--timeout={SECONDS}s")
    volume = sandbox.get("pvc", "data-passing-0")["spec"]["volumeName"]
    folder = sandbox.layout.sandbox / "volumes" / volume
    assert (folder / "starts").exists()
    sandbox.kubectl("delete", "--filename=-", text=text)
    _wait("the volume's folder to be removed", lambda: not folder.exists())


def _image() -> str:
    references = Layout.from_environment(os.environ).image_references
    image: str = json.loads(references.read_text())["workloads"]
    return image


@pytest.mark.parametrize("daemon", ["kube-apiserver", "etcd", "containerd", "kubelet", "relay"])
def test_a_killed_daemon_is_back_and_pods_did_not_notice(sandbox: Sandbox, writer: str, daemon: str) -> None:
    before = sandbox.get("pod", writer)
    starts = sandbox.cluster.daemons()[daemon].starts
    sandbox.run("restart", daemon)
    _wait(f"{daemon} to be started again", lambda: sandbox.cluster.daemons()[daemon].starts == starts + 1)
    sandbox.cluster.wait_for_api()
    sandbox.cluster.wait_for_containerd()
    _wait("an exec into the pod", lambda: _executes(sandbox, writer))
    after = sandbox.get("pod", writer)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert _restarts(after) == _restarts(before)


def _executes(sandbox: Sandbox, pod: str) -> bool:
    try:
        return sandbox.kubectl("exec", pod, "--container=writer", "--", "echo", "here") == "here\n"
    except AssertionError:
        return False


def _restarts(pod: Any) -> list[int]:
    status = pod["status"]
    return [c["restartCount"] for c in [*status["initContainerStatuses"], *status["containerStatuses"]]]


@pytest.mark.parametrize("what", ["everything", "PID 1", "its parent"])
def test_after_kill_9_up_brings_all_back_with_its_data(sandbox: Sandbox, writer: str, what: str) -> None:
    starts = len(_starts(sandbox, writer))
    pid = sandbox.cluster.pid()
    assert pid is not None
    victims = {"everything": sandbox.processes(), "PID 1": [pid], "its parent": [_parent(pid)]}[what]
    for victim in victims:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            continue  # gone with its namespace already
    _wait("PID 1 to be gone", lambda: sandbox.cluster.pid() is None, 30)
    sandbox.run("up")
    assert sandbox.cluster.pid() not in (None, pid)
    _wait("the pod to run again", lambda: _executes(sandbox, writer))
    _wait("its volume to be the same", lambda: len(_starts(sandbox, writer)) == starts + 1)


def _starts(sandbox: Sandbox, pod: str) -> list[str]:
    return sandbox.kubectl("exec", pod, "--container=writer", "--", "cat", "/data/starts").splitlines()


def _machine(layout: Layout) -> dict[str, object]:
    """What a sandbox might leave on the machine, but for its processes and its port."""

    def output(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(layout.cache) in line]
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{layout.name}")]
    return {
        "interfaces": re.findall(r"^\d+: (\S+):.*$", output("ip", "link"), re.MULTILINE),
        "addresses": output("ip", "-oneline", "-family", "inet", "address"),
        "routes": output("ip", "route", "show", "table", "all"),
        "rules": output("ip", "rule"),
        "nftables": output("nft", "list", "ruleset"),
        "mounts": mounts,
        "cgroups": groups,
        "sysctls": {name: _sysctl(name) for name in WATCHED_SYSCTLS},
    }


def _sysctl(name: str) -> str | None:
    path = Path("/proc/sys", name)
    return path.read_text() if path.exists() else None


def test_down_leaves_nothing_and_up_adds_one_port(sandbox: Sandbox, writer: str) -> None:
    up = _machine(sandbox.layout)
    assert up.pop("cgroups") != []
    assert up.pop("mounts") == []
    processes = sandbox.processes()
    assert _listeners(processes) == {("127.0.0.1", sandbox.layout.port)}
    sandbox.run("down")
    down = _machine(sandbox.layout)
    assert down.pop("cgroups") == []
    assert down.pop("mounts") == []
    assert down == up
    assert ("127.0.0.1", sandbox.layout.port) not in _listeners()
    assert [pid for pid in processes if _lives(pid)] == []
    assert sandbox.run("status", check=False).returncode == 1
    sandbox.run("down")  # again: nothing to do

    began = time.monotonic()
    sandbox.run("up")
    print(f"up with everything built and imported: {time.monotonic() - began:.1f} s")
    _wait("the pod to be back", lambda: _executes(sandbox, writer))


def _lives(pid: int) -> bool:
    """Whether it is more than an entry that its parent, the machine's init, has still to take note of."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _listeners(owners: list[int] | None = None) -> set[tuple[str, int]]:
    """IPv4 addresses that the host's network namespace listens on; only these processes' sockets, if given."""
    owned = None if owners is None else {inode for pid in owners for inode in _sockets(pid)}
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, state, inode = line.split()[1], line.split()[3], line.split()[9]
        if state == "0A" and (owned is None or inode in owned):
            address, port = local.split(":")
            found.add((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)))
    return found


def _sockets(pid: int) -> set[str]:
    try:
        links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return set()
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def test_a_second_cache_folder_cannot_take_the_port(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "bin").symlink_to(sandbox.layout.bin)
    (tmp_path / "images").symlink_to(sandbox.layout.images)
    other = Sandbox(Layout(tmp_path, sandbox.layout.port))
    try:
        result = other.run("up", check=False)
    finally:
        other.run("down")  # must not touch what is the other one's
    assert result.returncode == 1
    assert f"port {sandbox.layout.port} of 127.0.0.1 cannot be had" in result.stderr
    assert sandbox.run("status").returncode == 0
    groups = list(Path("/sys/fs/cgroup").glob(f"**/{sandbox.layout.name}"))
    assert groups


def test_another_port_moves_it(sandbox: Sandbox, writer: str) -> None:
    moved = Sandbox(Layout(sandbox.layout.cache, free_port()))
    moved.run("up")
    assert ("127.0.0.1", sandbox.layout.port) not in _listeners()
    assert list(Path("/sys/fs/cgroup").glob(f"**/{sandbox.layout.name}")) == []
    _wait("the pod to be back", lambda: _executes(moved, writer))
    sandbox.run("up")
    assert ("127.0.0.1", moved.layout.port) not in _listeners()
    assert list(Path("/sys/fs/cgroup").glob(f"**/{moved.layout.name}")) == []


def test_purging_makes_a_new_cluster_with_the_old_images(sandbox: Sandbox) -> None:
    sandbox.run("down", "--purge")
    assert {path.name for path in sandbox.layout.sandbox.iterdir()} == {"containerd", "lock"}
    result = sandbox.run("up")
    assert "import" not in result.stderr
    assert [item["metadata"]["name"] for item in sandbox.get("statefulsets")["items"]] == []

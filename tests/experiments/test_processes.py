"""Which kubelet runs a pod, told by the ancestors that both have; a made-up /proc."""

from pathlib import Path

import pytest

from experiments.errors import PreconditionError
from experiments.processes import LocalProcesses


def proc(folder: Path, *processes: tuple[int, int, str]) -> LocalProcesses:
    """(number, parent, command)."""
    for pid, parent, command in processes:
        (folder / str(pid)).mkdir()
        rest = " ".join(["0"] * 17)
        (folder / str(pid) / "stat").write_text(f"{pid} (a (name) S) S {parent} {rest} 77 0\n")
        (folder / str(pid) / "cmdline").write_bytes(command.encode().replace(b" ", b"\0") + b"\0")
        (folder / str(pid) / "environ").write_bytes(b"POD_NAME=consumer-blue-2\0POD_NAMESPACE=strategy-t\0")
    (folder / "uptime").write_text("1")
    return LocalProcesses("strategy-t", folder)


# Two clusters on one machine, each with a first process of its own under the machine's.
TWO = (
    (1, 0, "init"),
    (10, 1, "python3 pid1"),
    (11, 10, "/opt/one/kubelet --config=x"),
    (12, 10, "containerd-shim"),
    (13, 12, "python3 -m workloads.consumer"),
    (20, 1, "python3 pid1"),
    (21, 20, "/opt/two/kubelet --config=y"),
    (30, 1, "vim kubelet"),
)


def test_the_kubelet_of_the_pods_own_cluster_is_found(tmp_path: Path) -> None:
    processes = proc(tmp_path, *TWO)
    assert processes.one("consumer-blue-2", "consumer") == 13
    assert processes.kubelet_of(13) == 11


def test_the_only_kubelet_of_a_machine_is_the_pods(tmp_path: Path) -> None:
    assert proc(tmp_path, (1, 0, "init"), (5, 1, "/usr/bin/kubelet"), (6, 1, "sh")).kubelet_of(6) == 5


def test_which_one_is_not_guessed(tmp_path: Path) -> None:
    processes = proc(tmp_path, (1, 0, "init"), (5, 1, "/a/kubelet"), (6, 1, "/b/kubelet"), (7, 1, "sh"))
    with pytest.raises(PreconditionError, match=r"kubelets 5, 6: which one runs the pod is not clear"):
        processes.kubelet_of(7)


def test_a_node_somewhere_else_is_said(tmp_path: Path) -> None:
    processes = proc(tmp_path, (1, 0, "init"), (7, 1, "sh"))
    with pytest.raises(PreconditionError, match="no kubelet on this machine"):
        processes.kubelet_of(7)
    with pytest.raises(PreconditionError, match="0 processes of workload sidecar in pod consumer-blue-2"):
        processes.one("consumer-blue-2", "sidecar")


def test_where_a_process_sees_its_records(tmp_path: Path) -> None:
    assert proc(tmp_path).records(13, "events") == tmp_path / "13" / "root" / "records" / "events"

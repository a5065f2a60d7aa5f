import dataclasses
from pathlib import Path

import pytest

from tools.sandbox.errors import SandboxError
from tools.sandbox.preflight import Machine, Work, check, refusals

PORT = 16443
CACHE = Path("/somewhere/cache")

GOOD = Machine(
    system="Linux",
    machine="x86_64",
    user=0,
    memory=8_000_000_000,
    disk_free=lambda _: 20_000_000_000,
    which=lambda program: f"/usr/bin/{program}",
    newer_java=lambda: Path("/usr/lib/jvm/25/bin/java"),
    go_version=lambda: "1.26.8",
    port_taken=lambda _: None,
    cgroups_writable=True,
)
COLD = Work(builds_go=True, builds_kafka=True, makes_crds=True, starts=True, required_go="1.26.0")
WARM = Work(builds_go=False, builds_kafka=False, makes_crds=False, starts=True, required_go="1.26.0")
CRDS = dataclasses.replace(WARM, makes_crds=True)


def test_a_good_machine_is_not_refused() -> None:
    assert refusals(GOOD, COLD, CACHE, PORT) == []
    check(GOOD, COLD, CACHE, PORT)


@pytest.mark.parametrize(
    ("change", "work", "what", "advice"),
    [
        ({"system": "Darwin"}, COLD, "needs Linux", "virtual machine"),
        ({"machine": "riscv64"}, COLD, "riscv64", "another machine"),
        ({"user": 1000}, COLD, "root", "sudo"),
        ({"cgroups_writable": False}, WARM, "/sys/fs/cgroup", "--privileged"),
        ({"memory": 3_900_000_000}, WARM, "4 GB of memory", "larger"),
        ({"memory": 7_900_000_000}, COLD, "8 GB of memory", "larger"),
        ({"disk_free": lambda _: 11_000_000_000}, COLD, "12 GB of disk", "KAFKA_BLUEGREEN_CACHE"),
        ({"disk_free": lambda _: 2_900_000_000}, WARM, "3 GB of disk", "KAFKA_BLUEGREEN_CACHE"),
        ({"port_taken": lambda _: "Address already in use"}, WARM, "port 16443", "KAFKA_BLUEGREEN_PORT"),
        ({"which": lambda p: None if p == "go" else p}, COLD, "Go is missing", "install Go 1.26.0"),
        ({"go_version": lambda: "1.25.9"}, COLD, "Go 1.25.9 is too old", "install Go 1.26.0"),
        ({"which": lambda p: None if p == "java" else p}, COLD, "java is missing", "apt-get install openjdk"),
        ({"which": lambda p: None if p == "mvn" else p}, COLD, "mvn is missing", "apt-get install openjdk"),
        ({"which": lambda p: None if p == "mvn" else p}, CRDS, "mvn is missing", "apt-get install maven"),
        ({"newer_java": lambda: None}, COLD, "Java 21 or newer is missing", "install one"),
    ],
)
def test_what_stands_in_the_way_is_named_with_what_to_do(
    change: dict[str, object], work: Work, what: str, advice: str
) -> None:
    (reason,) = refusals(dataclasses.replace(GOOD, **change), work, CACHE, PORT)  # type: ignore[arg-type]
    assert what in reason
    assert advice in reason


@pytest.mark.parametrize(
    "change",
    [
        {"disk_free": lambda _: 4_000_000_000},
        {"which": lambda _: None},
        {"go_version": lambda: "1.20"},
        {"newer_java": lambda: None},
    ],
)
def test_what_is_built_needs_neither_go_nor_java_nor_much_disk(change: dict[str, object]) -> None:
    assert refusals(dataclasses.replace(GOOD, **change), WARM, CACHE, PORT) == []  # type: ignore[arg-type]


def test_the_port_of_a_running_sandbox_is_its_own() -> None:
    taken = dataclasses.replace(GOOD, port_taken=lambda _: "Address already in use")
    assert refusals(taken, dataclasses.replace(WARM, starts=False), CACHE, PORT) == []


def test_all_reasons_are_told_at_once() -> None:
    bad = dataclasses.replace(GOOD, user=1, memory=1, which=lambda _: None)
    with pytest.raises(SandboxError) as caught:
        check(bad, COLD, CACHE, PORT)
    assert str(caught.value).count("\n- ") == 4


def test_the_facts_of_this_machine_can_be_read(tmp_path: Path) -> None:
    machine = Machine.read(lambda: "1.26.0")
    assert machine.memory > 100_000_000
    assert machine.disk_free(tmp_path / "not" / "there" / "yet") > 0

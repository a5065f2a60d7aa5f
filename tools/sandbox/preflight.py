"""What this machine must be and have, asked before anything is done to it. Each refusal says what to do."""

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.sandbox import claims, jdk, strimzi
from tools.sandbox.builds import version_parts
from tools.sandbox.errors import SandboxError

BUILD_DISK = 12_000_000_000
CACHED_DISK = 3_000_000_000
# The largest process of a build takes 4.5 GB, and the cluster is up beside it.
BUILD_MEMORY = 8_000_000_000
MEMORY = 4_000_000_000
MACHINES = ("x86_64", "aarch64")


@dataclass(frozen=True)
class Work:
    """What ``up`` has to do on this machine, as far as it decides what the machine needs."""

    builds_go: bool
    builds_kafka: bool
    makes_crds: bool
    starts: bool
    required_go: str


@dataclass(frozen=True)
class Machine:
    """The facts about a machine; ``read`` gets them, tests make them up."""

    system: str
    machine: str
    user: int
    memory: int
    disk_free: Callable[[Path], int]
    which: Callable[[str], str | None]
    newer_java: Callable[[], Path | None]
    go_version: Callable[[], str]
    port_taken: Callable[[int], str | None]
    cgroups_writable: bool

    @classmethod
    def read(cls, go_version: Callable[[], str]) -> "Machine":
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return cls(
            system=platform.system(),
            machine=platform.machine(),
            user=os.geteuid(),
            memory=memory,
            disk_free=lambda path: shutil.disk_usage(_existing(path)).free,
            which=shutil.which,
            newer_java=lambda: jdk.find(strimzi.JAVA, os.environ),
            go_version=go_version,
            port_taken=claims.port_taken,
            cgroups_writable=os.access("/sys/fs/cgroup", os.W_OK),
        )


def refusals(machine: Machine, work: Work, cache: Path, port: int) -> list[str]:
    """Everything that stands in the way, each with what to do; empty when nothing does."""
    if machine.system != "Linux":
        return [
            f"the sandbox needs Linux, and this is {machine.system}: use a Linux virtual machine, or your own cluster"
        ]
    found = []
    if machine.machine not in MACHINES:
        found.append(f"the sandbox runs on {' and '.join(MACHINES)}, not on {machine.machine}: use another machine")
    if machine.user != 0:
        found.append("the sandbox makes namespaces and mounts, for which it has to be root: run it with sudo")
    elif not machine.cgroups_writable:
        found.append("/sys/fs/cgroup is not writable: in a container, run it with --privileged")
    memory = BUILD_MEMORY if work.builds_go else MEMORY
    if machine.memory < memory:
        found.append(
            f"the sandbox needs {memory / 1e9:.0f} GB of memory and this machine has {machine.memory / 1e9:.1f}:"
            " use a larger one"
        )
    need = BUILD_DISK if work.builds_go else CACHED_DISK
    free = machine.disk_free(cache)
    if free < need:
        found.append(
            f"the sandbox needs {need / 1e9:.0f} GB of disk for {cache} and {free / 1e9:.1f} GB are free:"
            " make room, or set KAFKA_BLUEGREEN_CACHE to a folder on another disk"
        )
    if work.starts and (reason := machine.port_taken(port)):
        found.append(f"port {port} of {claims.LOOPBACK} cannot be had ({reason}): {claims.advice()}")
    if work.builds_go:
        found += _go(machine, work.required_go)
    return found + _java(machine, work)


def check(machine: Machine, work: Work, cache: Path, port: int) -> None:
    """SandboxError with all that stands in the way."""
    if found := refusals(machine, work, cache, port):
        raise SandboxError("this machine cannot serve:\n" + "\n".join(f"- {reason}" for reason in found))


def _go(machine: Machine, required: str) -> list[str]:
    if machine.which("go") is None:
        return [f"Go is missing, with which Kubernetes is built: install Go {required} or newer and put it on PATH"]
    version = machine.go_version()
    if version_parts(version) < version_parts(required):
        return [f"Go {version} is too old to build Kubernetes: install Go {required} or newer and put it first on PATH"]
    return []


def _java(machine: Machine, work: Work) -> list[str]:
    found = []
    if work.builds_kafka:
        found += [
            f"{program} is missing, with which the Kafka image is built: install a JDK, 17 or newer, and Maven"
            " (Debian: apt-get install openjdk-17-jdk-headless maven)"
            for program in ("java", "jlink", "mvn")
            if machine.which(program) is None
        ][:1]
    if work.makes_crds:
        if machine.newer_java() is None:
            found.append(strimzi.missing_java())
        if not work.builds_kafka and machine.which("mvn") is None:
            found.append(
                "mvn is missing, with which Strimzi's generator of CRDs is fetched: install Maven"
                " (Debian: apt-get install maven)"
            )
    return found


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path

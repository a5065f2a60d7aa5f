"""What the sandbox's images are made of.

An image's tag is the hash of all that: its Containerfile, its files, what is fetched for it, and its base's tag. What
is there under its tag is right, and nothing is done for it.
"""

import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.sandbox import builds, maven
from tools.sandbox.builds import Builder
from tools.sandbox.inputs import Input, cached
from tools.sandbox.paths import CHECKOUT, SOURCES, Layout
from tools.sandbox.process import Runner

PREFIX = "localhost/kafka-bluegreen"
CONTAINERFILES = SOURCES / "images"
KAFKA = CONTAINERFILES / "kafka"
CONNECT = CONTAINERFILES / "connect"
REQUIREMENTS = CHECKOUT / "workloads" / "requirements.txt"
FAUST_REQUIREMENTS = CHECKOUT / "workloads" / "faust_consumer" / "requirements.txt"
CHECKSUMS = "SHA256SUMS"
AGENT_CHECKSUMS = "jmx-exporter.SHA256SUMS"

BASE_SUITE = "bookworm"
BASE_PACKAGES = ("coreutils", "dash", "grep", "libstdc++6", "python3", "python3-pip", "sed")
PYTHON_VERSION = "3.11"
WHEEL_PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
JAVA_MODULES = (
    "java.base",
    "java.desktop",  # log4j wants java.beans
    "java.instrument",
    "java.logging",
    "java.management",
    "java.management.rmi",
    "java.naming",
    "java.rmi",
    "java.scripting",
    "java.security.jgss",
    "java.security.sasl",
    "java.sql",
    "java.xml",
    "jdk.crypto.ec",
    "jdk.httpserver",
    "jdk.management",
    "jdk.management.agent",
    "jdk.naming.dns",
    "jdk.net",
    "jdk.unsupported",
    "jdk.zipfs",
)


@dataclass(frozen=True)
class Image:
    """One image to be built.

    ``files`` are the build context: name in it -> file or folder, hashed by content. ``inputs`` come from outside the
    checkout and are known by their identity. ``mounts`` are such inputs too, bound at that path while it is built.
    ``build``: what must be compiled before.
    """

    name: str
    containerfile: Path
    base: "Image | None" = None
    files: Mapping[str, Path] = field(default_factory=dict)
    inputs: Mapping[str, Input] = field(default_factory=dict)
    mounts: Mapping[str, Input] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    build: builds.Build | None = None

    @property
    def reference(self) -> str:
        """The image's name and tag. Reads the files anew each time."""
        digest = hashlib.sha256(self.containerfile.read_bytes())
        if self.base:
            digest.update(self.base.reference.encode())
        for name, source in sorted(self.files.items()):
            for path in context_files(source):
                relative = path.relative_to(source) if path != source else ""
                executable = bool(path.stat().st_mode & 0o100)
                digest.update(f"{name}/{relative} {executable} ".encode() + hashlib.sha256(path.read_bytes()).digest())
        for name, made in sorted([*self.inputs.items(), *self.mounts.items()]):
            digest.update(f"{name} {made.identity}".encode())
        digest.update(json.dumps(dict(self.arguments), sort_keys=True).encode())
        return f"{PREFIX}/{self.name}:{digest.hexdigest()[:16]}"

    def kept_inputs(self) -> list[Path]:
        """Where the inputs are that the cache keeps, whether or not they are there."""
        return [made.kept for made in (*self.inputs.values(), *self.mounts.values()) if made.kept]


class Catalogue:
    """All images of the sandbox, by name."""

    def __init__(self, layout: Layout, builder: Builder, runner: Runner) -> None:
        self._layout = layout
        self._builder = builder
        self._runner = runner
        python = Image(
            "python",
            CONTAINERFILES / "python" / "Containerfile",
            inputs={"base.tar": self._cached("base", _base_identity(), self._make_base)},
        )
        java = Image(
            "java",
            CONTAINERFILES / "java" / "Containerfile",
            base=python,
            inputs={"jre": self._cached("jre", _jre_identity(), self._make_jre)},
        )
        broker = _texts(KAFKA, "pom.xml", CHECKSUMS)
        self._kafka_jars = self._cached("kafka-libs", broker, self._make_kafka_jars)
        agent = self._cached("jmx-exporter", _texts(KAFKA, "pom.xml", AGENT_CHECKSUMS), self._make_agent)
        kafka = Image(
            "kafka",
            KAFKA / "Containerfile",
            base=java,
            files={"bin": KAFKA / "bin", "config": KAFKA / "config"},
            inputs={"libs": self._kafka_jars, "jmx-exporter": agent},
        )
        # Of the broker's too: what the broker has is left out.
        identity = broker + _texts(CONNECT, "pom.xml", CHECKSUMS)
        connect_jars = self._cached("connect-libs", identity, self._make_connect_jars)
        self._worker_jars = (self._kafka_jars, connect_jars, agent)
        workloads = Image(
            "workloads",
            CHECKOUT / "workloads" / "Containerfile",
            base=python,
            files={"workloads": CHECKOUT / "workloads"},
            mounts={"/wheels": self._cached("wheels", REQUIREMENTS.read_text(), self._make_wheels)},
            arguments={"PIP_OPTIONS": "--no-index --find-links=/wheels"},
        )
        self.images = {
            image.name: image
            for image in (
                *(self._program(builds.KUBERNETES, name) for name in ("pause", "coredns", "volume-provisioner")),
                self._program(builds.VICTORIAMETRICS, "victoria-metrics", image="victoriametrics"),
                self._program(builds.ARGO_ROLLOUTS, "rollouts-controller", image="argo-rollouts"),
                self._program(builds.KEDA, "keda"),
                self._program(builds.KEDA, "keda-adapter", image="keda-metrics-apiserver"),
                self._program(builds.VICTORIALOGS, "victoria-logs", image="victorialogs"),
                self._program(builds.VICTORIALOGS, "vlagent"),
                self._program(builds.VMALERT, "vmalert"),
                python,
                java,
                kafka,
                Image(
                    "connect",
                    CONNECT / "Containerfile",
                    base=kafka,
                    files={"bin": CONNECT / "bin", "config": CONNECT / "config"},
                    inputs={"libs": connect_jars},
                ),
                workloads,
                Image("consumer-v2", CONTAINERFILES / "consumer-v2" / "Containerfile", base=workloads),
                Image(
                    "faust-consumer",
                    CHECKOUT / "workloads" / "faust_consumer" / "Containerfile",
                    base=workloads,
                    files={"requirements.txt": FAUST_REQUIREMENTS},
                    mounts={"/wheels": self._cached("faust-wheels", FAUST_REQUIREMENTS.read_text(), self._make_faust)},
                    arguments={"PIP_OPTIONS": "--no-index --find-links=/wheels"},
                ),
            )
        }

    def __getitem__(self, name: str) -> Image:
        return self.images[name]

    def variables(self) -> dict[str, str]:
        """Where the jars are, for tests that start a broker or a Connect worker of their own beside the cluster, and
        what tries alerting rules.

        KAFKA_LIBS; CONNECT_LIBS (see `connect_libs`) and VMALERT_TOOL only when they are there: nobody else has waited
        for them.
        """
        found = {"KAFKA_LIBS": str(self._kafka_jars.kept)}
        kept = [made.kept for made in self._worker_jars if made.kept and made.kept.exists()]
        if len(kept) == len(self._worker_jars):
            found["CONNECT_LIBS"] = os.pathsep.join(map(str, kept))
        if (tool := self._builder.folder(builds.VMALERT) / "vmalert-tool").exists():
            found["VMALERT_TOOL"] = str(tool)
        return found

    def connect_libs(self) -> list[Path]:
        """The folders of jars of a Connect worker, made now if need be: the broker's, what it needs besides, the agent.

        Needs the machine's Maven, no cluster. SandboxError when they cannot be made.
        """
        return [made.path() for made in self._worker_jars]

    def _cached(self, name: str, identity: str, make: Callable[[Path], None]) -> Input:
        return cached(self._layout, name, identity, make)

    def _program(self, build: builds.Build, program: str, image: str | None = None) -> Image:
        """An image of nothing but a static program."""
        name = image or program
        made = Input(self._builder.key(build), lambda: self._builder.folder(build) / program)
        return Image(name, CONTAINERFILES / name / "Containerfile", inputs={program: made}, build=build)

    def _make_base(self, target: Path) -> None:
        mirror = _mirror(self._runner)
        command = [*_base_command(), BASE_SUITE, str(target), *([mirror] if mirror else [])]
        # In a mount namespace of its own: what it mounts cannot stay behind.
        self._runner.run(["unshare", "--mount", "--", *command], what="the base image's packages", seconds=600)

    def _make_jre(self, target: Path) -> None:
        command = ["jlink", f"--add-modules={','.join(JAVA_MODULES)}", f"--output={target}"]
        command += ["--strip-java-debug-attributes", "--no-header-files", "--no-man-pages"]
        self._runner.run(command, what="the Java runtime image", seconds=300)

    def _make_kafka_jars(self, target: Path) -> None:
        options = ["-DincludeScope=runtime", "-DexcludeGroupIds=io.prometheus.jmx"]
        pinned = KAFKA / CHECKSUMS
        maven.fetch(self._runner, KAFKA / "pom.xml", target, options, checksums=pinned, what="Kafka's jars")

    def _make_agent(self, target: Path) -> None:
        options = ["-DincludeGroupIds=io.prometheus.jmx", "-Dmdep.stripVersion=true"]
        pinned = KAFKA / AGENT_CHECKSUMS
        maven.fetch(self._runner, KAFKA / "pom.xml", target, options, checksums=pinned, what="the JMX exporter")

    def _make_connect_jars(self, target: Path) -> None:
        """What Connect needs and the broker has not got: two libraries of one release share the larger half."""
        maven.fetch(
            self._runner,
            CONNECT / "pom.xml",
            target,
            ["-DincludeScope=runtime"],
            checksums=CONNECT / CHECKSUMS,
            what="Kafka Connect's jars",
            without={path.name for path in self._kafka_jars.path().iterdir()},
        )

    def _make_wheels(self, target: Path) -> None:
        self._fetch_wheels(REQUIREMENTS, target, "the workloads' Python packages")

    def _make_faust(self, target: Path) -> None:
        self._fetch_wheels(FAUST_REQUIREMENTS, target, "Faust's Python packages")

    def _fetch_wheels(self, requirements: Path, target: Path, what: str) -> None:
        """By the host's pip, whose configuration knows how packages are had on this machine."""
        machine = platform.machine()
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += [
            "--require-hashes",
            f"--requirement={requirements}",
            f"--dest={target}",
        ]
        command += ["--only-binary=:all:", f"--python-version={PYTHON_VERSION}", "--implementation=cp"]
        command += [f"--platform={name}_{machine}" for name in WHEEL_PLATFORMS]
        target.mkdir()
        self._runner.run(command, what=what, seconds=900)


def context_files(source: Path) -> Iterator[Path]:
    """The files of an image's context, without what running or testing the code leaves beside it."""
    if source.is_file():
        yield source
        return
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        yield from (
            Path(folder) / name for name in sorted(files) if not name.startswith(".") and not name.endswith(".pyc")
        )


def _base_hooks() -> list[str]:
    """What Debian's maintainer scripts would have done, and what nobody reads in a container."""
    return [
        # As in python:3.11: pip may install here, nobody else manages this Python.
        'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
        'rm -rf "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/locale "$1"/usr/share/perl5 "$1"/var/cache/apt',
        'chroot "$1" python3 -m compileall -q -j 2 /usr/lib/python3.11 /usr/lib/python3',
    ]


def _mirror(runner: Runner) -> str:
    """The mirror from which this machine has the suite, if it is the same Debian; else mmdebstrap's own choice ("")."""
    if not shutil.which("apt-get"):
        return ""
    command = ["apt-get", "indextargets", "--format=$(REPO_URI)", "Created-By: Packages", f"Codename: {BASE_SUITE}"]
    sources = runner.run(command, what="apt's sources", seconds=30).split()
    return sources[0] if sources else ""


def _texts(folder: Path, *names: str) -> str:
    return "".join((folder / name).read_text() for name in names)


def _base_identity() -> str:
    return " ".join([BASE_SUITE, platform.machine(), *_base_command()])


def _base_command() -> list[str]:
    command = ["mmdebstrap", "--variant=extract", "--mode=root", "--format=tar", f"--include={','.join(BASE_PACKAGES)}"]
    return command + [f"--extract-hook={hook}" for hook in _base_hooks()]


def _jre_identity() -> str:
    """Of the JDK only what it is asked for: like Debian's packages, it is the one that the machine has."""
    return " ".join([platform.machine(), *JAVA_MODULES])

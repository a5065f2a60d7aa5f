"""Go programs, built from the pinned modules below ``go/``.

A build's folder is named by the hash of everything that goes into it: go.mod, go.sum, our own mains, the Go release and
the flags. It appears by one rename when it is complete, under a lock per build, so that several checkouts and several
commands at once share one cache. Nothing in the cache is ever changed afterwards.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tools.sandbox.errors import SandboxError
from tools.sandbox.locks import locked
from tools.sandbox.paths import SOURCES, Layout
from tools.sandbox.process import Runner
from tools.sandbox.progress import Progress, duration

GO_SOURCES = SOURCES / "go"

KUBERNETES_VERSION = "v1.37.2"
PULUMI_VERSION = "v3.215.0"
VICTORIAMETRICS_VERSION = "v1.131.0"
ARGO_ROLLOUTS_VERSION = "v1.10.1"
VICTORIALOGS_VERSION = "v1.52.1"
KEDA_VERSION = "v2.21.0"

BUILD_SECONDS = 3600
DOWNLOAD_SECONDS = 1800
HEARTBEAT_SECONDS = 15


@dataclass(frozen=True)
class Build:
    """What is made of one Go module.

    ``module`` is its folder below ``go/``; ``packages`` are import paths, the mains' paths below ``./cmd`` included;
    ``links`` gives a program further names.
    """

    name: str
    module: str
    packages: Sequence[str]
    variables: dict[str, str] = field(default_factory=dict)
    links: dict[str, Sequence[str]] = field(default_factory=dict)
    # Files to copy from a module: (module, path in it, name here).
    extra_files: Sequence[tuple[str, str, str]] = ()

    @property
    def source(self) -> Path:
        return GO_SOURCES / self.module


KUBERNETES = Build(
    name="kubernetes",
    module="kubernetes",
    packages=("./cmd/kube", "./cmd/coredns", "./cmd/pause", "./cmd/volume-provisioner"),
    variables={
        "k8s.io/component-base/version.gitVersion": KUBERNETES_VERSION,
        "k8s.io/component-base/version.gitMajor": "1",
        "k8s.io/component-base/version.gitMinor": KUBERNETES_VERSION.split(".")[1],
    },
    links={
        "kube": (
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubectl",
            "kubelet",
        )
    },
)
_VICTORIAMETRICS = "github.com/VictoriaMetrics/VictoriaMetrics"
VICTORIAMETRICS = Build(
    name="victoriametrics",
    module="victoriametrics",
    packages=(f"{_VICTORIAMETRICS}/app/victoria-metrics",),
    variables={f"{_VICTORIAMETRICS}/lib/buildinfo.Version": f"victoria-metrics-{VICTORIAMETRICS_VERSION}"},
)
_ARGO_ROLLOUTS = "github.com/argoproj/argo-rollouts"
ARGO_ROLLOUTS = Build(
    name="argo-rollouts",
    module="argo-rollouts",
    packages=(f"{_ARGO_ROLLOUTS}/cmd/rollouts-controller",),
    variables={f"{_ARGO_ROLLOUTS}/utils/version.version": ARGO_ROLLOUTS_VERSION.removeprefix("v")},
)
_VICTORIALOGS = "github.com/VictoriaMetrics/VictoriaLogs"
VICTORIALOGS = Build(
    name="victorialogs",
    module="victorialogs",
    packages=(f"{_VICTORIALOGS}/app/victoria-logs", f"{_VICTORIALOGS}/app/vlagent"),
    variables={f"{_VICTORIAMETRICS}/lib/buildinfo.Version": f"victoria-logs-{VICTORIALOGS_VERSION}"},
)
_KEDA = "github.com/kedacore/keda/v2"
# Under the names that upstream's images give them; its admission webhooks are not used.
KEDA = Build(
    name="keda",
    module="keda",
    packages=(f"{_KEDA}/cmd/operator", f"{_KEDA}/cmd/adapter"),
    variables={f"{_KEDA}/version.Version": KEDA_VERSION.removeprefix("v")},
    links={"operator": ("keda",), "adapter": ("keda-adapter",)},
)
# Of the metrics store's module, and apart from it: only whoever asks for alerts waits for it.
VMALERT = Build(
    name="vmalert",
    module="victoriametrics",
    packages=(f"{_VICTORIAMETRICS}/app/vmalert", f"{_VICTORIAMETRICS}/app/vmalert-tool"),
    variables={f"{_VICTORIAMETRICS}/lib/buildinfo.Version": f"vmalert-{VICTORIAMETRICS_VERSION}"},
)
PULUMI = Build(
    name="pulumi",
    module="pulumi",
    packages=("github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",),
    variables={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": PULUMI_VERSION},
)
PULUMI_KUBERNETES = Build(
    name="pulumi-kubernetes",
    module="pulumi",
    packages=("./cmd/pulumi-resource-kubernetes",),
)
PULUMI_LANGUAGE_HOST = Build(
    name="pulumi-language-host",
    module="pulumi-language-host",
    packages=("github.com/pulumi/pulumi/sdk/python/cmd/pulumi-language-python/v3",),
    extra_files=(
        (
            "github.com/pulumi/pulumi/sdk/v3",
            "python/cmd/pulumi-language-python-exec",
            "pulumi-language-python-exec",
        ),
        (
            "github.com/pulumi/pulumi/sdk/v3",
            "python/dist/pulumi-analyzer-policy-python",
            "pulumi-analyzer-policy-python",
        ),
    ),
)


class Builder:
    """Builds into one cache folder."""

    def __init__(self, layout: Layout, runner: Runner, progress: Progress) -> None:
        self._layout = layout
        self._runner = runner
        self._progress = progress

    def folder(self, build: Build) -> Path:
        """Where the build's programs are, or will be."""
        return self._layout.bin / f"{build.name}-{self.key(build)}"

    def key(self, build: Build) -> str:
        """What the build is known by: the hash of its inputs, and the Go release.

        On a machine without Go it is that of a build in the cache, if there is one: what is built needs no Go.
        """
        digest = hashlib.sha256()
        files = sorted(p for p in build.source.rglob("*") if p.is_file())
        for path in files:
            digest.update(f"{path.relative_to(build.source)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        settings = {"flags": _flags(build), "build": asdict(build), "machine": platform.machine()}
        digest.update(json.dumps(settings, sort_keys=True).encode())
        inputs = digest.hexdigest()[:16]
        if shutil.which("go"):
            return f"{inputs}-go{go_version()}"
        there = sorted(self._layout.bin.glob(f"{build.name}-{inputs}-go*"), key=lambda p: version_parts(p.name))
        return there[-1].name.removeprefix(f"{build.name}-") if there else f"{inputs}-without-go"

    def is_built(self, build: Build) -> bool:
        return self.folder(build).exists()

    def download(self, build: Build) -> None:
        """Fetch the modules that the build needs, and no others: what the packages import, transitively."""
        self._go(build, ["list", "-deps", "-f", "{{.ImportPath}}", *build.packages], "download", DOWNLOAD_SECONDS)

    def build(self, build: Build) -> Path:
        """Build unless it is there; its folder. Says how far it is while it compiles."""
        folder = self.folder(build)
        if folder.exists():
            return folder
        with locked(self._layout.bin / f".{folder.name}.lock"):
            if folder.exists():  # another command built it while this one waited
                return folder
            partial = self._layout.bin / f".{folder.name}.partial"
            shutil.rmtree(partial, ignore_errors=True)  # of a build that was killed
            partial.mkdir()
            self._compile(build, partial)
            partial.rename(folder)
        return folder

    def _compile(self, build: Build, target: Path) -> None:
        packages = self._go(
            build, ["list", "-deps", "-f", "{{.ImportPath}}", *build.packages], "list", DOWNLOAD_SECONDS
        )
        total = len(packages.split())
        compiled = 0
        said = began = time.monotonic()

        def count(line: str) -> None:
            nonlocal compiled, said
            if line.startswith("#") or " " in line:
                return
            compiled += 1
            if time.monotonic() - said >= HEARTBEAT_SECONDS:
                said = time.monotonic()
                self._progress.say(
                    f"  compiling {build.name}: {compiled} packages of at most {total}, {duration(said - began)}"
                )

        command = ["go", "build", "-v", *_flags(build), "-o", f"{target}/", *build.packages]
        self._runner.run(
            command,
            what=f"build of {build.name}",
            seconds=BUILD_SECONDS,
            folder=build.source,
            environment=self._environment(),
            on_line=count,
        )
        for name, others in build.links.items():
            for other in others:
                os.link(target / name, target / other)
        for module, path, name in build.extra_files:
            folder = self._go(build, ["list", "-m", "-f", "{{.Dir}}", module], "list", 60).strip()
            shutil.copyfile(Path(folder) / path, target / name)
            (target / name).chmod(0o755)

    def _environment(self) -> dict[str, str]:
        # cgo off: static programs that run in any image, and half the size. A large GOGC trades memory for time.
        return {
            "CGO_ENABLED": "0",
            "GOGC": "400",
            "GOCACHE": str(self._layout.go_build),
            "GOFLAGS": "",
            "GOWORK": "off",
        }

    def _go(self, build: Build, arguments: Sequence[str], what: str, seconds: float) -> str:
        return self._runner.run(
            ["go", *arguments],
            what=f"{what} of {build.name}'s modules",
            seconds=seconds,
            folder=build.source,
            environment=self._environment(),
        )


def _flags(build: Build) -> list[str]:
    variables = " ".join(f"-X {name}={value}" for name, value in sorted(build.variables.items()))
    return ["-trimpath", "-buildvcs=false", "-mod=readonly", f"-ldflags=-s -w {variables}".rstrip()]


_go_version: str | None = None


def go_version() -> str:
    """The Go release on PATH, such as "1.26.8". SandboxError when there is none."""
    global _go_version  # noqa: PLW0603 -- asked for once per key, and does not change under us
    if _go_version is None:
        output = Runner().run(["go", "env", "GOVERSION"], what="Go", seconds=30)
        match = re.match(r"go(\d+(\.\d+)*)", output.strip())
        if not match:
            raise SandboxError(f"'go env GOVERSION' says {output.strip()!r}: install a released Go")
        _go_version = match[1]
    return _go_version


def required_go(builds: Sequence[Build]) -> str:
    """The newest Go release that a go.mod of these asks for."""
    versions = []
    for build in builds:
        match = re.search(r"^go (\S+)$", (build.source / "go.mod").read_text(), re.MULTILINE)
        if match is None:
            raise ValueError(f"{build.source}/go.mod has no go line")
        versions.append(match[1])
    return max(versions, key=version_parts)


def version_parts(version: str) -> tuple[int, ...]:
    """A version as it is compared: "1.26.8" -> (1, 26, 8)."""
    return tuple(int(part) for part in re.findall(r"\d+", version))

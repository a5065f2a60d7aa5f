"""``up`` and ``images``: what is not there yet, as steps, each done as soon as it can be.

Compiling takes the processor for most of a cold ``up``; what takes the network, and the images, go on beside it. The
cluster starts as soon as Kubernetes is compiled.
"""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tools.sandbox import housekeeping, packages, preflight, strimzi
from tools.sandbox.builds import KUBERNETES, VICTORIAMETRICS, VMALERT, Build, Builder, go_version, required_go
from tools.sandbox.catalogue import Catalogue, Image
from tools.sandbox.cluster import Cluster, Programs
from tools.sandbox.errors import SandboxError
from tools.sandbox.extras import EXTRAS
from tools.sandbox.inputs import Input
from tools.sandbox.kubectl import Kubectl, render
from tools.sandbox.paths import Layout
from tools.sandbox.process import Runner
from tools.sandbox.progress import Progress
from tools.sandbox.steps import Step, run
from tools.sandbox.stores import Imports, Store
from tools.sandbox.toolbox import Toolbox

CLUSTER_IMAGES = ("pause", "coredns", "volume-provisioner")
# Those that the Pulumi program asks for by name, and a second version of the consumer for whoever wants to try one.
HANDED_OUT = ("workloads", "kafka", "victoriametrics", "consumer-v2")
# The images that are nothing but a program, by what it is compiled from.
_COMPILED = {**dict.fromkeys(CLUSTER_IMAGES, KUBERNETES), "victoriametrics": VICTORIAMETRICS, "vmalert": VMALERT}


@dataclass
class Sandbox:
    """The parts, made for one cache folder."""

    layout: Layout
    progress: Progress
    runner: Runner
    builder: Builder
    toolbox: Toolbox
    cluster: Cluster
    catalogue: Catalogue
    store: Store
    imports: Imports
    definitions: Input  # of Strimzi's resources
    _importing: threading.Lock = field(default_factory=threading.Lock)

    def up(self, extras: Sequence[str] = ()) -> None:
        """Everything: programs, images, a running cluster with its own parts ready. SandboxError when that fails.

        ``extras`` are names of `EXTRAS`, made besides; those that are there already stay without being named.
        """
        wanted = self._wanted(extras)
        defines = any(EXTRAS[name].strimzi for name in extras)
        running = self.cluster.pid() is not None
        known = self.imports.actual() if running else self.imports.recorded()
        absent = [image for reference, image in wanted.items() if reference not in known]
        builds = [b for b in self._builds(extras) if not self.builder.is_built(b)]
        missing = self._check(builds, absent, starts=not running, defines=defines)

        steps = self._preparations(builds, missing)
        prepared = [step.name for step in steps]
        steps += self._image_steps(absent, prepared)
        compiled = [f"compile {KUBERNETES.name}"]
        # Its images need not be there for the cluster to start: the kubelet tries again.
        steps.append(Step("start the cluster", self._start, _present(["Debian packages", *compiled], prepared)))
        steps.append(Step("API server ready", self.cluster.wait_for_api, ["start the cluster"]))
        steps.append(Step("the cluster's own objects", self._apply, ["API server ready"]))
        steps += self._import_steps(absent, "start the cluster")
        imported = [f"import {name}" for name in CLUSTER_IMAGES if name in {image.name for image in absent}]
        steps.append(
            Step("node, DNS and volumes ready", self._wait_until_ready, ["the cluster's own objects", *imported])
        )
        if defines:
            steps += self._definition_steps("the cluster's own objects")
        handed = _present([f"compile {build.name}" for build in self.toolbox.builds()], prepared)
        steps.append(Step("kubectl and Pulumi at hand", self.toolbox.make, handed))
        run(steps, self.progress, self.runner)
        self._repair(wanted)
        self._write_references(extras)
        self._sweep()

    def build_images(self, extras: Sequence[str] = ()) -> None:
        """The images, and what they are made of; imported where the cluster runs, else at the next ``up``."""
        wanted = self._wanted(extras)
        running = self.cluster.pid() is not None
        known = self.imports.actual() if running else self.imports.recorded()
        absent = [image for reference, image in wanted.items() if reference not in known]
        if absent:
            programs = (KUBERNETES, VICTORIAMETRICS, *_extra_builds(extras))
            needed = [build for build in programs if not self.builder.is_built(build)]
            missing = self._check(needed, absent, starts=False, defines=False)
            steps = self._preparations(needed, missing)
            steps += self._image_steps(absent, [step.name for step in steps])
            if running:
                steps += self._import_steps(absent, None)
            run(steps, self.progress, self.runner)
            self._sweep()
        self._write_references(extras)

    def kubectl(self) -> Kubectl:
        return Kubectl(self.layout, self.builder.folder(KUBERNETES) / "kubectl", self.runner)

    def _wanted(self, extras: Sequence[str]) -> dict[str, Image]:
        names = (*CLUSTER_IMAGES, *HANDED_OUT, *_images(extras))
        return {self.catalogue[name].reference: self.catalogue[name] for name in names}

    def _builds(self, extras: Iterable[str] = ()) -> list[Build]:
        """In the order of compiling: Kubernetes first, for the cluster can start then; what is extra last."""
        first = [KUBERNETES, VICTORIAMETRICS]
        return [*first, *(build for build in self.toolbox.builds() if build not in first), *_extra_builds(extras)]

    def _check(self, builds: Sequence[Build], images: Sequence[Image], *, starts: bool, defines: bool) -> list[str]:
        """Refuse what this machine cannot do; the packages that have to be installed."""
        work = preflight.Work(
            builds_go=bool(builds),
            builds_kafka=any(image.name in {"kafka", "connect"} for image in images),
            makes_crds=defines and not (self.definitions.kept and self.definitions.kept.exists()),
            starts=starts,
            required_go=required_go(builds or [KUBERNETES]),
        )
        preflight.check(preflight.Machine.read(go_version), work, self.layout.cache, self.layout.port)
        requirements = (*packages.CLUSTER, *(packages.IMAGES if images else ()))
        missing = packages.missing(requirements)
        packages.check(missing, self.runner)
        return missing

    def _preparations(self, builds: Sequence[Build], missing: Sequence[str]) -> list[Step]:
        steps = []
        if missing:
            steps.append(Step("Debian packages", lambda: packages.install(missing, self.runner)))
        # One compilation takes all processors; downloads are ahead of it by one.
        before: dict[str, list[str]] = {"download": [], "compile": []}
        for build in builds:
            download, compilation = f"download {build.name}", f"compile {build.name}"
            steps.append(Step(download, partial(self.builder.download, build), before["download"]))
            needs = [download, *before["compile"]]
            steps.append(Step(compilation, partial(self.builder.build, build), needs))
            before = {"download": [download], "compile": [compilation]}
        return steps

    def _image_steps(self, images: Sequence[Image], prepared: Sequence[str]) -> list[Step]:
        steps: list[Step] = []
        for image in images:
            needs = ["Debian packages"]
            if image.name in _COMPILED:
                needs.append(f"compile {_COMPILED[image.name].name}")
            reference = image.reference
            steps.append(
                Step(
                    f"image {image.name}",
                    partial(self.store.archive, image, reference),
                    _present(needs, prepared),
                )
            )
        return steps

    def _import_steps(self, images: Sequence[Image], start: str | None) -> list[Step]:
        needs = [start] if start else []
        return [
            Step(
                f"import {image.name}",
                partial(self._import, image, image.reference),
                [f"image {image.name}", *needs],
            )
            for image in images
        ]

    def _import(self, image: Image, reference: str) -> None:
        with self._importing:  # containerd unpacks to one disk
            self.cluster.wait_for_containerd()
            self.imports.add(self.store.archive(image, reference), reference)

    def _definition_steps(self, applied: str) -> list[Step]:
        """``applied`` is the step that applies something too: the two do not do it at once."""
        made = "Strimzi's CRDs"
        return [
            Step(made, self.definitions.path),
            Step(f"{made} served", self._define, [made, applied]),
        ]

    def _define(self) -> None:
        text = strimzi.labelled(self.definitions.path())
        self.kubectl().define(text, strimzi.NAMES, "Strimzi's CRDs")

    def _start(self) -> None:
        plugins = packages.cni_plugins()
        if plugins is None:
            raise SandboxError(
                f"no CNI plugins in {', '.join(map(str, packages.CNI_FOLDERS))}: install {packages.CNI_PACKAGE}"
            )
        running = self.cluster.pid() is not None
        programs = Programs(self.builder.folder(KUBERNETES), str(plugins), self.catalogue["pause"].reference)
        if self.cluster.start(programs) and running:
            self.progress.say("  the cluster's programs or settings have changed: it is started anew, with its data")

    def _apply(self) -> None:
        references = {name: self.catalogue[name].reference for name in CLUSTER_IMAGES}
        self.kubectl().apply(render(self.layout, references))

    def _wait_until_ready(self) -> None:
        self.kubectl().wait_until_ready()

    def _repair(self, wanted: Mapping[str, Image]) -> None:
        """Import what the record had and containerd has not, as after its store was tampered with."""
        there = self.imports.actual()
        lost = [image for reference, image in wanted.items() if reference not in there]
        if lost:
            steps = self._image_steps(lost, []) + self._import_steps(lost, None)
            run(steps, self.progress, self.runner)

    def _sweep(self) -> None:
        """Mark what this checkout uses, and delete what no checkout has used for a long time."""
        used = [self.builder.folder(build) for build in self._builds(EXTRAS)] + [self.toolbox.folder]
        used += [made for image in self.catalogue.images.values() for made in image.kept_inputs()]
        used += [self.definitions.kept] if self.definitions.kept else []
        housekeeping.mark(used)
        for folder in (self.layout.bin, self.layout.images / "inputs", self.layout.images / "archives"):
            housekeeping.sweep(folder)

    def _write_references(self, extras: Sequence[str]) -> None:
        """Of the extras it names those that are asked for, and those of these files that were some other time.

        Another sandbox of this checkout may have asked: the file is the checkout's.
        """
        path = self.layout.image_references
        references = {name: self.catalogue[name].reference for name in (*HANDED_OUT, *_images(EXTRAS))}
        asked = (*HANDED_OUT, *_images(extras))
        there = {*_named(path), *self.imports.recorded()}
        known = {name: reference for name, reference in references.items() if name in asked or reference in there}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(known, indent=1) + "\n")
        partial.replace(path)


def assemble(layout: Layout, environment: dict[str, str], progress: Progress) -> Sandbox:
    runner = Runner()
    builder = Builder(layout, runner, progress)
    cluster = Cluster(layout)
    return Sandbox(
        layout=layout,
        progress=progress,
        runner=runner,
        builder=builder,
        toolbox=Toolbox(layout, builder, environment),
        cluster=cluster,
        catalogue=Catalogue(layout, builder, runner),
        store=Store(layout, runner),
        imports=Imports(layout, runner, cluster.enter),
        definitions=strimzi.definitions(layout, runner),
    )


def _named(path: Path) -> list[str]:
    """The references that a file of them has; none where there is no such file."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    return [str(reference) for reference in content.values()] if isinstance(content, dict) else []


def _images(extras: Iterable[str]) -> list[str]:
    return [image for name in extras for image in EXTRAS[name].images]


def _extra_builds(extras: Iterable[str]) -> list[Build]:
    return [build for name in extras for build in EXTRAS[name].builds]


def _present(needs: Sequence[str], steps: Sequence[str]) -> list[str]:
    """Of the needs, those that are steps; the others are there already."""
    return [name for name in needs if name in steps]

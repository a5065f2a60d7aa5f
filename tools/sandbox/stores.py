"""Container images without a registry: built by buildah from ordinary Containerfiles, imported into containerd."""

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.sandbox.catalogue import PREFIX, Image, context_files
from tools.sandbox.locks import locked
from tools.sandbox.paths import Layout
from tools.sandbox.process import Runner

KEPT = 5  # images of one name that stay in the stores, for checkouts and revisions beside this one


class Store:
    """buildah's own store of built images, and the archives that are on their way to containerd."""

    def __init__(self, layout: Layout, runner: Runner) -> None:
        self._layout = layout
        self._runner = runner

    def archive(self, image: Image, reference: str) -> Path:
        """The image as an archive for containerd; built first if need be."""
        path = self._layout.images / "archives" / f"{reference.rpartition('/')[2].replace(':', '-')}.tar"
        if path.exists():
            return path
        with locked(path.with_name(f".{path.name}.lock")):
            if path.exists():
                return path
            self.build(image, reference)
            partial = path.with_name(f".{path.name}.partial")
            partial.unlink(missing_ok=True)
            self._buildah(
                ["push", "--quiet", reference, f"docker-archive:{partial}:{reference}"], f"archive of {image.name}"
            )
            partial.rename(path)
        return path

    def build(self, image: Image, reference: str) -> None:
        """Build unless buildah has it; its base likewise."""
        if self._has(reference):
            return
        with locked(self._layout.images / f".build-{image.name}.lock"):
            if self._has(reference):
                return
            arguments = dict(image.arguments)
            if image.base:
                arguments["BASE"] = image.base.reference
                self.build(image.base, image.base.reference)
            command = ["build", "--quiet", "--layers", "--pull-never", f"--tag={reference}"]
            command += [f"--file={image.containerfile}"]
            command += [f"--build-arg={name}={value}" for name, value in arguments.items()]
            command += [f"--volume={made.path()}:{path}:ro" for path, made in image.mounts.items()]
            with tempfile.TemporaryDirectory(dir=self._layout.images) as context:
                _stage(image.files, Path(context))
                for name, made in image.inputs.items():
                    _link(made.path(), Path(context) / name)
                self._buildah([*command, context], f"image {image.name}")
            self._forget_old(image.name)

    def _has(self, reference: str) -> bool:
        return reference in self._names()

    def _names(self) -> list[str]:
        """All named images, newest first."""
        output = self._buildah(["images", "--format={{.Name}}:{{.Tag}}", "--filter=dangling=false"], "list of images")
        return output.split()

    def _forget_old(self, name: str) -> None:
        old = [r for r in self._names() if r.startswith(f"{PREFIX}/{name}:")][KEPT:]
        if old:
            self._buildah(["rmi", *old], f"old images of {name}")

    def _buildah(self, arguments: list[str], what: str) -> str:
        store = self._layout.images / "store"
        options = [f"--root={store}/root", f"--runroot={store}/run", "--storage-driver=overlay"]
        # In namespaces of its own: what it mounts goes with them, and a build has its inputs and no network.
        enter = ["unshare", "--mount", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        return self._runner.run(
            [*enter, "buildah", *options, *arguments],
            what=what,
            seconds=900,
            environment={"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "overlay", "STORAGE_OPTS": ""},
        )


class Imports:
    """What containerd has. A record beside its store answers while it does not run, and goes when the store goes."""

    def __init__(self, layout: Layout, runner: Runner, enter: Callable[[list[str]], list[str]]) -> None:
        self._record = layout.image_store / "kafka-bluegreen-images.json"
        self._runner = runner
        self._enter = enter
        self._lock = threading.Lock()

    def recorded(self) -> list[str]:
        """What was imported, oldest first, as far as is known without asking."""
        try:
            return [str(reference) for reference in json.loads(self._record.read_text())]
        except (OSError, ValueError):
            return []

    def actual(self) -> list[str]:
        """Asks containerd, which must run, and corrects the record."""
        output = self._ctr(["images", "list", "--quiet"], "containerd's images", 60)
        there = {name for name in output.split() if name.startswith(f"{PREFIX}/")}
        with self._lock:
            known = [name for name in self.recorded() if name in there]
            names = [*sorted(there.difference(known)), *known]
            self._write(names)
        return names

    def add(self, archive: Path, reference: str) -> None:
        """Import the archive, then delete it: buildah can make it again in a second. Old images of the name go."""
        self._ctr(["images", "import", str(archive)], f"import of {reference}", 300)
        archive.unlink(missing_ok=True)
        with self._lock:
            names = [*(name for name in self.recorded() if name != reference), reference]
            repository = reference.rpartition(":")[0]
            used = self._ctr(["containers", "list"], "containerd's containers", 60).split()
            old = [name for name in names if name.rpartition(":")[0] == repository][:-KEPT]
            unused = [name for name in old if name not in used]
            if unused:
                self._ctr(["images", "remove", *unused], f"old images of {repository}", 60)
            self._write([name for name in names if name not in unused])

    def _ctr(self, arguments: list[str], what: str, seconds: float) -> str:
        return self._runner.run(self._enter(["ctr", "--namespace=k8s.io", *arguments]), what=what, seconds=seconds)

    def _write(self, names: list[str]) -> None:
        partial = self._record.with_suffix(".partial")
        partial.write_text(json.dumps(names, indent=1))
        partial.replace(self._record)


def _stage(files: Mapping[str, Path], context: Path) -> None:
    """Copy the files into the context, all with one time and the two usual modes: equal content is an equal layer."""
    for name, source in files.items():
        for path in context_files(source):
            target = context / name / path.relative_to(source) if source.is_dir() else context / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
            os.utime(target, (0, 0))
    for folder, _, _ in os.walk(context, topdown=False):
        Path(folder).chmod(0o755)
        os.utime(folder, (0, 0))


def _link(source: Path, target: Path) -> None:
    """Put a cached input into the context without copying it: hard links, as both are on one file system."""
    if source.is_file():
        os.link(source, target)
    else:
        shutil.copytree(source, target, copy_function=os.link, symlinks=True)

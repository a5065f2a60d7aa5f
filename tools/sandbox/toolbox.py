"""The programs and settings that a user of the sandbox gets: kubectl, Pulumi with its language host and provider."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.sandbox import builds
from tools.sandbox.builds import Build, Builder, version_parts
from tools.sandbox.errors import SandboxError
from tools.sandbox.locks import locked
from tools.sandbox.paths import Layout

PROVIDER_VERSION = "4.25.0"
PROVIDER = "pulumi-resource-kubernetes"


class Toolbox:
    """What is handed out, from this machine's own Pulumi where there is one that is new enough."""

    def __init__(self, layout: Layout, builder: Builder, environment: Mapping[str, str]) -> None:
        self._layout = layout
        self._builder = builder
        self._environment = environment
        self.own_pulumi = self._find_pulumi()
        self._own_provider = self._find_provider()

    def builds(self) -> list[Build]:
        """What has to be built for it, in the order in which it is best built."""
        needed = [builds.KUBERNETES]
        if self.own_pulumi is None:
            needed += [builds.PULUMI_LANGUAGE_HOST, builds.PULUMI]
        if self._own_provider is None:
            needed.append(builds.PULUMI_KUBERNETES)
        return needed

    @property
    def folder(self) -> Path:
        """The one folder for PATH: Pulumi looks for its language host beside itself."""
        keys = hashlib.sha256(" ".join(self._builder.folder(build).name for build in self.builds()).encode())
        return self._layout.bin / f"tools-{keys.hexdigest()[:16]}"

    def make(self) -> None:
        """Put the folder together from the builds, and the provider where Pulumi looks for it."""
        with locked(self._layout.bin / f".{self.folder.name}.lock"):
            if not self.folder.exists():
                partial = self.folder.with_name(f".{self.folder.name}.partial")
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                for program, build in self._programs().items():
                    os.link(self._builder.folder(build) / program, partial / program)
                partial.rename(self.folder)
            plugin = self._layout.pulumi_home / "plugins" / f"resource-kubernetes-v{PROVIDER_VERSION}" / PROVIDER
            source = self._own_provider or self._builder.folder(builds.PULUMI_KUBERNETES) / PROVIDER
            if not (plugin.exists() and plugin.samefile(source)):
                plugin.unlink(missing_ok=True)
                plugin.parent.mkdir(parents=True, exist_ok=True)
                try:
                    os.link(source, plugin)
                except OSError:  # another file system, where a link will not do
                    plugin.symlink_to(source)
        self._layout.pulumi_backend.mkdir(parents=True, exist_ok=True)

    def variables(self) -> dict[str, str]:
        """The environment in which kubectl and Pulumi work on the sandbox. SandboxError before the first ``up``."""
        if not self.folder.exists():
            raise SandboxError("the sandbox's programs are not built yet: run 'python -m tools.sandbox up' first")
        path = self._environment.get("PATH", os.defpath).split(os.pathsep)
        kept = [part for part in path if part != str(self.folder)]
        return {
            "KUBECONFIG": str(self._layout.kubeconfig),
            "KUBECACHEDIR": str(self._layout.kubectl_cache),
            "KAFKA_BLUEGREEN_IMAGES": str(self._layout.image_references),
            "PATH": os.pathsep.join([str(self.folder), *kept]),
            "PULUMI_BACKEND_URL": f"file://{self._layout.pulumi_backend}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(self._layout.pulumi_home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def _programs(self) -> dict[str, Build]:
        programs = {"kubectl": builds.KUBERNETES}
        if self.own_pulumi is None:
            programs |= {
                "pulumi": builds.PULUMI,
                "pulumi-language-python": builds.PULUMI_LANGUAGE_HOST,
                "pulumi-language-python-exec": builds.PULUMI_LANGUAGE_HOST,
                "pulumi-analyzer-policy-python": builds.PULUMI_LANGUAGE_HOST,
            }
        return programs

    def _find_pulumi(self) -> Path | None:
        """The machine's own Pulumi with its Python host, if it is at least as new as ours; never one of ours."""
        folders = [
            folder
            for folder in self._environment.get("PATH", os.defpath).split(os.pathsep)
            if not Path(folder).is_relative_to(self._layout.bin)
        ]
        found = shutil.which("pulumi", path=os.pathsep.join(folders))
        if found is None or shutil.which("pulumi-language-python", path=str(Path(found).resolve().parent)) is None:
            return None
        try:
            result = subprocess.run([found, "version"], capture_output=True, text=True, check=True, timeout=30)
        except (OSError, subprocess.SubprocessError):
            return None
        version = re.match(r"v?(\d+\.\d+\.\d+)", result.stdout.strip())
        if version is None or version_parts(version[1]) < version_parts(builds.PULUMI_VERSION):
            return None
        return Path(found)

    def _find_provider(self) -> Path | None:
        """The official provider, if the machine's own Pulumi has installed just this version."""
        home = Path(self._environment.get("HOME", "/root")) / ".pulumi"
        path = home / "plugins" / f"resource-kubernetes-v{PROVIDER_VERSION}" / PROVIDER
        return path if path.exists() and os.access(path, os.X_OK) else None

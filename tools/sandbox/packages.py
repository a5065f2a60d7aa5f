"""The programs that the sandbox takes from the machine's distribution, installed by apt-get where that is Debian's."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sandbox.errors import SandboxError
from tools.sandbox.process import Runner

INSTALL_SECONDS = 900
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
CNI_PLUGINS = ("bridge", "host-local", "loopback")


@dataclass(frozen=True)
class Requirement:
    """A program on PATH, and the Debian package that has it."""

    program: str
    package: str


CLUSTER = (
    Requirement("containerd", "containerd"),
    Requirement("ctr", "containerd"),
    Requirement("runc", "runc"),
    Requirement("nft", "nftables"),
    Requirement("ip", "iproute2"),
    Requirement("unshare", "util-linux"),
    Requirement("nsenter", "util-linux"),
    Requirement("setpriv", "util-linux"),
)
IMAGES = (
    Requirement("buildah", "buildah"),
    Requirement("mmdebstrap", "mmdebstrap"),
)
CNI_PACKAGE = "containernetworking-plugins"


def missing(requirements: Sequence[Requirement]) -> list[str]:
    """The packages that have to be installed; the network plugins, which are on nobody's PATH, are looked for too."""
    packages = {r.package for r in requirements if shutil.which(r.program, path=search_path()) is None}
    if cni_plugins() is None:
        packages.add(CNI_PACKAGE)
    return sorted(packages)


def search_path() -> str:
    """PATH with the administrators' folders, which a user's shell may lack."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def cni_plugins() -> Path | None:
    """The folder that has all network plugins the cluster needs."""
    for folder in CNI_FOLDERS:
        if all((folder / name).exists() for name in CNI_PLUGINS):
            return folder
    return None


def check(packages: Sequence[str], runner: Runner) -> None:
    """SandboxError, with what to do, when the packages could not be installed here. Changes nothing but apt's lists."""
    if not packages:
        return
    wanted = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise SandboxError(
            f"these Debian packages are missing: {wanted}. This system has no apt-get to install them with:"
            " install what has the same programs, and start again"
        )
    try:
        _simulate(packages, runner)
    except SandboxError:
        # The lists may be absent, as in a container image, or out of date.
        _apt(["update", "--quiet"], "apt-get update", runner)
        try:
            _simulate(packages, runner)
        except SandboxError as error:
            raise SandboxError(
                f"these packages are needed and cannot be installed: {wanted}. See which with"
                f" 'apt-get install --simulate --no-install-recommends {wanted}'; the sandbox needs Debian 12 or newer,"
                f" or the same programs on PATH.\n{error}"
            ) from None


def install(packages: Sequence[str], runner: Runner) -> None:
    """Install the packages, without what they merely recommend. SandboxError when that fails."""
    if packages:
        _apt(["install", "--yes", "--quiet", "--no-install-recommends", *packages], "apt-get install", runner)


def _simulate(packages: Sequence[str], runner: Runner) -> None:
    _apt(["install", "--simulate", "--quiet", "--no-install-recommends", *packages], "apt-get install", runner)


def _apt(arguments: Sequence[str], what: str, runner: Runner) -> None:
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    # Another apt may be at work, as on a machine that has just booted.
    options = ["--option=DPkg::Lock::Timeout=300", "--option=Dpkg::Use-Pty=0"]
    command = ["apt-get", *options, *arguments]
    runner.run(command, what=what, seconds=INSTALL_SECONDS, environment=environment, to_its_end=True)

"""Where the sandbox keeps its files, and the few settings that it takes from the environment."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.sandbox.errors import SandboxError

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = Path(__file__).resolve().parent

DEFAULT_PORT = 16443


@dataclass(frozen=True)
class Layout:
    """All paths of one cache folder. Several checkouts may share it: what is built is keyed by its inputs."""

    cache: Path
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Layout":
        """Read KAFKA_BLUEGREEN_CACHE (else XDG_CACHE_HOME, else ~/.cache) and KAFKA_BLUEGREEN_PORT.

        Raises SandboxError when the port is not a number from 1 to 65535 or the cache path is not absolute.
        """
        if own := environment.get("KAFKA_BLUEGREEN_CACHE"):
            cache = Path(own)
        else:
            base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
            cache = Path(base) / "kafka-bluegreen"
        if not cache.is_absolute():
            raise SandboxError(
                f"the cache folder {str(cache)!r} is not an absolute path: set KAFKA_BLUEGREEN_CACHE to one"
            )
        text = environment.get("KAFKA_BLUEGREEN_PORT", str(DEFAULT_PORT))
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
            raise SandboxError(f"KAFKA_BLUEGREEN_PORT={text!r} is not a port: give a number from 1 to 65535")
        return cls(cache=Path(os.path.normpath(cache)), port=int(text))

    @property
    def name(self) -> str:
        """What the sandbox is called on this machine, of which there is one per port."""
        return f"kafka-bluegreen-{self.port}"

    @property
    def go_build(self) -> Path:
        """Go's build cache; large (9 GB after a cold build) and safe to delete once the binaries are there."""
        return self.cache / "go-build"

    @property
    def bin(self) -> Path:
        """One folder per build, named by the hash of its inputs."""
        return self.cache / "bin"

    @property
    def images(self) -> Path:
        """What image builds need: base archives, jars, the builder's own store."""
        return self.cache / "images"

    @property
    def sandbox(self) -> Path:
        """The cluster's data. Everything in here but the image store goes with ``down --purge``."""
        return self.cache / "sandbox"

    @property
    def image_store(self) -> Path:
        return self.sandbox / "containerd"

    @property
    def run(self) -> Path:
        """Run files: made at ``up``, removed at ``down``."""
        return self.sandbox / "run"

    @property
    def logs(self) -> Path:
        return self.sandbox / "log"

    @property
    def pki(self) -> Path:
        return self.sandbox / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.sandbox / "kubeconfig"

    @property
    def image_references(self) -> Path:
        """The JSON file that names this checkout's images; read by the Pulumi program."""
        checkout = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:12]
        return self.images / "references" / f"{checkout}.json"

    @property
    def kubectl_cache(self) -> Path:
        return self.sandbox / "kubectl-cache"

    @property
    def pulumi_home(self) -> Path:
        return self.sandbox / "pulumi-home"

    @property
    def pulumi_backend(self) -> Path:
        return self.sandbox / "pulumi"

    @property
    def server(self) -> str:
        """The API server as the host sees it."""
        return f"https://127.0.0.1:{self.port}"

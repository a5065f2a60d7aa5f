"""The administrator's kubectl, and what the cluster needs in its API: access for its parts, DNS, a StorageClass."""

import json
import string
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.sandbox import config
from tools.sandbox.paths import SOURCES, Layout
from tools.sandbox.process import Runner

FOLDER = SOURCES / "manifests"
DEPLOYMENTS = ("coredns", "volume-provisioner")


def render(layout: Layout, references: Mapping[str, str]) -> str:
    """All manifests as one YAML stream, with the image references and the cluster's constants filled in."""
    values = {
        "DOMAIN": config.DOMAIN,
        "DNS_ADDRESS": config.DNS_ADDRESS,
        "IMAGE_COREDNS": references["coredns"],
        "IMAGE_VOLUME_PROVISIONER": references["volume-provisioner"],
        "VOLUMES": str(layout.sandbox / "volumes"),
    }
    texts = [string.Template(path.read_text()).substitute(values) for path in sorted(FOLDER.glob("*.yaml"))]
    return "---\n".join(texts)


class Kubectl:
    """Calls the sandbox's kubectl as its administrator."""

    def __init__(self, layout: Layout, program: Path, runner: Runner) -> None:
        self._command = [str(program), f"--kubeconfig={layout.kubeconfig}", f"--cache-dir={layout.kubectl_cache}"]
        self._runner = runner
        self._layout = layout

    def apply(self, text: str, what: str = "the cluster's manifests") -> None:
        """Server-side apply, one at a time. SandboxError that names ``what``, with the API server's answer."""
        path = self._layout.run / "manifests.yaml"
        path.write_text(text)
        self.call(["apply", "--server-side", "--force-conflicts", f"--filename={path}"], what, 60)

    def define(self, text: str, names: Sequence[str], what: str, seconds: int = 30) -> None:
        """Apply custom resource definitions; return once the API server serves those called ``names``."""
        self.apply(text, what)
        definitions = [f"customresourcedefinition/{name}" for name in names]
        established = ["wait", "--for=condition=Established", *definitions, f"--timeout={seconds}s"]
        self.call(established, f"{what} to be served", seconds + 10)

    def wait_until_ready(self, seconds: int = 120) -> None:
        """Return once the node is Ready and the cluster's own Deployments are; each wait is a watch."""
        node = ["wait", "--for=create", f"node/{config.NODE}", f"--timeout={seconds}s"]
        self.call(node, "the node to register", seconds + 10)
        ready = ["wait", "--for=condition=Ready", f"node/{config.NODE}", f"--timeout={seconds}s"]
        self.call(ready, "the node to be Ready", seconds + 10)
        for name in DEPLOYMENTS:
            status = ["--namespace=kube-system", "rollout", "status", f"deployment/{name}", f"--timeout={seconds}s"]
            self.call(status, f"{name} to be ready", seconds + 10)

    def node_state(self) -> str:
        """Ready, or why not."""
        node = json.loads(self.call(["get", "node", config.NODE, "--output=json"], "the node", 20))
        for condition in node["status"].get("conditions", []):
            if condition["type"] == "Ready":
                return "Ready" if condition["status"] == "True" else f"not Ready: {condition['message']}"
        return "not Ready: no condition yet"

    def pods(self) -> list[tuple[str, str, int]]:
        """Namespace/name, phase and restarts of each pod."""
        pods = json.loads(self.call(["get", "pods", "--all-namespaces", "--output=json"], "the pods", 20))
        return [
            (
                f"{pod['metadata']['namespace']}/{pod['metadata']['name']}",
                pod["status"].get("phase", "Unknown"),
                sum(c["restartCount"] for c in pod["status"].get("containerStatuses", [])),
            )
            for pod in pods["items"]
        ]

    def call(self, arguments: list[str], what: str, seconds: float) -> str:
        return self._runner.run([*self._command, *arguments], what=what, seconds=seconds)

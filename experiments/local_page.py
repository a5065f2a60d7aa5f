"""The switch page as a process on this machine: the one that is served in the cluster, reached through `kubectl proxy`.

So every kubeconfig that kubectl takes will do. The proxy passes on what the page reads, and nothing else: whoever else
is on this machine could use it, too.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from components import names
from experiments.errors import ExperimentError

_REPOSITORY = Path(__file__).resolve().parents[1]
_START_SECONDS = 20.0
_END_SECONDS = 5.0
#: Where the proxy has the platform's metrics store.
METRICS = f"/api/v1/namespaces/{names.PLATFORM_NAMESPACE}/services/{names.METRICS}:{names.METRICS_PORT}/proxy"


@dataclass(frozen=True, slots=True)
class Way:
    """How the page's process reaches what it shows. metrics: of the store; empty for none."""

    kube: str
    metrics: str
    alerts: str


def accepted(namespace: str) -> str:
    """What the proxy passes on, as its option `--accept-paths` has it."""
    own = f"namespaces/{namespace}"
    paths = [
        f"/apis/{names.GROUP}/{names.SWITCH_VERSION}/{own}/{names.SWITCH_PLURAL}",
        f"/apis/coordination.k8s.io/v1/{own}/leases",
        f"/api/v1/{own}/pods",
        f"/api/v1/{own}/pods/[^/]+:{names.SIDECAR_PORT}/proxy/report",
        f"{METRICS}/api/v1/(query|query_range|rules)",
    ]
    return ",".join(f"^{path.replace('.', '[.]')}$" for path in paths)


def proxy(ends: ExitStack, folder: Path, namespace: str) -> str:
    """Start `kubectl proxy`; its address. It ends with `ends`."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise ExperimentError('kubectl is not on PATH; for the sandbox\'s run: eval "$(python -m tools.sandbox env)"')
    command = [kubectl, "proxy", "--port=0", f"--accept-paths={accepted(namespace)}"]
    command.append("--reject-methods=^(POST|PUT|PATCH|DELETE)$")
    log = folder / "kubectl-proxy.log"
    process = _started(ends, command, log, dict(os.environ))
    line = _line(process, log, "Starting to serve on ", "kubectl proxy")
    return f"http://{line.partition('Starting to serve on ')[2].strip()}"


def page(ends: ExitStack, folder: Path, namespace: str, port: int, way: Way) -> str:
    """Start the page's own process; its address. It ends with `ends`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BG_")}
    environment |= {
        "POD_NAMESPACE": namespace,
        "BG_SWITCH_NAME": names.SWITCH_NAME,
        "BG_LEASE_NAME": names.LEASE_NAME,
        "BG_KUBE_URL": way.kube,
        "BG_REPORT_URL": f"{way.kube}/api/v1/namespaces/{namespace}/pods/{{pod}}:{names.SIDECAR_PORT}/proxy",
        "BG_METRICS_URL": way.metrics,
        "BG_ALERTS_URL": way.alerts,
        "BG_HTTP_HOST": "127.0.0.1",
        "BG_HOSTS": '["127.0.0.1", "localhost"]',
        "BG_HTTP_PORT": str(port),
    }
    environment.pop("SETTINGS_FILE", None)
    log = folder / "page.log"
    process = _started(ends, [sys.executable, "-m", "workloads.page"], log, environment)
    line = _line(process, log, '"started"', "the page")
    try:
        return f"http://127.0.0.1:{int(json.loads(line)['port'])}"
    except (KeyError, ValueError) as error:
        raise ExperimentError(f"the page says nothing of its port: {line}") from error


def _started(ends: ExitStack, command: list[str], log: Path, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        # A session of its own: a Ctrl-C at the terminal is this command's to handle.
        process = subprocess.Popen(
            command, cwd=_REPOSITORY, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    ends.callback(_ended, process)
    return process


def _ended(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _line(process: "subprocess.Popen[bytes]", log: Path, what: str, name: str) -> str:
    """The first line of its log with `what` in it. Raises ExperimentError when it ends, or does not come."""
    deadline = time.monotonic() + _START_SECONDS
    ended = os.pidfd_open(process.pid)
    try:
        while True:
            text = log.read_text(errors="replace")
            if (found := next((line for line in text.splitlines() if what in line), None)) is not None:
                return found
            left = deadline - time.monotonic()
            # A file cannot be waited for: it is looked at until the process has ended, or the time has.
            if left <= 0 or select.select([ended], [], [], min(left, 0.02))[0]:
                code = process.poll()
                why = f"no {what} after {_START_SECONDS:g} s" if code is None else f"it ended with {code}"
                raise ExperimentError(f"{name} did not start ({why}): {log.read_text(errors='replace').strip()}")
    finally:
        os.close(ended)

"""An application that is an image: in a pod of the cluster, beside the kit's hands (`hands.py`)."""

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from components.images import ImageError, sandbox_images
from components.names import (
    HTTP_PORT,
    KAFKA,
    KAFKA_FORWARDED_PORT,
    LIFECYCLE_PORT,
    PLATFORM_NAMESPACE,
    RECORDS_DIRECTORY,
    SETTINGS_DIRECTORY,
    SETTINGS_FILE,
)
from experiments.cluster import Cluster, ClusterError
from experiments.conformance.application import COLOR, NoAnswerError, Reply, wait_status
from experiments.conformance.hands import MARK
from experiments.conformance.process import reply, whole_lines
from experiments.errors import DeadlineError, PreflightError

_UID = 10001
_CONTROL_PORT = 19190
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_ANSWER_SECONDS = 5.0
_APPLICATION, _HANDS = "application", "hands"
_KIT = "/kit"
_FILES = ("hands.py", "relay.py")
_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@dataclass(frozen=True, slots=True)
class Ground:
    """Where pods go. image: the application's. kit_image: any that has `python3` 3.11. command: what the application's
    container runs; the image's own entry point when empty.
    """

    cluster: Cluster
    namespace: str
    image: str
    kit_image: str
    command: tuple[str, ...] = ()


class PodApplication:
    """See `Application`, and `Way`, both of which it is."""

    def __init__(self, ground: Ground, settings: Mapping[str, Any]) -> None:
        self._ground = ground
        self._name = f"{settings['topic']}-{COLOR}-0"
        self._settings = {
            **settings,
            "bootstrap_servers": f"127.0.0.1:{KAFKA_FORWARDED_PORT}",
            "color": COLOR,
            "records_dir": RECORDS_DIRECTORY,
            "lifecycle_port": LIFECYCLE_PORT,
            "http_port": HTTP_PORT,
        }
        self._restarts = 0

    def start(self) -> None:
        """See `Application`."""
        ground = self._ground
        path = f"/api/v1/namespaces/{ground.namespace}"
        config = {"metadata": {"name": self._name}, "data": {SETTINGS_FILE: json.dumps(self._settings)}}
        ground.cluster.request("POST", f"{path}/configmaps", body=config)
        ground.cluster.request("POST", f"{path}/pods", body=self._manifest())
        self._started()
        self._answers()

    def call(self, method: str, path: str, body: object = None, *, seconds: float = 30.0) -> Reply:
        """See `Application`."""
        port = LIFECYCLE_PORT if path.startswith(("/lifecycle", "/faults")) else HTTP_PORT
        asked = {"method": method, "port": port, "path": path, "body": body, "seconds": seconds}
        said: Any = self._hands("POST", "/call", asked, seconds + _ANSWER_SECONDS)
        if "error" in said:
            raise NoAnswerError(f"{method} {path}: {said['error']}")
        return reply(said["status"], said["text"])

    def reachable(self) -> str:
        """See `Application`."""
        return "the pod's address" if self._hands("GET", f"/reachable?port={LIFECYCLE_PORT}") else ""

    def signal(self, name: str) -> None:
        """See `Application`."""
        self._hands("POST", f"/signal?name={name}")

    def fill(self) -> None:
        """See `Application`."""
        self._hands("POST", "/fill")

    def ended(self, seconds: float) -> int:
        """See `Application`."""

        def missing(objects: Mapping[str, Mapping[str, Any]]) -> str | None:
            pod = objects.get(self._name)
            return "no pod" if pod is None else None if self._end(pod) is not None else "it goes on"

        query = [("fieldSelector", f"metadata.name={self._name}")]
        path = f"/api/v1/namespaces/{self._ground.namespace}/pods"
        try:
            objects = self._ground.cluster.wait(path, query, missing, "its end", seconds)
        except DeadlineError:
            raise NoAnswerError(f"it goes on after {seconds:g} s") from None
        end = self._end(objects[self._name]) or {}
        self._restarts += 1
        code = int(end.get("exitCode", 0))
        return code if code <= 128 else 128 - code

    def again(self) -> None:
        """See `Application`: the kubelet starts it."""
        self._answers()

    def lines(self, kind: str) -> list[Mapping[str, Any]]:
        """See `Application`."""
        texts: Any = self._hands("GET", f"/lines?kind={quote(kind)}")
        return [line for text in texts for line in whole_lines(text.encode())]

    def close(self) -> None:
        """See `Application`."""
        for kind in ("pods", "configmaps"):
            with suppress(ClusterError):
                path = f"/api/v1/namespaces/{self._ground.namespace}/{kind}/{self._name}"
                self._ground.cluster.request("DELETE", path, body={"gracePeriodSeconds": 0})

    # The way to the broker

    def cut(self) -> None:
        """See `Way`."""
        self._hands("POST", "/cut")

    def open(self) -> None:
        """See `Way`."""
        self._hands("POST", "/open")

    def slow(self, seconds: float) -> None:
        """See `Way`."""
        self._hands("POST", f"/slow?seconds={seconds}")

    # What it is made of

    def _hands(self, method: str, path: str, body: object = None, seconds: float = 30.0) -> object:
        ground = self._ground
        try:
            said = ground.cluster.through_pod(
                ground.namespace, self._name, _CONTROL_PORT, path, method=method, body=body, seconds=seconds
            )
        except ClusterError as error:
            raise NoAnswerError(f"{method} {path}: {error}") from error
        found: object = json.loads(said)
        return found

    def _answers(self) -> None:
        wait_status(self, _START_SECONDS, every=_LOOK_SECONDS)

    def _started(self) -> None:
        def missing(objects: Mapping[str, Mapping[str, Any]]) -> str | None:
            pod = objects.get(self._name)
            if pod is None:
                return "no pod"
            for status in pod.get("status", {}).get("containerStatuses", ()):
                waiting = status["state"].get("waiting", {})
                if waiting.get("reason") in {"ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError"}:
                    raise PreflightError(f"{status['name']} ({status['image']}): {waiting.get('message')}")
            return None if pod.get("status", {}).get("phase") == "Running" else "not running"

        query = [("fieldSelector", f"metadata.name={self._name}")]
        path = f"/api/v1/namespaces/{self._ground.namespace}/pods"
        self._ground.cluster.wait(path, query, missing, f"pod {self._name} to run", _START_SECONDS)

    def _end(self, pod: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """How the application's container ended, of the process that is awaited."""
        for status in pod.get("status", {}).get("containerStatuses", ()):
            if status["name"] == _APPLICATION:
                state = status["state"].get("terminated")
                if state is not None and status["restartCount"] == self._restarts:
                    return dict(state)
                if status["restartCount"] > self._restarts:
                    return dict(status["lastState"].get("terminated", {}))
        return None

    def _manifest(self) -> dict[str, Any]:
        environment = {f"BG_{name.upper()}": str(value) for name, value in self._settings.items()}
        environment |= {
            "SETTINGS_FILE": f"{SETTINGS_DIRECTORY}/{SETTINGS_FILE}",
            "POD_NAME": self._name,
            MARK: "1",
        }
        broker = f"{KAFKA}-0.{KAFKA}.{PLATFORM_NAMESPACE}.svc.cluster.local"
        application = {
            "name": _APPLICATION,
            "image": self._ground.image,
            "imagePullPolicy": "IfNotPresent",
            **({"command": list(self._ground.command)} if self._ground.command else {}),
            "env": [{"name": name, "value": value} for name, value in environment.items()],
            "securityContext": _SECURITY,
            "volumeMounts": [
                {"name": "settings", "mountPath": SETTINGS_DIRECTORY, "readOnly": True},
                {"name": "records", "mountPath": RECORDS_DIRECTORY},
                {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
            ],
        }
        numbers = [str(KAFKA_FORWARDED_PORT), str(KAFKA_FORWARDED_PORT), str(_CONTROL_PORT)]
        hands = {
            "name": _HANDS,
            "image": self._ground.kit_image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", f"{_KIT}/{_FILES[0]}", broker, *numbers],
            "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            "securityContext": _SECURITY,
            "volumeMounts": [
                {"name": "kit", "mountPath": _KIT, "readOnly": True},
                {"name": "records", "mountPath": RECORDS_DIRECTORY},
            ],
        }
        return {
            "metadata": {"name": self._name},
            "spec": {
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                # The hands send signals to the application.
                "shareProcessNamespace": True,
                "terminationGracePeriodSeconds": 30,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": _UID,
                    "runAsGroup": _UID,
                    "fsGroup": _UID,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [hands, application],
                "volumes": [
                    {"name": "settings", "configMap": {"name": self._name}},
                    {"name": "kit", "configMap": {"name": _HANDS}},
                    {"name": "records", "emptyDir": {}},
                    {"name": "tmp", "emptyDir": {}},
                ],
            },
        }


@contextmanager
def ground(image: str, kit_image: str | None, command: Sequence[str]) -> Iterator[Ground]:
    """A namespace with the kit's programs in it, for a while. Raises `PreflightError`, `ClusterError`."""
    try:
        kit = kit_image or sandbox_images(("workloads",), os.environ)["workloads"]
    except ImageError as error:
        raise PreflightError(f"--kit-image is not given, and {error}") from error
    cluster = Cluster()
    namespace = f"conformance-{uuid.uuid4().hex[:8]}"
    folder = Path(__file__).parent
    programs = {name: (folder / name).read_text() for name in _FILES}
    cluster.request("POST", "/api/v1/namespaces", body={"metadata": {"name": namespace}})
    try:
        config = {"metadata": {"name": _HANDS}, "data": programs}
        cluster.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body=config)
        yield Ground(cluster, namespace, image, kit, tuple(command))
    finally:
        cluster.request("DELETE", f"/api/v1/namespaces/{namespace}")

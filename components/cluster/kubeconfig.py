"""Which cluster is meant, read as Pulumi's Kubernetes provider reads it; without the Kubernetes client.

The provider takes `kubernetes:kubeconfig` as a path or, where there is no such file, as the content
(`parseKubeconfigString` in pulumi-kubernetes, provider/pkg/provider/util.go); without it, client-go's loading rules
hold: the files that `KUBECONFIG` lists, else `~/.kube/config`, and in a pod that has none, its service account
(https://pkg.go.dev/k8s.io/client-go/tools/clientcmd). `kubernetes:context` and `kubernetes:cluster` choose among what
was read. The kubernetes package's own loader differs where it matters: of several files it takes the last one's current
context where client-go takes the first's, and it quotes what it read in its errors.

Errors name files, contexts, clusters and keys, never a value: see `errors`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import yaml

from components.cluster.errors import AccessError

TOKEN_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_HOME_FILE = "~/.kube/config"
_LISTS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_CLUSTER_FILES = ("certificate-authority",)
_USER_FILES = ("client-certificate", "client-key", "tokenFile")

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KubeContext:
    """The one cluster that is meant, and who one is there. cluster, user: as in a kubeconfig, with absolute paths.

    source: where it was read, for messages.
    """

    source: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]

    def content(self) -> dict[str, Any]:
        """A kubeconfig of just this."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "cluster", "cluster": dict(self.cluster)}],
            "users": [{"name": "user", "user": dict(self.user)}],
            "contexts": [{"name": "context", "context": {"cluster": "cluster", "user": "user"}}],
            "current-context": "context",
        }


@dataclass(frozen=True, slots=True)
class _File:
    """A kubeconfig that was read. bases: the folders that its relative paths may start from, in this order."""

    source: str
    content: Mapping[str, Any]
    bases: tuple[Path, ...]

    def entries(self, kind: str) -> dict[str, Entry]:
        """The clusters, users or contexts by name, the first of a name."""
        listed = self.content.get(kind) or []
        if not isinstance(listed, list):
            raise AccessError(f"{self.source} is no kubeconfig: {kind} is not a list")
        found: dict[str, Entry] = {}
        for item in listed:
            named = isinstance(item, Mapping) and isinstance(item.get("name"), str)
            inner = item.get(_LISTS[kind]) if named else None
            if not named or not isinstance(inner, Mapping):
                raise AccessError(
                    f"{self.source} is no kubeconfig: an entry of {kind} is no object with a name and a {_LISTS[kind]}"
                )
            found.setdefault(item["name"], self._resolved(kind, inner))
        return found

    def _resolved(self, kind: str, entry: Mapping[str, Any]) -> Entry:
        keys = {"clusters": _CLUSTER_FILES, "users": _USER_FILES}.get(kind, ())
        resolved = dict(entry)
        for key in keys:
            if resolved.get(key) and isinstance(resolved[key], str):
                resolved[key] = self._absolute(resolved[key])
        command = resolved.get("exec")
        if kind == "users" and isinstance(command, Mapping) and os.sep in str(command.get("command", "")):
            resolved["exec"] = {**command, "command": self._absolute(str(command["command"]))}
        return resolved

    def _absolute(self, path: str) -> str:
        candidates = [str(base / path) for base in self.bases]
        return next((candidate for candidate in candidates if os.path.exists(candidate)), candidates[-1])  # noqa: PTH110 - as below


def find(
    given: str | None, context: str | None, cluster: str | None, environment: Mapping[str, str]
) -> KubeContext | None:
    """The cluster that is meant; None for the one whose pod this process runs in.

    given: a path, paths as in `KUBECONFIG`, or the content; None or empty as kubectl finds it. context, cluster: names
    that are chosen in place of the current ones. Raises `AccessError`.
    """
    if given and (files := _given(given)) is not None:
        return _chosen(files, context, cluster)
    listed = [part for part in (given or environment.get("KUBECONFIG", "")).split(os.pathsep) if part]
    files = [_read(Path(part), (Path(part).parent,)) for part in listed or [_home_file()] if os.path.exists(part)]  # noqa: PTH110
    if _is_empty(files, context, cluster):
        address = [environment.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT")]
        if all(address) and TOKEN_FILE.is_file():
            return None
        looked = f"KUBECONFIG ({os.pathsep.join(listed)})" if listed else _HOME_FILE
        raise AccessError(
            f"no cluster is named: {looked} has no current context, and this is no pod; "
            "set KUBECONFIG, or: pulumi config set kubernetes:kubeconfig <path>"
        )
    return _chosen(files, context, cluster)


def _home_file() -> str:
    return os.path.expanduser(_HOME_FILE)  # noqa: PTH111 - without a home this stays as it is, where pathlib raises


def _given(given: str) -> list[_File] | None:
    """What `given` is, as a path or as the content; None when it lists paths."""
    path = os.path.expanduser(given) if given == "~" or given.startswith("~/") else given  # noqa: PTH111
    # os.path.exists says False of a text that is too long for a path, or no path at all; pathlib raises with the text.
    if os.path.exists(path):  # noqa: PTH110
        # The provider starts relative paths at its working folder, which is the program's, kubectl at the file's.
        return [_read(Path(path), (Path.cwd(), Path(path).parent))]
    if os.pathsep in given and any(os.path.exists(part) for part in given.split(os.pathsep) if part):  # noqa: PTH110
        return None
    return [_File("the kubeconfig that is given as content", _parsed(given, "the given kubeconfig"), (Path.cwd(),))]


def _read(path: Path, bases: tuple[Path, ...]) -> _File:
    source = f"kubeconfig {path}"
    why = ""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        why = "is not text"
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    if why:  # raised here, so that it carries no exception that holds what was read
        raise AccessError(f"{source} {why}")
    return _File(source, _parsed(text, source), tuple(base.absolute() for base in bases))


def _parsed(text: str, source: str) -> Mapping[str, Any]:
    content: object = None
    why = ""
    try:
        content = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe one, see below
    except yaml.MarkedYAMLError as error:  # its text quotes the lines around
        mark = error.problem_mark
        why = "is neither YAML nor JSON" + (f" (line {mark.line + 1}, column {mark.column + 1})" if mark else "")
    except (yaml.YAMLError, ValueError, RecursionError):
        why = "is neither YAML nor JSON"
    if why:
        raise AccessError(f"{source} {why}")
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise AccessError(f"{source} is neither a file that is there nor the content of a kubeconfig")
    return cast("Mapping[str, Any]", content)


#: libyaml's where it is there: ten times as fast on certificates.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _current(files: list[_File]) -> str:
    """The current context: the first that a file names."""
    named = (file.content.get("current-context") for file in files)
    return next((name for name in named if isinstance(name, str) and name), "")


def _merged(files: list[_File], kind: str) -> dict[str, Entry]:
    merged: dict[str, Entry] = {}
    for file in files:
        merged = {**file.entries(kind), **merged}
    return merged


def _is_empty(files: list[_File], context: str | None, cluster: str | None) -> bool:
    """Whether there is nothing that names a cluster: what client-go calls an empty configuration."""
    return not context and not cluster and _current(files) not in _merged(files, "contexts")


def _chosen(files: list[_File], context: str | None, cluster: str | None) -> KubeContext:
    source = " and ".join(file.source for file in files) or "an absent kubeconfig"
    contexts, clusters, users = (_merged(files, kind) for kind in ("contexts", "clusters", "users"))
    name = context or _current(files)
    if name not in contexts and (context or not cluster):
        wanted = f"has no context {name!r}" if name else "has no current context"
        raise AccessError(f"{source} {wanted}; it has: {', '.join(contexts) or 'none'}")
    chosen = contexts.get(name, {})
    named = cluster or chosen.get("cluster") or ""
    if named not in clusters:
        raise AccessError(f"{source} has no cluster {named!r}; it has: {', '.join(clusters) or 'none'}")
    user = users.get(chosen.get("user") or "", {})
    _require_files(source, {**clusters[named], **user})
    _require_server(source, named, clusters[named].get("server"))
    return KubeContext(source, clusters[named], user)


def _require_files(source: str, entry: Mapping[str, Any]) -> None:
    for key in (*_CLUSTER_FILES, *_USER_FILES):
        path = entry.get(key)
        data = {"tokenFile": "token"}.get(key, f"{key}-data")
        if path and not entry.get(data) and not os.path.isfile(path):  # noqa: PTH113 - a text of any length
            raise AccessError(f"{source}: {key} names no file that is there")


def _require_server(source: str, name: str, server: object) -> None:
    usable = False
    try:
        address = urlsplit(server if isinstance(server, str) else "")
        usable = address.scheme in {"http", "https"} and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:  # its text quotes the address, which may hold a password
        pass
    if not usable:
        raise AccessError(f"{source}: cluster {name!r} has no server that is an http or https address")

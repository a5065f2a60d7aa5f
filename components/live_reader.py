"""Reads the live KafkaConsumerSwitch: Pulumi's own picture is only what it last wrote.

Loading this module loads the Kubernetes client (0.1 s or more); it is wanted after the switch, not before.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client import ApiException
from kubernetes.watch import Watch
from urllib3.exceptions import HTTPError

from components import names
from components.cluster_access import ClusterAccess
from components.live_switch import Expectation, Object, SwitchError, require

# The client carries no types.
_config: Any = config
_watch: Any = Watch

_UNREACHABLE_SECONDS = 30.0
_REQUEST_SECONDS = 10.0
_RETRY_SECONDS = 0.5
_GONE = 410
_NOT_FOUND = 404
_SERVER_ERROR = 500


def check(expected: Expectation, access: ClusterAccess) -> None:
    """Wait for `expected` on the live object. Blocks; raises `SwitchError`."""
    try:
        api = _api(access)
    except (config.ConfigException, OSError, ValueError) as error:
        raise SwitchError(f"{expected} cannot be read: no usable kubeconfig ({error})") from error
    require(expected, states(api, expected))


def _api(access: ClusterAccess) -> Any:
    configuration = client.Configuration()
    given = access.kubeconfig
    content = yaml.safe_load(given) if given and not Path(given).expanduser().exists() else None
    if isinstance(content, dict):
        _config.load_kube_config_from_dict(content, context=access.context, client_configuration=configuration)
    elif given:
        path = str(Path(given).expanduser())
        _config.load_kube_config(path, context=access.context, client_configuration=configuration)
    else:
        _config.load_config(context=access.context, client_configuration=configuration)
    configuration.retries = False
    return client.CustomObjectsApi(client.ApiClient(configuration))


@dataclass
class _Patience:
    """How long the API server may stay away."""

    expected: Expectation
    clock: Callable[[], float]
    since: float | None = None

    def answered(self) -> None:
        self.since = None

    def failed(self, error: Exception) -> None:
        """Pauses before the next attempt. Raises `SwitchError` when the first failure was too long ago."""
        now = self.clock()
        self.since = now if self.since is None else self.since
        if now - self.since > _UNREACHABLE_SECONDS:
            raise SwitchError(
                f"{self.expected} cannot be read: the API server has not answered for "
                f"{_UNREACHABLE_SECONDS:g} s: {error}"
            ) from error
        time.sleep(_RETRY_SECONDS)


def states(api: Any, expected: Expectation, clock: Callable[[], float] = time.monotonic) -> Iterator[Object | None]:
    """The object now and after each change, until the timeout; None when it does not exist.

    api: a `CustomObjectsApi`. Raises `SwitchError` when the object may not be read, or the API server stays away.
    """
    kind = {
        "group": names.GROUP,
        "version": names.SWITCH_VERSION,
        "namespace": expected.namespace,
        "plural": names.SWITCH_PLURAL,
    }
    deadline = clock() + expected.timeout_seconds
    patience = _Patience(expected, clock)
    while (left := deadline - clock()) > 0:
        try:
            current = api.get_namespaced_custom_object(**kind, name=expected.name, _request_timeout=_REQUEST_SECONDS)
            patience.answered()
            yield current
            changes = _watch().stream(
                api.list_namespaced_custom_object,
                **kind,
                field_selector=f"metadata.name={expected.name}",
                resource_version=current["metadata"]["resourceVersion"],
                # The server ends the watch before the client would take it for dead.
                timeout_seconds=max(1, int(left)),
                _request_timeout=(_REQUEST_SECONDS, left + _REQUEST_SECONDS),
            )
            for change in changes:
                yield None if change["type"] == "DELETED" else change["object"]
        except ApiException as error:
            if error.status == _NOT_FOUND:
                yield None
            elif error.status == _GONE or error.status >= _SERVER_ERROR:
                patience.failed(error)
            else:
                raise SwitchError(f"{expected} cannot be read: {error.status} {error.reason}") from error
        except (HTTPError, OSError) as error:
            patience.failed(error)

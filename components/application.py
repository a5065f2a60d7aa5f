"""What of a consumer's pod is the application's own.

The contract (`workloads/member/contract.md`, §11): what it is given is in its environment, named as in that of this
project's own programs, and in the settings file.
"""

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    SecretKeySelectorArgs,
    SecretVolumeSourceArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from components import names, pods
from components.settings.application import Application

_PREFIX = "BG_"


def environment(
    application: Application, settings: Mapping[str, object], bootstrap_servers: pulumi.Input[str]
) -> list[EnvVarArgs]:
    """What the contract gives it, then its own, which may refer to that. settings: of those, single values."""
    given: dict[str, pulumi.Input[str]] = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in settings.items()
        if isinstance(value, str | int | float)
    }
    given |= {
        # An output in any case: what restarts the pods is the settings file's affair (`components.restarts`), and an
        # update that knows the address beforehand must come to the same pod.
        "bootstrap_servers": pulumi.Output.from_input(bootstrap_servers),
        "records_dir": names.RECORDS_DIRECTORY,
        "lifecycle_port": str(names.LIFECYCLE_PORT),
        "http_port": str(names.HTTP_PORT),
    }
    found = [EnvVarArgs(name=f"{_PREFIX}{name.upper()}", value=value) for name, value in given.items()]
    found.append(EnvVarArgs(name="SETTINGS_FILE", value=f"{names.SETTINGS_DIRECTORY}/{names.SETTINGS_FILE}"))
    found += [EnvVarArgs(name=name, value=value) for name, value in application.env.items()]
    return found + [_secret(name, place) for name, place in application.secret_env.items()]


def ports(application: Application) -> list[ContainerPortArgs]:
    """Its own ports, besides the contract's."""
    return [ContainerPortArgs(name=name, container_port=port) for name, port in application.ports.items()]


def mounts(application: Application) -> list[VolumeMountArgs]:
    """Where it has its own volumes."""
    return [pods.mount(_volume_name(number), path) for number, path in enumerate(application.volumes)]


def volumes(application: Application) -> list[VolumeArgs]:
    """Its own volumes."""
    return [_volume(_volume_name(number), kind) for number, kind in enumerate(application.volumes.values())]


def _volume_name(number: int) -> str:
    return f"own-{number}"


def _volume(name: str, kind: str) -> VolumeArgs:
    source, _, of = kind.partition("/")
    match source:
        case "configMap":
            return VolumeArgs(name=name, config_map=ConfigMapVolumeSourceArgs(name=of))
        case "secret":
            return VolumeArgs(name=name, secret=SecretVolumeSourceArgs(secret_name=of))
    return VolumeArgs(name=name, empty_dir=EmptyDirVolumeSourceArgs())


def _secret(name: str, place: str) -> EnvVarArgs:
    secret, _, key = place.partition("/")
    reference = SecretKeySelectorArgs(name=secret, key=key)
    return EnvVarArgs(name=name, value_from=EnvVarSourceArgs(secret_key_ref=reference))

"""Which images a stack runs: the sandbox's own, or those of the configuration.

The sandbox tags its images with a hash of their content and writes the references to a JSON file, whose path is in
`KAFKA_BLUEGREEN_IMAGES` (`{"workloads": "localhost/kafka-bluegreen/workloads:1f0c…", …}`). On any other cluster the
stack's configuration names them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.names import COLORS
from components.settings.models import StrategySettings
from components.settings.platform import PlatformSettings

VARIABLE = "KAFKA_BLUEGREEN_IMAGES"
# What each kind of stack runs.
PLATFORM = ("kafka", "victoriametrics")
#: And with `logs: true`.
LOGS = ("victorialogs", "vlagent")
#: With the platform's key `alerts`. The sandbox makes it only when it is asked to.
VMALERT = "vmalert"
STRATEGY = ("workloads",)
#: The controller of Argo Rollouts, with the platform's key `argo`.
ARGO_ROLLOUTS = "argo-rollouts"
#: With the platform's key `keda`.
KEDA = ("keda", "keda-metrics-apiserver")
#: Where Kafka Connect's workers do the work. The sandbox makes it only when it is asked to.
CONNECT = "connect"
#: The sandbox's second version of our consumer: what a colour can be switched to.
SECOND_VERSION = "consumer-v2"
#: What stands before the name of an image of the sandbox's own.
OWN = "sandbox:"
#: What the sandbox makes only when it is asked to, by the image's name.
_EXTRAS = {
    ARGO_ROLLOUTS: "argo",
    CONNECT: "connect",
    "faust-consumer": "faust",
    VMALERT: "alerts",
    **dict.fromkeys(LOGS, "logs"),
    **dict.fromkeys(KEDA, "keda"),
}
_ENV = 'eval "$(python -m tools.sandbox env)"'


class ImageError(ValueError):
    """An image that is not known. The message says which, and what to do."""


def sandbox_images(names: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The references of the sandbox's images called `names`. Raises `ImageError` when one is not there."""
    path = environment.get(VARIABLE)
    if not path:
        raise ImageError(
            f"images {', '.join(names)}: {VARIABLE} is not set, so the sandbox's images are not known; {_how(names)}; "
            "on another cluster, set kafka-bluegreen:images"
        )
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ImageError(
            f"images {', '.join(names)}: {VARIABLE} names {path}, which cannot be read ({error.strerror}); "
            f"{_how(names)}"
        ) from error
    except ValueError as error:
        raise ImageError(f"images {', '.join(names)}: {path} is not JSON ({error}); {_how(names)}") from error
    found = content if isinstance(content, dict) else {}
    missing = [name for name in names if not isinstance(found.get(name), str) or not found[name]]
    if missing:
        raise ImageError(f"images {', '.join(missing)}: not in {path}; {_how(missing)}")
    return {name: found[name] for name in names}


def platform_images(settings: PlatformSettings, environment: Mapping[str, str]) -> dict[str, str]:
    """The references of what the platform runs, by the sandbox's names: those of its configuration, or the sandbox's.
    Raises `ImageError`.
    """
    asked = (
        (settings.argo, (ARGO_ROLLOUTS,)),
        (settings.logs, LOGS),
        (settings.alerts, (VMALERT,)),
        (settings.keda, KEDA),
    )
    names = (*PLATFORM, *(name for wanted, own in asked if wanted for name in own))
    if settings.images is None:
        return sandbox_images(names, environment)
    given = settings.images.model_dump(exclude_none=True)
    return {name: given[field] for name in names if (field := name.replace("-", "_")) in given}


def resolved(settings: StrategySettings, environment: Mapping[str, str]) -> StrategySettings:
    """The settings, with the sandbox's own images by their references where colours name them as `sandbox:<name>`.
    Raises `ImageError` for one that the sandbox has not made.
    """
    found: dict[str, object] = {}
    for color in COLORS:
        own = getattr(settings, color)
        if own.image is not None and own.image.startswith(OWN):
            name = own.image.removeprefix(OWN)
            found[color] = own.model_copy(update={"image": sandbox_images((name,), environment)[name]})
    return settings.model_copy(update=found)


def second_version(name: str | None, given: object, environment: Mapping[str, str]) -> str | None:
    """The sandbox's image `name`; None where there is no such image, or the images are `given` by the configuration.

    Raises `ImageError`.
    """
    return None if name is None or given is not None else sandbox_images((name,), environment)[name]


def _how(names: Sequence[str]) -> str:
    extras = "".join(dict.fromkeys(f" --with {_EXTRAS[name]}" for name in names if name in _EXTRAS))
    command = f"up{extras}" if extras else "images"
    return f"run: python -m tools.sandbox {command} && {_ENV}"

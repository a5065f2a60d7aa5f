"""Settings from a YAML file and the environment, refused by name when they are wrong.

The file is named by `SETTINGS_FILE` (default `/etc/kafka-bluegreen/settings.yaml`; only the default one may be missing)
and has snake_case keys. `secrets.yaml` beside it, which most have not, has further keys: nothing of it is shown, not
even when it is wrong. `BG_<KEY>` in the environment overrides both, nested keys by `__`
(`BG_FAULTS__FAILURE_RATE=0.1`), objects as JSON.
"""

import os
import socket
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

ENV_PREFIX = "BG_"
FILE_VARIABLE = "SETTINGS_FILE"
DEFAULT_FILE = Path("/etc/kafka-bluegreen/settings.yaml")
SECRETS_FILE = "secrets.yaml"

Model = TypeVar("Model", bound=BaseModel)


class SettingsError(ValueError):
    """Settings that cannot be used. The message names every wrong key, what was given and what is allowed."""


class WorkloadSettings(BaseSettings):
    """Base of every workload's settings: environment over file over defaults; unknown keys are errors in both."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    _from_file: ClassVar[dict[str, Any]] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - part of the signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - part of the signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, InitSettingsSource(settings_cls, cls._from_file)

    @classmethod
    def load(cls, file: Path | None = None) -> Self:
        """Read the file, the secrets beside it, and the environment.

        `file` replaces what `SETTINGS_FILE` names. Raises `SettingsError` for a file that is missing (unless it is the
        default one), is not YAML or not a mapping, and for every unknown or wrong key.
        """
        named = os.environ.get(FILE_VARIABLE)
        path = file or (Path(named) if named else DEFAULT_FILE)
        content = read_yaml(path, missing_is_fine=path == DEFAULT_FILE)
        secrets = read_yaml(path.with_name(SECRETS_FILE), missing_is_fine=True, told=False)
        problems = [
            f"{name}: unknown setting; known are {', '.join(f'{ENV_PREFIX}{key.upper()}' for key in cls.model_fields)}"
            for name in os.environ
            if name.upper().startswith(ENV_PREFIX)
            and name.upper().removeprefix(ENV_PREFIX).split("__")[0].lower() not in cls.model_fields
        ]
        # A throw-away subclass carries the file's content, so that two loads never see each other's.
        sourced = type(
            cls.__name__,
            (cls,),
            {"_from_file": {**content, **secrets}, "__module__": cls.__module__, "__doc__": cls.__doc__},
        )
        try:
            loaded: Self = sourced()
        except ValidationError as error:
            problems += explain(error, secrets)
        except ValueError as error:  # pydantic-settings: an environment variable that is not the JSON it should be
            problems.append(f"environment: {error}{f' ({error.__cause__})' if error.__cause__ else ''}")
        if problems:
            raise SettingsError(
                f"settings ({path} and {ENV_PREFIX}* environment) are wrong:\n  " + "\n  ".join(problems)
            )
        return loaded

    @classmethod
    def load_or_exit(cls) -> Self:
        """`load`, for a program's start: what is wrong goes to stderr and the exit code is 2."""
        try:
            return cls.load()
        except SettingsError as error:
            print(error, file=sys.stderr)
            raise SystemExit(2) from None


def read_yaml(path: Path, *, missing_is_fine: bool, told: bool = True) -> dict[str, Any]:
    """The mapping in a YAML file; `{}` for an empty one. Raises `SettingsError` for everything else, which quotes what
    is wrong only if `told`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if missing_is_fine:
            return {}
        raise SettingsError(f"settings file {path} does not exist; {FILE_VARIABLE} names it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path} cannot be read: {error}") from error
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        if not told:
            raise SettingsError(f"settings file {path} is not YAML") from None
        raise SettingsError(f"settings file {path} is not YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise SettingsError(
            f"settings file {path} must hold a mapping of names to values, not {type(content).__name__}"
        )
    return content


def explain(error: ValidationError, secrets: Collection[str] = ()) -> list[str]:
    """One line per problem: the key's path, what is allowed, what was given, if it is of none of the keys `secrets`. Of
    a problem with all of it together, what was given is all of it.
    """
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in problem["loc"]) or "(all)"
        given = "" if not problem["loc"] or problem["loc"][0] in secrets else f" (given: {problem['input']!r})"
        if problem["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key")
        elif problem["type"] == "missing":
            lines.append(f"{where}: is required and missing")
        else:
            lines.append(f"{where}: {problem['msg']}{given}")
    return lines


def validated(model: type[Model], value: object) -> Model:
    """`value`, as it came from outside, as a `model`. Raises `SettingsError` that names every problem."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise SettingsError("; ".join(explain(error))) from error


def pod_name() -> str:
    """The pod's name from `POD_NAME`, or the host's name, which is the same in a pod without `hostNetwork`."""
    return os.environ.get("POD_NAME") or socket.gethostname()


def application_image() -> str:
    """The image that the application runs, from `APPLICATION_IMAGE`; empty where nobody says."""
    return os.environ.get("APPLICATION_IMAGE", "")


def ordinal(pod: str) -> int:
    """The number at the end of a StatefulSet pod's name. Raises `SettingsError` when there is none."""
    digits = pod.rpartition("-")[2]
    if not digits.isascii() or not digits.isdigit():
        raise SettingsError(f"pod name {pod!r} does not end in -<number>; a StatefulSet's pods do")
    return int(digits)

"""The settings of a stack: what `pulumi config` may hold, validated before anything is deployed.

In: the keys of the namespace `kafka-bluegreen:` as Pulumi hands them to a program (strings; objects as JSON). Out: a
`PlatformSettings` or a `StrategySettings`. Everything that is wrong, of an unknown name, or contradicts something else
is collected and raised as one `SettingsError` that names each key with what is allowed.

`Pulumi.yaml` declares the same keys with the same types and defaults (a test compares the two), because Pulumi checks
types and shows defaults from there. Pulumi gives every declared default to every stack, though, so a key that belongs
to the other kind of stack arrives everywhere: it is accepted if it has its default value, which says nothing, and
refused by name otherwise.

This module knows nothing of Pulumi.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from components.names import PLATFORM_STACK

NAMESPACE = "kafka-bluegreen"

Color = Literal["blue", "green"]
ClientValue = str | int | float | bool
Model = TypeVar("Model", bound=BaseModel)

#: Client settings that the protocol owns, with the reason that the user is told (design §5.1), under every name that
#: librdkafka knows them by: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
PROTOCOL_OWNED: Mapping[str, str] = {
    "group.id": "both colours share the stack's consumer group",
    "group.instance.id": "the takeover rests on it: <group>-<ordinal of the pod>",
    "enable.auto.commit": "the consumer commits what it has written down",
    "enable.auto.offset.store": "the consumer commits what it has written down",
    "auto.offset.reset": "always earliest, so that nothing is skipped",
    "session.timeout.ms": "set kafka-bluegreen:sessionTimeoutSeconds",
    "group.protocol": "set kafka-bluegreen:groupProtocol",
    "bootstrap.servers": "it comes from the platform stack",
    "metadata.broker.list": "it comes from the platform stack",
    "auto.commit.enable": "the consumer commits what it has written down",
    "statistics.interval.ms": "the consumer's metrics rest on it",
    "on_commit": "it is the consumer's own",
    "error_cb": "it is the consumer's own",
    "stats_cb": "it is the consumer's own",
}

_LIBRDKAFKA_MAX_POLL_INTERVAL_MS = 300_000
_STACK_OF_STRATEGY = re.compile(r"strategy-([a-z])(?:-.+)?")
_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


class SettingsError(ValueError):
    """Settings that cannot be deployed. `problems`: one line for each, beginning with the key's name."""

    def __init__(self, stack: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            f"the configuration of stack {stack} is refused:" + "".join(f"\n  {line}" for line in problems)
        )


def _topic_name(value: str) -> str:
    if value in {".", ".."} or value.startswith("__"):
        raise ValueError("'.', '..' and names that begin with '__' are Kafka's own")
    return value


def _text_of_whole_number(value: object) -> object:
    # `pulumi config set --path blue.version 2` writes a number; 1.10 would have lost its zero by now and is refused.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _number_of_text(value: object) -> object:
    # `pulumi config set --path green.faults.failure_rate 0.1` writes text: it knows whole numbers only.
    return float(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value) else value


def _not_protocol_owned(key: str) -> str:
    if key in PROTOCOL_OWNED:
        raise ValueError(f"it belongs to the switching protocol: {PROTOCOL_OWNED[key]}")
    return key


TopicName = Annotated[
    str,
    Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$", description="1 to 249 letters, digits, '.', '_' and '-'"),
    AfterValidator(_topic_name),
]
Version = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
        description="text of at most 63 letters, digits, '.', '_' and '-' (in quotes, if it looks like a number)",
    ),
    BeforeValidator(_text_of_whole_number),
]
ClientKey = Annotated[str, Field(pattern=r"^[a-z0-9]+([._][a-z0-9]+)*$"), AfterValidator(_not_protocol_owned)]
ImageName = Annotated[str, Field(pattern=r"^[^\s]+$", description="an image reference")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


class Faults(BaseModel):
    """What a colour does wrong on purpose (design §5.4). Being there at all, even empty, enables fault injection at run
    time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    processing_delay_ms: int = Field(default=0, ge=0, le=3_600_000)
    failure_rate: Annotated[float, BeforeValidator(_number_of_text)] = Field(default=0.0, ge=0, le=1)
    commit_delay_ms: int = Field(default=0, ge=0, le=3_600_000)
    exceed_max_poll_interval: bool = False


class ColorSettings(_Section):
    """What one colour has to itself. replicas: None means the common number; 0 scales the inactive colour down."""

    version: Version = "1"
    replicas: int | None = Field(default=None, ge=0, le=100)
    faults: Faults | None = None
    config: dict[ClientKey, ClientValue] = Field(
        default_factory=dict,
        description="client settings by their librdkafka names, but not those that the protocol owns",
    )


class PlatformImages(_Section):
    """Images of the platform, for `platform: cluster`."""

    kafka: ImageName
    victoriametrics: ImageName


class StrategyImages(_Section):
    """Images of a strategy stack, for a cluster that is not the sandbox."""

    workloads: ImageName


class PlatformSettings(_Section):
    """The settings of the stack `platform`. images: None in the sandbox, which has its own."""

    platform: Literal["sandbox", "cluster"] = "sandbox"
    images: PlatformImages | None = None


class StrategySettings(_Section):
    """The settings of a stack that deploys one strategy. Times in seconds, sizes in bytes, the rate in records per
    second.
    """

    strategy: Literal["c"]
    active: Color = "blue"
    attempt: int = Field(default=1, ge=1, le=1_000_000_000)
    topic: TopicName = "bluegreen"
    partitions: int = Field(default=12, ge=1, le=1000)
    replicas: int = Field(default=3, ge=1, le=100)
    rate: int = Field(default=100, ge=0, le=1_000_000)
    message_bytes: int = Field(default=512, ge=64, le=1_000_000)
    membership: Literal["takeover", "leave-join", "shared"] = "takeover"
    group_protocol: Literal["classic", "consumer"] = "classic"
    lag_policy: Literal["wait", "immediate"] = "wait"
    lag_timeout_seconds: int = Field(default=120, ge=1, le=3600)
    lag_threshold: int = Field(default=0, ge=0, le=1_000_000_000)
    drain_timeout_seconds: int = Field(default=10, ge=1, le=300)
    resume_timeout_seconds: int = Field(default=10, ge=1, le=300)
    session_timeout_seconds: int = Field(default=60, ge=1, le=1800)
    blue: ColorSettings = ColorSettings()
    green: ColorSettings = ColorSettings()
    images: StrategyImages | None = None

    def color(self, color: Color) -> ColorSettings:
        """The settings that `color` has to itself."""
        return self.blue if color == "blue" else self.green

    def replicas_of(self, color: Color) -> int:
        """How many pods `color` has."""
        own = self.color(color).replicas
        return self.replicas if own is None else own

    @property
    def inactive(self) -> Color:
        """The colour that is not asked for."""
        return "green" if self.active == "blue" else "blue"


@dataclass(frozen=True, slots=True)
class StackName:
    """A stack's name, which is also the namespace of what a strategy stack deploys."""

    name: str

    @property
    def is_platform(self) -> bool:
        """Whether this is the stack that the strategy stacks refer to."""
        return self.name == PLATFORM_STACK

    @property
    def consumer_group(self) -> str:
        """The consumer group of a strategy stack: one per stack, so that two stacks of one strategy do not share it."""
        return f"bluegreen-{self.name.removeprefix('strategy-')}"


def platform_settings(raw: Mapping[str, str], stack: str = PLATFORM_STACK) -> PlatformSettings:
    """The settings of the platform stack from its configuration; keys without the namespace. Raises `SettingsError`."""
    return _read(PlatformSettings, raw, stack, _platform_contradictions)


def strategy_settings(raw: Mapping[str, str], stack: str) -> StrategySettings:
    """The settings of a strategy stack from its configuration; keys without the namespace. Raises `SettingsError`."""
    return _read(
        StrategySettings, raw, stack, lambda settings: _strategy_contradictions(settings, stack), _strategy_of(raw)
    )


# -- reading -----------------------------------------------------------------------------------------------------------


def _read(
    model: type[Model],
    raw: Mapping[str, str],
    stack: str,
    contradictions: Callable[[Model], Iterator[str]],
    early: Mapping[str, str] | None = None,
) -> Model:
    """`raw` as a `model` without contradictions. early: lines that say more about a key than the model's own check of
    it would.
    """
    known = _fields(model)
    early = early or {}
    problems = list(early.values())
    values: dict[str, object] = {}
    for key in sorted(raw):
        if key in known:
            values[key] = _decoded(raw[key], known[key])
        elif not _is_foreign_default(key, raw[key]):
            problems.append(_unknown_key(key, known))
    # Pulumi has no optional object: a declared key needs a default, and {} is "nothing said".
    values = {key: value for key, value in values.items() if not (key == "images" and value == {})}
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        problems += dict.fromkeys(line for key, line in _explained(error, model) if key not in early)
        raise SettingsError(stack, problems) from None
    problems += contradictions(settings)
    if problems:
        raise SettingsError(stack, problems)
    return settings


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _decoded(text: str, field: FieldInfo) -> object:
    """What Pulumi made a string, as what it was; left as it is where it was not, for the validation to refuse it."""
    if field.annotation is int:
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else text
    if field.annotation is str or get_origin(field.annotation) is Literal:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_foreign_default(key: str, text: str) -> bool:
    """Whether this is a key of the other kind of stack with the default that `Pulumi.yaml` gives to every stack."""
    return schema_defaults().get(key, object()) == text


def schema_defaults() -> dict[str, str]:
    """Every key that `Pulumi.yaml` declares with its default, as a program is handed it."""
    defaults: dict[str, str] = {}
    for model in (PlatformSettings, StrategySettings):
        for key, field in _fields(model).items():
            default = "" if field.is_required() else field.get_default(call_default_factory=True)
            plain = {} if isinstance(default, BaseModel) or default is None else default
            defaults[key] = plain if isinstance(plain, str) else json.dumps(plain)
    return defaults


def _strategy_of(raw: Mapping[str, str]) -> dict[str, str]:
    given = raw.get("strategy", "")
    if given in {"b", "e"}:
        return {"strategy": f"{NAMESPACE}:strategy: {given!r} is not built yet; allowed: 'c'"}
    if not given:
        return {
            "strategy": f"{NAMESPACE}:strategy: is not set; allowed: 'c' (only the stack {PLATFORM_STACK!r} has none)"
        }
    return {}


# -- contradictions between keys ---------------------------------------------------------------------------------------


def _platform_contradictions(settings: PlatformSettings) -> Iterator[str]:
    if settings.platform == "sandbox" and settings.images is not None:
        yield f"{NAMESPACE}:images: contradicts platform 'sandbox', which has its own; only for platform 'cluster'"
    if settings.platform == "cluster" and settings.images is None:
        allowed = _allowed(PlatformSettings.model_fields["images"])
        yield f"{NAMESPACE}:images: is required with platform 'cluster'; allowed: {allowed}"


def _strategy_contradictions(settings: StrategySettings, stack: str) -> Iterator[str]:
    if not _DNS_LABEL.fullmatch(stack):
        yield (
            f"stack name {stack!r}: it is also the name of a namespace; allowed: at most 63 lower case letters, "
            "digits and '-', no '-' at either end"
        )
    named = _STACK_OF_STRATEGY.fullmatch(stack)
    if named and named[1] != settings.strategy:
        yield (
            f"{NAMESPACE}:strategy: {settings.strategy!r} contradicts the stack's name; "
            f"allowed in {stack}: {named[1]!r}"
        )
    if settings.replicas > settings.partitions:
        yield (
            f"{NAMESPACE}:replicas: {settings.replicas} contradicts partitions: {settings.partitions}; "
            "at most one pod for each partition, another would have nothing to do"
        )
    for color in get_args(Color):
        yield from _color_contradictions(settings, color)


def _color_contradictions(settings: StrategySettings, color: Color) -> Iterator[str]:
    replicas = settings.replicas_of(color)
    if replicas not in {0, settings.replicas}:
        yield (
            f"{NAMESPACE}:{color}.replicas: {replicas} contradicts replicas: {settings.replicas}; "
            f"allowed: {settings.replicas} (the common number), or 0 for the colour that is not active"
        )
    if replicas == 0 and settings.active == color:
        yield f"{NAMESPACE}:{color}.replicas: 0 contradicts active: {color}; only the other colour can have 0 pods"
    yield from _poll_interval_contradictions(settings, color)


def _poll_interval_contradictions(settings: StrategySettings, color: Color) -> Iterator[str]:
    """librdkafka refuses to start with a poll interval below the session timeout: better here than in a pod that never
    gets ready.
    """
    session = settings.session_timeout_seconds
    longest = _LIBRDKAFKA_MAX_POLL_INTERVAL_MS
    config = settings.color(color).config
    given = config.get("max.poll.interval.ms")
    if given is None:
        if session * 1000 > longest:
            yield (
                f"{NAMESPACE}:sessionTimeoutSeconds: {session} contradicts the client's max.poll.interval.ms of "
                f"{longest}, which may not be shorter; at most {longest // 1000}, "
                f"or set {color}.config max.poll.interval.ms"
            )
        return
    if not isinstance(given, bool) and str(given).isdigit() and int(given) < session * 1000:
        yield (
            f"{NAMESPACE}:{color}.config.max.poll.interval.ms: {given} contradicts sessionTimeoutSeconds: {session}; "
            f"at least {session * 1000}"
        )


# -- telling -----------------------------------------------------------------------------------------------------------


def _unknown_key(key: str, known: Mapping[str, FieldInfo]) -> str:
    if key in schema_defaults():
        return f"{NAMESPACE}:{key}: belongs to another kind of stack; allowed here: {', '.join(known)}"
    if key == "control":
        return f"{NAMESPACE}:control: belongs to strategy 'e', which is not built yet; allowed here: {', '.join(known)}"
    return f"{NAMESPACE}:{key}: unknown key; allowed: {', '.join(known)}"


def _explained(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """For each problem, the top-level key and a line that names the place, what was given and what is allowed."""
    for problem in error.errors(include_url=False):
        # "[key]" is pydantic's for the key of a mapping; a union's members are no place that the user wrote.
        path = [str(part) for part in problem["loc"] if part not in {"[key]", "str", "int", "float", "bool"}]
        name = f"{NAMESPACE}:{'.'.join(path)}"
        owner, field = _field_at(model, path)
        if problem["type"] == "missing":
            yield path[0], f"{name}: is required; allowed: {_allowed(field)}"
        elif problem["type"] == "extra_forbidden":
            yield path[0], f"{name}: unknown key; allowed: {', '.join(_fields(owner))}"
        else:
            why = f" ({problem['ctx']['error']})" if problem["type"] == "value_error" else ""
            yield path[0], f"{name}: {_shown(problem['input'])} is refused{why}; allowed: {_allowed(field)}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _field_at(model: type[BaseModel], path: Sequence[str]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The model and the field that a path of keys leads to; the field of the mapping for a key inside a mapping."""
    owner, field = model, None
    for key in path:
        inner = _model_of(field) if field else owner
        if inner is None:
            break
        owner, field = inner, _fields(inner).get(key)
    return owner, field


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _allowed(field: FieldInfo | None) -> str:
    """What a field takes, in words."""
    if field is None:
        return "see Pulumi.yaml"
    inner = _model_of(field)
    if inner is not None:
        return f"an object with {', '.join(_fields(inner))}"
    if field.description:
        return field.description
    choices = [value for value in get_args(field.annotation) if isinstance(value, str)]
    if choices:
        return " or ".join(repr(value) for value in choices)
    bounds = {key: getattr(item, key) for item in field.metadata for key in ("ge", "le") if hasattr(item, key)}
    kind: Any = next((k for k in (field.annotation, *get_args(field.annotation)) if k in (int, float, bool)), None)
    words = {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text")
    return f"{words} from {bounds['ge']:g} to {bounds['le']:,}".replace(",", "") if bounds else words

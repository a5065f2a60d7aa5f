"""Runs a part of the program with Pulumi's mocks and keeps what it registered, with parents and dependencies."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc

PLATFORM_OUTPUTS = {"bootstrapServers": "kafka.kafka-bluegreen.svc.cluster.local:9092", "platform": "sandbox"}


#: The key by which what is sent to the engine says that it is a secret.
SIGNATURE = "4dabf18193072939515e22adb298388d"


@dataclass(frozen=True)
class Registered:
    """One resource as the engine was told of it. parent, dependencies: by `kind/name`, as in `of`. ignored: properties
    whose changes are. retained: it stays when it is taken away.
    """

    type: str
    name: str
    parent: str
    dependencies: frozenset[str]
    inputs: Mapping[str, Any]
    delete_before_replace: bool
    timeouts: tuple[str, str]
    ignored: tuple[str, ...]
    retained: bool = False


def short(urn: str) -> str:
    """`StatefulSet/consumer-blue` for a URN; empty for the stack and for none."""
    if not urn or "pulumi:pulumi:Stack::" in urn:
        return ""
    kind = urn.split("::")[2].rpartition(":")[2]
    return f"{kind}/{urn.rpartition('::')[2]}"


@dataclass
class Recorder(mocks.MockMonitor):
    """Stands for the engine. order: everything in the order of its registration. outputs: what the program returned,
    but for what stayed unknown.
    """

    platform: Mapping[str, Any] = field(default_factory=lambda: PLATFORM_OUTPUTS)
    order: list[Registered] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(Answers(self))

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the engine's name
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            self.order.append(
                Registered(
                    type=request.type,
                    name=request.name,
                    parent=short(request.parent),
                    dependencies=frozenset(short(urn) for urn in request.dependencies),
                    inputs=rpc.deserialize_properties(request.object),
                    delete_before_replace=request.deleteBeforeReplace,
                    timeouts=(request.customTimeouts.create, request.customTimeouts.update),
                    ignored=tuple(request.ignoreChanges),
                    retained=request.retainOnDelete,
                )
            )
        return response

    @property
    def by_name(self) -> dict[str, Registered]:
        """Everything by `kind/name`."""
        return {f"{resource.type.rpartition(':')[2]}/{resource.name}": resource for resource in self.order}

    def of(self, kind: str) -> dict[str, Registered]:
        """The resources of a kind by their name."""
        return {resource.name: resource for resource in self.order if resource.type.endswith(f":{kind}")}

    def secret_name(self, name: str) -> str:
        """What a Secret is called that was registered without a name of its own."""
        return f"{name}-made-up"

    def position(self, key: str) -> int:
        """At which place `kind/name` was registered."""
        return list(self.by_name).index(key)


class Answers(mocks.Mocks):
    """What the engine and the providers answer."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        assert args.token.endswith(":readStackOutputs"), args.token
        return {"name": args.args["name"], "outputs": dict(self.recorder.platform)}, []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            return args.name, {"name": args.name, "outputs": dict(self.recorder.platform), "secretOutputNames": []}
        made = dict(args.inputs)
        if args.typ.endswith(":Secret") and "name" not in made["metadata"]:
            made["metadata"] = {**made["metadata"], "name": self.recorder.secret_name(args.name)}
        return f"{args.name}-id", made


def deploy(
    program: Callable[[], object],
    *,
    stack: str = "strategy-c",
    preview: bool = False,
    platform: Mapping[str, Any] = PLATFORM_OUTPUTS,
) -> Recorder:
    """Run `program` to its end as `pulumi up` (or `preview`) of `stack` would. Raises what it raises."""
    recorder = Recorder(platform=platform)
    # Pulumi takes the thread's event loop; after `asyncio.run`, as a test before may have called it, there is none.
    try:
        asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(
        recorder.mocks,
        project="kafka-bluegreen",
        stack=stack,
        preview=preview,
        monitor=recorder,
        organization="organization",
    )

    def whole() -> None:
        made = program()
        for name, value in made.items() if isinstance(made, Mapping) else ():
            pulumi.Output.from_input(value).apply(partial(recorder.outputs.__setitem__, name))

    # Waits for everything that was registered, and raises what was raised while it was.
    pulumi.runtime.test(whole)()  # type: ignore[no-untyped-call]
    return recorder

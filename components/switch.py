"""The switch: which colour shall be active, as an object that the controller carries out, and the check of what came of
it.

`pulumi up` waits until the controller has settled this generation, one way or the other (`pulumi.com/waitFor` on the
condition `Settled`, whose own observedGeneration Pulumi respects: a stale one does not count). Settled is also a switch
that failed, so the live object is then read, on every `up`, also when there was nothing to change: Pulumi does not look
at an object that it has nothing to write to."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import names, switch_words
from components.before import Before
from components.cluster.access import ClusterAccess
from components.live_switch import Expectation, Object, SwitchError
from components.settings import StrategySettings

_MARGIN_SECONDS = 30
_ANALYSIS_GRACE_SECONDS = 5


@dataclass(frozen=True)
class SwitchArgs:
    """namespace: the stack's, also by its plain name for the check. spec: the object's, as the strategy has it, all of
    it. access: the cluster's, for the check. found: what the cluster had before the update. besides: what else there is
    to be told when the check fails; empty for nothing.
    """

    namespace: pulumi.Input[str]
    namespace_name: str
    settings: StrategySettings
    spec: Mapping[str, Any]
    access: ClusterAccess
    found: Before
    besides: Callable[[], Awaitable[str]] | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """switch: the live object as the check left it. problem: why the check failed; empty when it did not."""

    switch: Object | None
    problem: str = ""


class Switch(pulumi.ComponentResource):
    """The KafkaConsumerSwitch.

    checked: the resource, once the colour asked for was seen active; what may only happen after a good switch depends
    on it. In a preview it is there at once.

    outputs: the stack's outputs that say what is (`switch_words.OUTPUTS`), also when the check fails. In a preview they
    say what is now: the update alone can tell what will be."""

    checked: pulumi.Output[pulumi.Resource]
    outputs: Mapping[str, pulumi.Output[Any]]

    def __init__(self, name: str, args: SwitchArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:Switch", name, None, opts)
        timeout = settle_timeout_seconds(args.settings)
        self.resource = CustomResource(
            name,
            api_version=f"{names.GROUP}/{names.SWITCH_VERSION}",
            kind=names.SWITCH_KIND,
            metadata=ObjectMetaArgs(
                name=names.SWITCH_NAME,
                namespace=args.namespace,
                labels=names.labels(names.CONSUMER),
                # The same before, during and after a switch: a switch shows one changed field.
                annotations={"pulumi.com/waitFor": "condition=Settled", "pulumi.com/timeoutSeconds": str(timeout)},
            ),
            spec=dict(args.spec),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=_the_scalers(args)),
        )
        expected = Expectation(
            namespace=args.namespace_name,
            name=names.SWITCH_NAME,
            active=args.settings.active,
            attempt=args.settings.attempt,
            timeout_seconds=timeout,
            ready_seconds=args.settings.ready_timeout_seconds,
            rests=args.settings.rests,
        )

        async def look(_urn: str) -> _Seen:
            if pulumi.runtime.is_dry_run():
                self._foresee(args)
                return _Seen(args.found.switch)
            try:
                live = await asyncio.to_thread(_check, expected, args.access)
            except SwitchError as problem:
                besides = await args.besides() if args.besides else ""
                return _Seen(problem.switch, "\n".join(filter(None, (str(problem), besides))))
            pulumi.log.info(switch_words.happened(args.found.switch, live), self.resource)
            return _Seen(live)

        def require(seen: _Seen) -> pulumi.Resource:
            if seen.problem:
                raise pulumi.RunError(seen.problem)
            return self.resource

        # The URN is known once the object is written and settled, and known in every preview: nothing downstream
        # becomes unknown there.
        seen: pulumi.Output[_Seen] = self.resource.urn.apply(look)
        self.checked = seen.apply(require)
        self.outputs = {name: seen.apply(partial(_output, name)) for name in switch_words.OUTPUTS}
        self.register_outputs({"name": names.SWITCH_NAME})

    def _foresee(self, args: SwitchArgs) -> None:
        """Says in a preview whether the switch would be refused now; a preview never fails by that."""
        found = args.found
        if found.unknown:
            warning = (
                "who is active now, and whether a switch would be refused, is not known, so this preview changes the "
                "images of both colours: the cluster cannot be read"
            )
            pulumi.log.warn(f"{warning}: {found.unknown}", self.resource)
        elif found.switch is not None:
            warning, line = switch_words.foreseen(found.switch, args.spec)
            if warning:
                pulumi.log.warn(warning, self.resource)
            elif line:
                pulumi.log.info(line, self.resource)


def _output(name: str, seen: _Seen) -> Any:
    """One of the outputs; unknown in a preview that has no live object to tell it from."""
    if seen.switch is None:
        return pulumi.UNKNOWN if pulumi.runtime.is_dry_run() else None
    return switch_words.outputs(seen.switch)[name]


def _check(expected: Expectation, access: ClusterAccess) -> Object:
    # Their imports take time that the switch would wait for.
    from components.live_reader import check  # noqa: PLC0415
    from components.topic_again import make_again  # noqa: PLC0415

    try:
        return check(expected, access)
    except SwitchError:
        if not make_again(expected, access, pulumi.log.info):
            raise
        return check(expected, access)


def _the_scalers(args: SwitchArgs) -> list[str]:
    """What is a scaler's once it is there: the number. Where there is none yet it is written: Pulumi takes what it is
    to ignore out of what is wanted if it has not written it before, and there is no scale without a number.
    """
    live = (args.found.switch or {}).get("spec") or {}
    there = bool(args.found.unknown) or "replicas" in live
    return ["spec.replicas"] if args.settings.scaling is not None and there else []


def settle_timeout_seconds(settings: StrategySettings) -> int:
    """How long a switch may take at most, in seconds: members and lag waited for, one hand-off that times out, another
    one back, the analysis in between, and a margin.

    It does not depend on the lag policy, so that a change of it shows as what it is.
    """
    analysis = settings.analysis.longest_seconds + _ANALYSIS_GRACE_SECONDS if settings.analysis else 0
    return (
        settings.ready_timeout_seconds
        + settings.lag_timeout_seconds
        + 2 * (settings.drain_timeout_seconds + settings.resume_timeout_seconds)
        + analysis
        + _MARGIN_SECONDS
    )

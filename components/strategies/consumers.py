"""What the strategies share whose colours are our consumers: a StatefulSet of them for each colour.

No strategy by itself: nothing in here registers one.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from components import names
from components.names import COLORS, Color
from components.settings import ConsumerColorSettings, values
from components.strategies.base import Colors, PlainSite, Site, Target
from components.strategies.parts import STATEFUL_SET, Part, Parts, ours

if TYPE_CHECKING:
    import pulumi

    from components.consumer_set import ConsumerSetArgs

#: Each member is a consumer that does its work itself, and writes down what it has handled.
PARTS = Parts(
    members=Part(
        names.CONSUMER,
        {color: names.consumer_set(color) for color in COLORS},
        ours(names.CONSUMER),
        answers=(names.HTTP_PORT, "/progress"),
    ),
    # What a consumer and its sidecar were told, and answered, stands nowhere else.
    logged=(names.CONSUMER,),
)


class Consumers(Colors):
    """A StatefulSet of consumers for each colour, and one account for the sidecars of both.

    own: by colour, what the strategy adds to the settings file of its consumers; what the configuration decides and
    the colour's name are in it already.
    """

    def __init__(self, site: Site, own: Mapping[Color, Mapping[str, object]]) -> None:
        from components.access import Access, AccessArgs, sidecar_rules  # noqa: PLC0415 - see `components.strategies`

        self._site, self._own = site, own
        self._sidecars = Access("consumer", AccessArgs(site.namespace, sidecar_rules()))

    def color(self, color: Color, after: "pulumi.Input[Any]") -> "pulumi.Input[pulumi.Resource]":
        """The set `consumer-<color>`; see Colors."""
        import pulumi  # noqa: PLC0415 - see `components.strategies`

        from components.consumer_set import ConsumerSet  # noqa: PLC0415
        from components.rollout import rolled_out  # noqa: PLC0415

        site, name = self._site, names.consumer_set(color)
        args = _args(site, color, self._own[color], self._sidecars.account)
        made = ConsumerSet(name, args, pulumi.ResourceOptions(depends_on=after))
        if not args.scaled or site.access is None:
            return made
        waited: pulumi.Output[pulumi.Resource] = rolled_out(
            made, made.stateful_set.urn, STATEFUL_SET.path(site.stack.name, name), site.access
        )
        return waited


def restarted_by(
    site: PlainSite, color: Color, own: Mapping[Color, Mapping[str, object]]
) -> Mapping[Target, Mapping[str, str]]:
    """`Strategy.restarted_by` of such colours. own: as for `Consumers`."""
    from components.consumer_set import of_consumers  # noqa: PLC0415 - see `components.strategies`

    target = (STATEFUL_SET, names.consumer_set(color))
    return {target: of_consumers(_args(site, color, own[color], account=""), site.bootstrap_servers)}


def _args(site: Site, color: Color, own: Mapping[str, object], account: "pulumi.Input[str]") -> "ConsumerSetArgs":
    from components.consumer_set import ConsumerSetArgs  # noqa: PLC0415 - see `components.strategies`

    settings = site.settings
    of_color = settings.color(color)
    faulty = isinstance(of_color, ConsumerColorSettings) and of_color.faults is not None
    # What the project runs beside the application; and the application, where nobody has said which.
    programs = [names.SIDECAR] if of_color.image else [names.SIDECAR, names.CONSUMER]
    images = site.images_for(color, dict.fromkeys(programs, site.images["workloads"]))
    return ConsumerSetArgs(
        namespace=site.namespace,
        image=of_color.image or images[names.CONSUMER],
        sidecar_image=images[names.SIDECAR],
        version=of_color.version,
        bootstrap_servers=site.bootstrap_servers,
        service_account=account,
        color=color,
        strategy=settings.strategy,
        replicas=settings.replicas_of(color),
        scaled=settings.scaling is not None,
        drain_timeout_seconds=settings.drain_timeout_seconds,
        resume_timeout_seconds=settings.resume_timeout_seconds,
        settings={
            **values.consumer_settings(settings, color),
            **own,
            "color": color,
            "faults_enabled": faulty,
        },
        secrets=values.consumer_secrets(settings, color),
        application=of_color.application if isinstance(of_color, ConsumerColorSettings) else None,
    )

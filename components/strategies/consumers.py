"""What the strategies share whose colours are our consumers: a StatefulSet of them for each colour.

No strategy by itself: nothing in here registers one.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from components import names
from components.settings import ConsumerColorSettings, values
from components.settings.types import Color
from components.strategies.base import COLORS, Colors, Site
from components.strategies.parts import Part, Parts, ours

if TYPE_CHECKING:
    import pulumi

#: Each member is a consumer that does its work itself, and writes down what it has handled.
PARTS = Parts(
    members=Part(
        names.CONSUMER,
        {color: names.consumer_set(color) for color in COLORS},
        ours(names.CONSUMER),
        answers=(names.HTTP_PORT, "/progress"),
    )
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

    def color(self, color: Color, after: "pulumi.Input[Any]") -> "pulumi.Resource":
        """The set `consumer-<color>`; see Colors."""
        import pulumi  # noqa: PLC0415 - see `components.strategies`

        from components.consumer_set import ConsumerSet, ConsumerSetArgs  # noqa: PLC0415

        site, settings = self._site, self._site.settings
        own = settings.color(color)
        faulty = isinstance(own, ConsumerColorSettings) and own.faults is not None
        return ConsumerSet(
            names.consumer_set(color),
            ConsumerSetArgs(
                namespace=site.namespace,
                image=site.images["workloads"],
                bootstrap_servers=site.bootstrap_servers,
                service_account=self._sidecars.account,
                color=color,
                strategy=settings.strategy,
                replicas=settings.replicas_of(color),
                drain_timeout_seconds=settings.drain_timeout_seconds,
                resume_timeout_seconds=settings.resume_timeout_seconds,
                settings={
                    **values.consumer_settings(settings, color),
                    **self._own[color],
                    "color": color,
                    "faults_enabled": faulty,
                },
                secrets=values.consumer_secrets(settings, color),
            ),
            pulumi.ResourceOptions(depends_on=after),
        )

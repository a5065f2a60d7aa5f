"""What the pair consists of, as it is: an update that gave it another shape may have ended anywhere on its way."""

from components.names import COLORS
from experiments.lab import Lab


def look(lab: Lab) -> None:
    """Have the lab know how many pods each colour is told to have, and the partitions that the switch is asked for.
    Raises ClusterError.
    """
    part = lab.parts.at_work
    lab.sizes = {
        color: int(lab.cluster.get(part.kind.path(lab.namespace, part.object(color)))["spec"]["replicas"])
        for color in COLORS
    }
    live = lab.cluster.switch(lab.namespace)
    partitions = int(live.raw["spec"].get("partitions", lab.settings.partitions))
    if partitions != lab.settings.partitions:
        lab.settings = lab.settings.model_copy(update={"partitions": partitions})
        lab.lag.of_partitions(partitions)

"""Who gives a pair its number of pods, in the place of the configuration: KEDA, by the lag of its group."""

from pydantic import Field

from components.settings.declare import Section


class Scaler(Section):
    """Between which numbers the pods of each colour are, and by what lag. Both numbers have to be given."""

    min: int = Field(ge=1, le=100, description="the fewest pods of each colour")
    max: int = Field(ge=1, le=100, description="the most pods of each colour; at most one per partition")
    lag_per_pod: int = Field(
        default=1000,
        ge=1,
        le=1_000_000_000,
        description="records of lag for each pod: more, for ten seconds on end, ask for more pods",
    )
    scale_in_seconds: int = Field(
        default=300, ge=0, le=3600, description="for how long fewer pods have to have been enough before some go"
    )

"""What a colour that was switched to has to show before the switch counts, in its two forms: counted by the controller
itself from what its members tell, or judged by an AnalysisRun of Argo Rollouts.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from components.settings.declare import Allowed, Goes, Section
from components.settings.types import Fraction

_DNS_NAME = r"^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$"
_ARGUMENT = r"^[A-Za-z0-9]([-_A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
_MOST_TEMPLATES, _MOST_ARGS, _LONGEST_ARG = 10, 50, 1000


def _tuple_of_list(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _text_of_number(value: object) -> object:
    # `pulumi config set --path analysis.args.max-lag 100` writes a number.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Template = Annotated[str, Field(pattern=_DNS_NAME)]
ArgumentName = Annotated[str, Field(pattern=_ARGUMENT)]
Argument = Annotated[str, BeforeValidator(_text_of_number), Field(max_length=_LONGEST_ARG)]

#: Of the switch's `spec.analysis`: one of the two forms, whole, and nothing of the other.
RULES = (
    (
        "has(self.templates) || (has(self.seconds) && has(self.maxErrorRate))",
        "analysis needs seconds and maxErrorRate, or templates",
    ),
    (
        "!has(self.templates) || (has(self.timeoutSeconds) && !has(self.seconds) && !has(self.maxErrorRate))",
        "analysis by templates needs timeoutSeconds, and has neither seconds nor maxErrorRate",
    ),
)


class Analysis(Section):
    """What the new colour has to show after the hand-off before the switch counts: `seconds` and `maxErrorRate`, or
    `templates` and `timeoutSeconds`.
    """

    seconds: Annotated[int | None, Goes(spec=True)] = Field(
        default=None, ge=1, le=3600, description="how long the new colour is watched"
    )
    max_error_rate: Annotated[
        Fraction | None,
        Goes(spec=True, schema={"type": "number", "minimum": 0, "maximum": 1}),
        Allowed("a number from 0 to 1"),
    ] = Field(
        default=None, description="the share of its records that may be handled with an error; more leads to a rollback"
    )
    min_records: Annotated[int, Goes(spec=True)] = Field(
        default=1, ge=1, le=1_000_000_000, description="with fewer handled records it is inconclusive"
    )
    min_throughput: Annotated[Fraction, Goes(spec=True)] = Field(
        default=0.0,
        description="the share of the records that come in meanwhile that it has to handle; fewer leads to a rollback, "
        "0 asks for none",
    )
    max_restarts: Annotated[int, Goes(spec=True)] = Field(
        default=0,
        ge=0,
        le=1000,
        description="how often in all its containers may end meanwhile and be started again; more leads to a rollback",
    )
    templates: Annotated[
        tuple[Template, ...] | None,
        Goes(
            spec=True,
            schema={
                "minItems": 1,
                "maxItems": _MOST_TEMPLATES,
                "items": {"type": "string", "maxLength": 63, "pattern": _DNS_NAME},
            },
        ),
        BeforeValidator(_tuple_of_list),
        Allowed("a list of names of AnalysisTemplates"),
    ] = Field(
        default=None,
        max_length=_MOST_TEMPLATES,
        description="in place of all that but maxRestarts: AnalysisTemplates of Argo Rollouts in the stack's "
        "namespace, error-rate, throughput and lag among them, by which an AnalysisRun judges",
    )
    args: Annotated[
        dict[ArgumentName, Argument] | None,
        Goes(
            spec=True,
            schema={
                "maxProperties": _MOST_ARGS,
                "additionalProperties": {"type": "string", "maxLength": _LONGEST_ARG},
            },
        ),
        Allowed("names of arguments of the templates, and their values"),
    ] = Field(default=None, max_length=_MOST_ARGS, description="arguments of the templates")
    timeout_seconds: Annotated[int | None, Goes(spec=True)] = Field(
        default=None, ge=1, le=3600, description="an AnalysisRun without a verdict by then is inconclusive"
    )
    on_inconclusive: Annotated[
        Literal["rollback", "accept"], Goes(spec=True, words={"rollback": "RollBack", "accept": "Accept"})
    ] = Field(default="rollback", description="what an analysis leads to that could not be made, or saw too little")

    @model_validator(mode="after")
    def _one_form(self) -> "Analysis":
        given = self.model_fields_set
        other: tuple[str, ...]
        if self.templates is None:
            if self.seconds is None:
                raise ValueError("seconds is required without templates: a whole number from 1 to 3600")
            if self.max_error_rate is None:
                raise ValueError("maxErrorRate is required without templates: a number from 0 to 1")
            other, why = ("args", "timeout_seconds"), "templates is not given, whose it is"
        else:
            if not self.templates:
                raise ValueError("templates: names none; at least one AnalysisTemplate")
            if self.timeout_seconds is None:
                raise ValueError("timeoutSeconds is required with templates: a whole number from 1 to 3600")
            other = ("seconds", "max_error_rate", "min_records", "min_throughput")
            why = "contradicts templates, by which an AnalysisRun judges: give it to them in args"
        for name in other:
            if name in given and getattr(self, name) is not None:
                raise ValueError(f"{type(self).model_fields[name].alias}: {why}")
        return self

    @property
    def longest_seconds(self) -> int:
        """After so long there is a verdict, but for the moment in which it is seen."""
        return self.timeout_seconds or self.seconds or 0

"""The AnalysisTemplates of a strategy's stack: what a colour is judged by that was switched to, against the metrics
store of the platform.

The switch's controller gives them who is judged, since when, and before whom; a stack's `analysis.args` give them other
limits than the defaults here. A measurement that found nothing, or no number, is inconclusive: neither condition holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import names
from components.argo.crds import GROUP_VERSION
from components.observability.names import GROUP_LAG, RECORDS

KIND = "AnalysisTemplate"
ERROR_RATE, THROUGHPUT, LAG = NAMES = ("error-rate", "throughput", "lag")

#: What the switch's controller says: of each template those that it declares.
_NAMESPACE, _COLOR, _OTHER, _GROUP, _SINCE = "namespace", "color", "other-color", "group", "since"
_AFTER_ERROR = 1  # a store that is away for a moment is asked once more; the second time it is an error


def specs(metrics_url: str) -> dict[str, dict[str, Any]]:
    """Of each template its `spec`. metrics_url: the metrics store's, inside the cluster."""
    handled = _of_color(RECORDS, _COLOR)
    failed = _of_color(RECORDS, _COLOR, result="failed")
    window, limits = "[{{args.window}}]", {"window": "5s"}
    return {
        ERROR_RATE: _spec(
            ERROR_RATE,
            metrics_url,
            query=f"sum(increase({failed}{window})) / sum(increase({handled}{window}))"
            f" and sum(increase({handled}{window})) >= {{{{args.min-records}}}}",
            passes="result[0] <= {{args.max-error-rate}}",
            fails="result[0] > {{args.max-error-rate}}",
            says=(_NAMESPACE, _COLOR),
            defaults={**limits, "max-error-rate": "0.05", "min-records": "20"},
            first="3s",
            count=5,
            # Who is slow, or was granted between two scrapes, has not handled so many at the first look.
            unclear=2,
        ),
        # The rate before the switch is the old colour's, by its own scrapes up to the grant; one that handled nothing
        # is nothing to compare with. The first look comes when the window has nothing in it any more that was before
        # the grant.
        THROUGHPUT: _spec(
            THROUGHPUT,
            metrics_url,
            query=f"sum(rate({handled}{window}))"
            f" / (sum(rate({_of_color(RECORDS, _OTHER)}{window} @ {{{{args.{_SINCE}}}}})) > 0)",
            passes="result[0] >= {{args.min-throughput}}",
            fails="result[0] < {{args.min-throughput}}",
            says=(_NAMESPACE, _COLOR, _OTHER, _SINCE),
            defaults={**limits, "min-throughput": "0.9"},
            first="7s",
            count=3,
        ),
        LAG: _spec(
            LAG,
            metrics_url,
            query=f'sum({GROUP_LAG}{{namespace="{{{{args.{_NAMESPACE}}}}}",group="{{{{args.{_GROUP}}}}}"}})',
            passes="result[0] <= {{args.max-lag}}",
            fails="result[0] > {{args.max-lag}}",
            says=(_NAMESPACE, _GROUP),
            defaults={"max-lag": "500"},
            first="4s",
            count=4,
        ),
    }


def _of_color(metric: str, color: str, **labels: str) -> str:
    """The series of one colour in the stack's namespace. color: the argument that names it."""
    more = "".join(f',{name}="{value}"' for name, value in labels.items())
    return f'{metric}{{namespace="{{{{args.{_NAMESPACE}}}}}",color="{{{{args.{color}}}}}"{more}}}'


def _spec(
    name: str,
    metrics_url: str,
    *,
    query: str,
    passes: str,
    fails: str,
    says: tuple[str, ...],
    defaults: Mapping[str, str],
    first: str,
    count: int,
    unclear: int = 0,
) -> dict[str, Any]:
    """One metric, measured `count` times, two seconds apart, for the first time after `first`; once failed is failed.

    passes, fails: of a result that is there. unclear: how many measurements may find nothing. says: the arguments that
    the controller gives.
    """
    return {
        "args": [
            *({"name": name} for name in says),
            *({"name": name, "value": value} for name, value in defaults.items()),
        ],
        "metrics": [
            {
                "name": name,
                "initialDelay": first,
                "interval": "2s",
                "count": count,
                "failureLimit": 0,
                "inconclusiveLimit": unclear,
                "consecutiveErrorLimit": _AFTER_ERROR,
                "successCondition": f"len(result) > 0 && {passes}",
                "failureCondition": f"len(result) > 0 && {fails}",
                "provider": {"prometheus": {"address": metrics_url, "query": query, "timeout": 5}},
            }
        ],
    }


def _of(template: str, metrics_url: str) -> dict[str, Any]:
    return specs(metrics_url)[template]


@dataclass(frozen=True)
class TemplatesArgs:
    """namespace: the stack's. metrics_url: the platform's metrics store."""

    namespace: pulumi.Input[str]
    metrics_url: pulumi.Input[str]


class Templates(pulumi.ComponentResource):
    """The AnalysisTemplates `error-rate`, `throughput` and `lag`. all: once they are there."""

    def __init__(self, name: str, args: TemplatesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kafka-bluegreen:component:AnalysisTemplates", name, None, opts)
        url = pulumi.Output.from_input(args.metrics_url)
        self.all = [
            CustomResource(
                f"{name}-{template}",
                api_version=GROUP_VERSION,
                kind=KIND,
                metadata=ObjectMetaArgs(name=template, namespace=args.namespace, labels=names.labels(names.CONTROLLER)),
                spec=url.apply(partial(_of, template)),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for template in NAMES
        ]
        self.register_outputs({"names": list(NAMES)})

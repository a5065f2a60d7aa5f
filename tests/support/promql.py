"""What is wrong with a PromQL expression, by its parsed form: for those of dashboards and alerts."""

from collections.abc import Collection, Iterator

import promql_parser

from components.observability.names import HISTOGRAMS, series
from components.observability.panels import WINDOW

#: What reads how much a counter has grown; nothing else may read one.
GROWTH = {"rate", "increase", "changes"}
_SUFFIXES = ("_total", "_bucket", "_sum", "_count")
Node = object


def faults(expr: str, *, one_stack: bool, known: Collection[str] = ()) -> list[str]:
    """What is wrong with it, one a line. one_stack: it is of the stack `$namespace` alone, as a panel is; else it tells
    stacks apart by the label `namespace`, as a rule does. known: names besides those of the list.
    """
    try:
        root = promql_parser.parse(expr.replace(WINDOW, "1m"))
    except ValueError as error:
        return [f"cannot be parsed: {error}"]
    names = series() | set(known)
    found: list[str] = []
    for node, parents in _walk(root, ()):
        if isinstance(node, promql_parser.VectorSelector):
            found += _of_a_selector(node, parents, names, one_stack=one_stack)
        elif isinstance(node, promql_parser.AggregateExpr) and not one_stack:
            found += [] if _kept(node) else [f"adds up stacks: {node}"]
        elif isinstance(node, promql_parser.BinaryExpr) and not one_stack:
            found += [] if _matched(node) else [f"matches stacks with each other: {node}"]
        elif isinstance(node, promql_parser.SubqueryExpr) and any(_is_rate(parent) for parent in parents):
            found.append(f"adds up before it takes the rate: {node}")
    return found


def selectors(expr: str) -> Iterator[str]:
    """The names of the series that it reads."""
    for node, _ in _walk(promql_parser.parse(expr.replace(WINDOW, "1m")), ()):
        if isinstance(node, promql_parser.VectorSelector) and node.name:
            yield node.name


def _of_a_selector(
    node: promql_parser.VectorSelector, parents: tuple[Node, ...], names: Collection[str], *, one_stack: bool
) -> Iterator[str]:
    if node.name not in names:
        yield f"nobody exports {node.name}"
    own = {(m.name, m.value) for m in node.matchers.matchers if m.op == promql_parser.MatchOp.Equal}
    if one_stack and ("namespace", "$namespace") not in own:
        yield f"is of every stack: {node}"
    counts = str(node.name).endswith(_SUFFIXES) or node.name in HISTOGRAMS
    if counts and not any(isinstance(p, promql_parser.Call) and p.func.name in GROWTH for p in parents):
        yield f"takes a counter for a value: {node.name}"


def _is_rate(node: Node) -> bool:
    return isinstance(node, promql_parser.Call) and node.func.name in {"rate", "increase"}


def _kept(node: promql_parser.AggregateExpr) -> bool:
    modifier = node.modifier
    return modifier is not None and modifier.type == promql_parser.AggModifierType.By and "namespace" in modifier.labels


def _matched(node: promql_parser.BinaryExpr) -> bool:
    """Whether the two sides are of one stack: by the labels that they are matched on, or by all."""
    matching = None if node.modifier is None else node.modifier.matching
    return matching is None or "namespace" in matching.labels


def _walk(node: Node, parents: tuple[Node, ...]) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    yield node, parents
    below = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "vector_selector", "param")]
    for child in [*below, *(getattr(node, "args", None) or ())]:
        if isinstance(child, promql_parser.Expr):
            yield from _walk(child, (*parents, node))

"""The table as a page, for whoever looks for a line by hand."""

from experiments.logs.items import ITEMS, Question

_WHAT = (
    "What the plan wants to be seen in the logs before and after a test, where it is found, and what is normal. Made "
    "from `experiments/logs/items.py` by `python -m experiments logs --page`; a test compares. A run on a platform "
    "with `logs: true` asks for all of it before its scenario and after it, and its `result.json` has the answers "
    "under `logs`. By hand: `python -m experiments logs --stack strategy-c`; `--queries` prints them ready for the "
    "store's own page. No verdict rests on a log."
)
_HOW = (
    "In a query `$of` is a span of time, `$member`, `$sidecar`, `$controller`, `$worker` and `$broker` are filters of "
    "the streams of these containers, and `$groups` is a regular expression of the switch's consumer groups. `lines` "
    "counts, `bad` counts those that are never normal; the other figures tell more. What is normal is said of a span "
    "with switches that moved the grant; in a span without one only failures are compared."
)


def page() -> str:
    """The page as Markdown, with the line break at its end."""
    lines = ["# Log items", "", _WHAT, "", _HOW, ""]
    for number, item in enumerate(ITEMS, 1):
        lines += [f"## {number}. {item.of}: {item.plan}", "", f"Key `{item.key}`.", ""]
        if item.consumers == item.connectors:
            lines += _told("", item.consumers)
        else:
            lines += _told("Colours that are consumers: ", item.consumers)
            lines += _told("Colours that are connectors: ", item.connectors)
    return "\n".join(lines).rstrip("\n") + "\n"


def _told(whose: str, asked: Question) -> list[str]:
    normal = f"Normal: {asked.normal.words}"
    normal += f"; never: {asked.bad}." if asked.bad else "."
    own = " Another application than this project's is not compared." if asked.ours else ""
    return [f"{whose}{asked.says}. {normal}{own}", "", "```", asked.query, "```", ""]

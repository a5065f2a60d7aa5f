"""`python -m experiments review`: what a pull request would do to a stack's switch, as one comment in Markdown.

From `pulumi preview --json` and the live object, and pure of both: which way, between which versions, by which lines;
whether it would be refused now; what else would change; and how the last switches went.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.names import SWITCH_KIND
from components.switch_words import foreseen
from experiments.errors import ExperimentError
from experiments.measurements import Distribution
from experiments.past_switches import Past, past_of
from experiments.tables import markdown

#: By which the workflow finds the comment that it has made before, and puts the new one in its place.
MARKER = "<!-- kafka-bluegreen: review of {stack} -->"
_UNCHANGED = frozenset({"same", "read", "refresh"})
_MOST_PATHS, _MOST_CHANGES, _MOST_ERRORS = 4, 20, 3
_GONE = "(nothing)"

Step = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """What of `pulumi preview --json` is looked at. changes: the steps that change something. switch: that of the
    switch, whether it changes or not; None where there is none. wanted: its spec as it would be; None where it would
    not be there. errors: why the preview failed.
    """

    changes: tuple[Step, ...]
    switch: Step | None
    errors: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Preview":
        """Raises ExperimentError for what is no preview."""
        try:
            content = json.loads(text)
            steps = tuple(content.get("steps") or ())
            switch = next((s for s in steps if str(s["urn"]).split("::")[2].endswith(f":{SWITCH_KIND}")), None)
            changes = tuple(step for step in steps if step["op"] not in _UNCHANGED)
            said = tuple(str(d["message"]) for d in content.get("diagnostics") or () if d.get("severity") == "error")
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ExperimentError(f"no output of pulumi preview --json ({error!r}): {text[:200]!r}") from None
        return cls(changes, switch, said)

    @property
    def wanted(self) -> Mapping[str, Any] | None:
        return None if self.switch is None else _spec(self.switch, "newState")

    @property
    def before(self) -> Mapping[str, Any] | None:
        """The switch's spec as Pulumi wrote it last; None where it is new."""
        return None if self.switch is None else _spec(self.switch, "oldState")

    @property
    def besides(self) -> list[Step]:
        """What changes besides the switch's own object."""
        return [step for step in self.changes if step is not self.switch]

    @property
    def moves(self) -> bool:
        """Whether another colour is asked for than was before."""
        before, wanted = self.before, self.wanted
        return before is not None and wanted is not None and before["active"] != wanted["active"]


def _spec(step: Step, state: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = ((step.get(state) or {}).get("inputs") or {}).get("spec")
    return found


def comment(stack: str, preview: Preview, live: Mapping[str, Any] | None, unknown: str = "") -> str:
    """The whole comment. live: the KafkaConsumerSwitch as it is; None where there is none, or unknown says why it
    cannot be read.
    """
    parts = [MARKER.format(stack=stack), f"### {_title(stack, preview)}"]
    if preview.errors:
        shown = "\n\n".join(error.strip() for error in preview.errors[:_MOST_ERRORS])
        parts.append(f"**The preview failed**, so `pulumi up` would not begin:\n\n{_fenced(shown)}")
    if preview.switch is not None and (diff := _diff(preview)):
        parts.append(_fenced(diff, "diff"))
    if (said := _refusal(preview, live, unknown)) and not preview.errors:
        parts.append(said)
    if not preview.errors:
        parts.append(_besides(preview))
    parts.append(_history(past_of(live) if live is not None else [], unknown))
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(stack: str, preview: Preview) -> str:
    wanted, before = preview.wanted, preview.before
    if preview.switch is None:  # what stays as it is, Pulumi does not list
        return f"`{stack}`: " + ("it cannot be told what would be switched" if preview.errors else "no switch")
    if wanted is None:
        return f"`{stack}`: the switch would be deleted"
    if before is None:
        return f"`{stack}`: a new switch, {wanted['active']} first"
    if not preview.moves:
        return f"`{stack}`: no switch, {wanted['active']} stays active"
    there, back = before["active"], wanted["active"]
    versions = f"version {_version(before, there)} → {_version(wanted, back)}"
    return f"`{stack}`: switch {there} → {back}, {versions}"


def _version(spec: Mapping[str, Any], color: str) -> str:
    return f"`{(spec.get(color) or {}).get('version') or 'unknown'}`"


def _diff(preview: Preview) -> str:
    """The lines of the switch's spec that change, as a diff has them."""
    before, wanted = preview.before or {}, preview.wanted or {}
    lines = []
    for path, old, new in _differences(before, wanted, "spec"):
        lines += [] if old is _GONE else [f"- {path}: {_plain(old)}"]
        lines += [] if new is _GONE else [f"+ {path}: {_plain(new)}"]
    return "\n".join(lines)


def _differences(old: Any, new: Any, path: str) -> list[tuple[str, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            found
            for key in sorted({*old, *new})
            for found in _differences(old.get(key, _GONE), new.get(key, _GONE), f"{path}.{key}")
        ]
    return [] if old == new else [(path, old, new)]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _refusal(preview: Preview, live: Mapping[str, Any] | None, unknown: str) -> str:
    wanted = preview.wanted
    if wanted is None or not (preview.moves or (live is not None and live["spec"]["active"] != wanted["active"])):
        return ""
    if unknown:
        return f"**Whether it would be refused now is not known**: {unknown}"
    if live is None:
        return "**Whether it would be refused now is not known**: the switch is not in the cluster."
    warning, line = foreseen(live, wanted)
    if warning:
        return f"⚠️ **{warning}**"
    return f"✅ {line}. Lag is looked at only by the switch itself." if line else ""


def _besides(preview: Preview) -> str:
    besides = preview.besides
    if not besides:
        return "Nothing else changes." if preview.changes else "Nothing changes."
    head = f"{'⚠️ Besides the switch, ' if preview.moves else ''}{len(besides)} resources change:"
    rows = [[step["op"], f"`{_kind(step)}`", f"`{_name(step)}`", _paths(step)] for step in besides[:_MOST_CHANGES]]
    more = len(besides) - _MOST_CHANGES
    table = markdown(("", "kind", "name", "what"), rows)
    return f"{head}\n\n{table}" + (f"\n\nand {more} more" if more > 0 else "")


def _kind(step: Step) -> str:
    return str(step["urn"]).split("::")[2].rpartition("$")[2].rpartition(":")[2]


def _name(step: Step) -> str:
    return str(step["urn"]).rpartition("::")[2]


def _paths(step: Step) -> str:
    paths = sorted(step.get("detailedDiff") or {})
    more = len(paths) - _MOST_PATHS
    return ", ".join(f"`{path}`" for path in paths[:_MOST_PATHS]) + (f" and {more} more" if more > 0 else "")


def _history(found: Sequence[Past], unknown: str) -> str:
    if unknown:
        return f"The last switches are not known: {unknown}"
    if not found:
        return "No switch of this stack has ended yet."
    done = [one for one in found if one.outcome == "Switched"]
    rows = []
    for name, values in (
        ("hand-off, s", [one.handoff_seconds for one in done]),
        ("switch, s", [one.switch_seconds for one in done]),
    ):
        known = Distribution.of(values)
        rows.append([name, known.median if known else None, known.worst if known else None])
    failed = [one for one in found if one.outcome not in {"Switched", "Superseded"}]
    said = f"Of the last {len(found)} switches {len(done)} went through"
    if failed:
        newest = failed[0]
        said += f"; the newest that did not: {newest.outcome}, {newest.started[:16]}Z, {_quoted(newest.reason)}"
    return f"{said}.\n\n{markdown(('', 'median', 'worst'), rows)}"


def _quoted(text: str) -> str:
    return f"`{' '.join(text.replace('`', chr(39)).split())}`" if text else "no reason told"


def _fenced(text: str, language: str = "") -> str:
    """As a block that nothing in it can end."""
    return f"````{language}\n{text.replace('````', chr(39) * 4)}\n````"


def alone(preview: Preview) -> str:
    """What changes together with `active`, in one line; empty where nothing does, or it does not change."""
    if not preview.moves:
        return ""
    own = [path for path, _, _ in _differences(preview.before, preview.wanted, "spec") if path != "spec.active"]
    return ", ".join([*own, *(f"{_kind(step)} {_name(step)}" for step in preview.besides)])

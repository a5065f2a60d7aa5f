"""The command: arguments, progress, the table for people, the JSON, the exit code."""

import argparse
import json
import os
import stat
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools import version
from tools.validator.errors import InputError
from tools.validator.judge import validate
from tools.validator.report import CLASSES, MEANINGS, NOTES, Handoff, Report, refusal_as_json

CANNOT_JUDGE = 2
INTERRUPTED = 130
_PROGRESS_SECONDS = 2.0
_EXAMPLES_SHOWN = 5
_EPILOG = "\n".join(
    [
        "classes, each counted, each fails the verdict when it is not 0:",
        *(f"  {name:<20}{meaning}" for name, meaning in MEANINGS.items()),
        "",
        "exit codes:",
        "  0   nothing wrong",
        "  1   an anomaly: a class that fails the verdict is not 0",
        "  2   the input cannot be judged: missing, unreadable, there twice, not whole, ...; or a clock went back",
        "  130 interrupted",
    ]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code. Whatever goes wrong in here is 2, never a verdict."""
    options = _parser().parse_args(arguments)
    try:
        _check_json_target(options.json)
        report = validate(
            options.produced,
            options.consumed,
            events=options.events,
            producers=options.producer,
            clock_error_ms=options.clock_error_ms,
            allow_duplicates=options.allow_duplicates,
            strict=options.strict,
            progress=Progress(),
        )
        _write_json(options.json, report.as_json())
    except InputError as error:
        print(f"cannot be judged: {error}", file=sys.stderr)
        try:
            _write_json(options.json, refusal_as_json(error.reason, error.file, error.line))
        except OSError as failure:
            print(f"{options.json}: cannot be written: {failure.strerror or failure}", file=sys.stderr)
        return CANNOT_JUDGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        print(f"cannot be judged: {error}", file=sys.stderr)
        return CANNOT_JUDGE
    except Exception:  # noqa: BLE001 - a bug in here must not look like exit code 1, an anomaly
        traceback.print_exc()
        print("cannot be judged: the validator itself failed", file=sys.stderr)
        return CANNOT_JUDGE
    try:
        print(text(report, allow_duplicates=options.allow_duplicates), file=_people(options.json), flush=True)
    except BrokenPipeError:  # whoever reads it has seen enough; the verdict stands
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return report.exit_code


class Progress:
    """Says on standard error, every few seconds, how far it is."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._said >= _PROGRESS_SECONDS:
            self._said = now
            share = f" {100 * done // total} %" if total else ""
            print(f"{what}{share}", file=sys.stderr, flush=True)


def text(report: Report, *, allow_duplicates: bool = False) -> str:
    """The report for people."""
    verdict = {0: "PASS", 1: "FAIL", 2: "NOT TO BE JUDGED"}[report.exit_code]
    failed = report.failed
    lines = [
        f"verdict: {verdict}",
        f"produced {report.produced:,} (acked {report.acked:,}), consumed {report.consumed:,} (failed {failed:,})",
        *_handled_lines(report),
        "",
    ]
    for name in CLASSES:
        allowed = "  (allowed)" if name == "duplicate" and allow_duplicates and report.anomalies[name] else ""
        lines.append(f"  {name:<20}{report.anomalies[name]:>12,}{allowed}")
    lines += ["", "notes: " + ", ".join(f"{name} {report.notes[name]:,}" for name in NOTES)]
    files = report.files
    lines.append(
        f"files: {files.produced} produced, {files.consumed} consumed, {files.events} events"
        f" ({files.empty} without a line); {files.others} other(s) left alone"
    )
    if report.events:
        lines.append("events: " + ", ".join(f"{kind} {count:,}" for kind, count in report.events.items()))
    lines += _handoff_lines(report)
    lines += [f"not judged: {reason}" for reason in report.unjudged]
    for name in CLASSES:
        shown = report.examples[name][:_EXAMPLES_SHOWN]
        lines += [f"{name}: {json.dumps(example, ensure_ascii=False)}" for example in shown]
        if len(shown) < len(report.examples[name]):
            lines.append(f"{name}: ... more in the JSON")
    return "\n".join(lines)


def _handled_lines(report: Report) -> list[str]:
    """By colour and version, where lines bear one."""
    each = [(color, name, one) for color, versions in report.handled.items() for name, one in versions.items()]
    if not any(name for _, name, _ in each):
        return []
    return [f"  {color} {name or '(no version)'}: {one.handled:,} (failed {one.failed:,})" for color, name, one in each]


def _handoff_lines(report: Report) -> list[str]:
    gaps = [(one.gap_seconds, place, one) for place, found in report.partitions.items() for one in found]
    if not gaps:
        return []
    worst: Handoff
    gap, place, worst = max(gaps, key=lambda one: one[0])
    pairs = {(one.from_epoch, one.to_epoch) for _, _, one in gaps}
    spacing = "" if worst.spacing_seconds is None else f", its mean spacing {worst.spacing_seconds:.3f} s"
    return [
        (
            f"hand-offs: {len(pairs)}; widest gap {gap:.3f} s on {place}, "
            f"epoch {worst.from_epoch} {worst.from_color} -> {worst.to_epoch} {worst.to_color}{spacing}"
        )
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.validator",
        description="Judge what consumers handled by what producers wrote: lost, duplicate, out of order, two colours\n"
        "at once, ... The specification is the docstring of the package.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=version.shown())
    many: dict[str, Any] = {"nargs": "+", "action": "extend"}
    parser.add_argument("--produced", **many, required=True, metavar="PATH", help="produced logs: files or folders")
    parser.add_argument("--consumed", **many, required=True, metavar="PATH", help="consumed logs: files or folders")
    parser.add_argument("--events", **many, default=[], metavar="PATH", help="lifecycle logs: files or folders")
    parser.add_argument("--producer", **many, default=[], metavar="NAME", help="judge the records of these only")
    parser.add_argument(
        "--clock-error-ms", type=_milliseconds, default=0.0, metavar="N", help="by how much clocks may differ (0)"
    )
    parser.add_argument("--allow-duplicates", action="store_true", help="duplicates are counted, but do not fail")
    parser.add_argument("--strict", action="store_true", help="a torn last line cannot be judged")
    parser.add_argument("--json", metavar="FILE", help="write the report there; - is standard output")
    return parser


def _milliseconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1e9:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1e9, not {text}")
    return value


def _people(target: str | None) -> Any:
    return sys.stderr if target == "-" else sys.stdout


def _check_json_target(target: str | None) -> None:
    """Better before the work than after it."""
    if target not in (None, "-"):
        folder = Path(str(target)).parent
        if not folder.is_dir():
            raise OSError(f"--json {target}: {folder} is not a folder")


def _write_json(target: str | None, report: dict[str, Any]) -> None:
    """Whole or not at all; an older file of that name does not survive as if it were this run's."""
    if target is None:
        return
    content = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    if target == "-":
        sys.stdout.write(content)
        return
    path = Path(target)
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):  # a pipe, /dev/stdout
        path.write_text(content, encoding="utf-8")
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(content, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)

"""Prints which producers have a log on this volume: one JSON object, for each its first and last time and its end line.

Argument: the folder of the produced logs. Output: `{"<producer>": {"first": ns, "last": ns, "end": bool}, ...}`.
"""

import json
import sys
from pathlib import Path
from typing import Any

_TAIL_BYTES = 64 * 1024


def main(folder: Path) -> None:
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("*.jsonl")):
        with file.open("rb") as lines:
            first = _read(lines.readline())
            lines.seek(0, 2)
            lines.seek(max(0, lines.tell() - _TAIL_BYTES))
            tail = [line for line in map(_read, lines.read().splitlines()) if "producer" in line]
        if "producer" not in first:
            continue
        times = [line["t"] for line in (first, *tail) if "t" in line]
        ended = bool(tail) and "end" in tail[-1]
        # A log may be cut into parts: the first begins it, the last ends it.
        known = found.setdefault(first["producer"], {"first": min(times, default=0), "last": 0, "end": False})
        known["first"] = min([known["first"], *times])
        known["last"] = max([known["last"], *times])
        known["end"] = known["end"] or ended
    print(json.dumps(found))


def _read(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


if __name__ == "__main__":
    main(Path(sys.argv[1]))

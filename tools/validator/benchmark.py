"""Seconds and peak memory of the validator: ``python -m tools.validator.benchmark --records 10000000``.

Writes clean logs into a temporary folder (``TMPDIR``; some 320 bytes a record), runs the validator on them as a command
of its own, and prints one JSON object: what was judged, how long it took, and the peak resident memory of that process
(``ru_maxrss`` of exactly this child, by ``wait4``). One producer, acknowledged in batches; three pods a colour; a
hand-off every ``--seconds`` of the log's time.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import polars as pl

_CHUNK = 240_000
_BATCH = 1_200  # records whose acknowledgements come partition by partition
_PODS = 3
_PARTITIONS = 12
_START = 1_760_000_000_000_000_000
_NANOSECONDS = 1_000_000_000
_PRODUCER = "producer-0-3f9a1c52"


def generate(folder: Path, records: int, rate: int, seconds: int) -> None:
    """Write ``produced/*.jsonl`` and ``consumed/*.jsonl`` below ``folder``, with ``records`` records each."""
    for side in ("produced", "consumed"):
        (folder / side).mkdir()
    pods = [(color, number) for color in ("blue", "green") for number in range(_PODS)]
    consumed: dict[tuple[str, int], IO[bytes]] = {}
    try:
        for color, number in pods:
            path = folder / "consumed" / f"consumer-{color}-{number}.5d0c{number}.jsonl"
            consumed[color, number] = path.open("wb")
        with (folder / "produced" / "producer-0.3f9a1c52.jsonl").open("wb") as produced:
            for start in range(0, records, _CHUNK):
                frame = _records(start, min(start + _CHUNK, records), rate, seconds)
                acks = frame.sort(pl.col("seq") // _BATCH, "partition", "offset").with_columns(frame["t"])
                _write(acks, produced, {"producer": _PRODUCER}, ("seq", "topic", "partition", "offset", "status", "t"))
                for (color, pod), file in consumed.items():
                    own = frame.filter((pl.col("color") == color) & (pl.col("partition") % _PODS == pod))
                    first = {"color": color, "pod": f"consumer-{color}-{pod}"}
                    _write(own, file, first, ("epoch", "producer", "seq", "topic", "partition", "offset", "handled"))
            produced.write(f'{{"producer": "{_PRODUCER}", "end": {records}}}\n'.encode())
    finally:
        for file in consumed.values():
            file.close()


def measure(folder: Path) -> dict[str, Any]:
    """Run the validator on the folder's logs as a process of its own. Raises CalledProcessError if it does not pass."""
    command = [sys.executable, "-m", "tools.validator"]
    command += ["--produced", str(folder / "produced"), "--consumed", str(folder / "consumed")]
    command += ["--json", str(folder / "report.json")]
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begin
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    logs = [path for side in ("produced", "consumed") for path in (folder / side).iterdir()]
    return {
        "verdict": report["verdict"],
        "produced": report["produced"],
        "consumed": report["consumed"],
        "handoffs": max((len(found) for found in report["partitions"].values()), default=0),
        "input_bytes": sum(path.stat().st_size for path in logs),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_rss_mib": round(usage.ru_maxrss / 1024, 1),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tools.validator.benchmark", description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000, help="on each side")
    parser.add_argument("--rate", type=int, default=20_000, help="records a second, in the log's time")
    parser.add_argument("--seconds", type=int, default=25, help="between hand-offs, in the log's time")
    parser.add_argument("--generate", type=Path, metavar="FOLDER", help="write the logs there and stop")
    options = parser.parse_args(arguments)
    if options.generate:
        generate(options.generate, options.records, options.rate, options.seconds)
        return 0
    with tempfile.TemporaryDirectory(prefix="validator-benchmark-") as name:
        # In a process of its own: a child's peak memory begins with that of the process that it was forked from.
        sizes = ["--records", str(options.records), "--rate", str(options.rate), "--seconds", str(options.seconds)]
        generator = [sys.executable, "-m", "tools.validator.benchmark", "--generate", name, *sizes]
        print("writing the logs", file=sys.stderr, flush=True)
        subprocess.run(generator, check=True)
        result = measure(Path(name))
    environment = {
        "cpus": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "polars": version("polars"),
    }
    print(json.dumps({**result, "environment": environment}, indent=1))
    return 0


def _records(start: int, end: int, rate: int, seconds: int) -> pl.DataFrame:
    seq = pl.int_range(start, end, eager=True).alias("seq")
    frame = pl.DataFrame([seq]).with_columns(
        partition=pl.col("seq") % _PARTITIONS,
        offset=pl.col("seq") // _PARTITIONS,
        t=_START + pl.col("seq") * (_NANOSECONDS // rate),
    )
    handoff = (pl.col("t") - _START) // (seconds * _NANOSECONDS)
    return frame.with_columns(
        epoch=1 + 2 * handoff,
        color=pl.when(handoff % 2 == 0).then(pl.lit("blue")).otherwise(pl.lit("green")),
        handled=pl.col("t") + 3_000_000,
        producer=pl.lit(_PRODUCER),
        topic=pl.lit("bluegreen"),
        status=pl.lit("acked"),
    )


def _write(frame: pl.DataFrame, file: IO[bytes], first: dict[str, str], columns: Sequence[str]) -> None:
    """The lines of ``frame``: the constant keys, then the columns; ``handled`` is called ``t``."""
    parts: list[pl.Expr] = [pl.lit("{" + ", ".join(f'"{key}": "{value}"' for key, value in first.items()))]
    for name in columns:
        quote = '"' if frame.schema[name] == pl.String else ""
        key = "t" if name == "handled" else name
        parts += [pl.lit(f', "{key}": {quote}'), pl.col(name).cast(pl.String), pl.lit(quote)]
    lines = frame.select(pl.concat_str([*parts, pl.lit("}")]))
    lines.write_csv(file, include_header=False, quote_style="never")


if __name__ == "__main__":
    sys.exit(main())

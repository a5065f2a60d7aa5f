"""Points about probes, progress, metrics, and faults."""

from experiments.conformance.bench import ACTIVE, DONE, Bench, expect
from experiments.conformance.points import FailedError, point

_METRICS = (
    "kafka_consumer_lifecycle_state",
    "kafka_consumer_records_consumed_rate",
    "kafka_consumer_errors_total",
    "kafka_consumer_rebalance_count_total",
    "kafka_consumer_commit_latency_avg",
    "bg_consumer_epoch",
    "bg_consumer_lag",
    "bg_consumer_assigned_partitions",
)


@point("ready.truth", "10.1", "it does not say ready without a broker; alive it is all the same, and it answers")
def truth(bench: Bench) -> str:
    bench.wait_ready()
    bench.paused()
    bench.way.cut()
    bench.until("it not to be ready", lambda: not bench.ready(), 30)
    expect(bench.app.call("GET", "/healthz").status == DONE, "without a broker it says that it is not alive")
    bench.status()
    bench.way.open()
    bench.wait_ready()
    return "503 without a broker, 200 with one; alive all the time"


@point("progress", "10.2", "progress says how far it came", needs=("records", "progress"))
def progress(bench: Bench) -> str:
    bench.kafka.send(400)
    bench.work()
    bench.handles_all()
    said = bench.app.call("GET", "/progress").body
    positions = {str(p): offset for p, offset in bench.positions().items()}
    expect(said.get("positions") == positions, f"it says {said.get('positions')}, its records {positions}")
    expect(said.get("handled") == 400, f"it says {said.get('handled')} handled")
    expect(
        said.get("state") == ACTIVE and said.get("epoch") == bench.epoch, f"{said.get('state')} at {said.get('epoch')}"
    )
    return f"positions {said['positions']}, handled {said['handled']}"


@point("metrics", "10.3", "the metrics of the plan are there, under its names", needs=("metrics", "records"))
def metrics(bench: Bench) -> str:
    bench.kafka.send(400)
    bench.work()
    bench.handles_all()

    def missing() -> list[str]:
        text = bench.app.call("GET", "/metrics").text
        return [name for name in _METRICS if f"\n{name}{{" not in f"\n{text}"]

    try:
        bench.until("all of them", lambda: not missing(), 10)
    except FailedError:
        raise FailedError(f"missing: {', '.join(missing())}") from None
    text = bench.app.call("GET", "/metrics").text
    # What a number looks like is the client library's affair.
    active = [
        line
        for line in text.splitlines()
        if line.startswith("kafka_consumer_lifecycle_state{") and 'state="ACTIVE"' in line
    ]
    expect(active and float(active[0].rpartition(" ")[2]) == 1, f"ACTIVE, and its metric says {active}")
    return f"{len(_METRICS)} names"


@point("faults.off", "10.4", "faults can be injected only where they are enabled", needs=("faults",))
def faults(bench: Bench) -> str:
    reply = bench.app.call("PUT", "/faults", {"failure_rate": 1.0})
    expect(reply.status in {403, 404, 405}, f"PUT /faults: {reply.status} {reply.text[:100]}")
    return f"PUT /faults: {reply.status}"

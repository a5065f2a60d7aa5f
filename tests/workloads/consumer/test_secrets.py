"""A consumer with secrets shows them nowhere: not in its log, its metrics, its answers or its record logs."""

import json
from pathlib import Path

from tests.support.processes import ConsumerProcess

HIDDEN = "hunter2-hunter2"


def test_a_secret_of_the_client_is_shown_nowhere(tmp_path: Path) -> None:
    """Without a broker: what it says of a broker that is not there is among what is looked at."""
    settings = {
        "bootstrap_servers": "127.0.0.1:1",
        "topic": "t",
        "group_id": "g",
        "strategy": "x",
        "client": {"sasl.username": "someone", "debug": "security,conf"},
    }
    consumer = ConsumerProcess(tmp_path, "consumer-blue-0", settings)
    secrets = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.password": HIDDEN}
    (consumer.folder / "secrets.yaml").write_text(json.dumps({"secret_client": secrets}))
    consumer.start()
    try:
        answers = [consumer.call("GET", path)[1] for path in ("/metrics", "/readyz", "/progress", "/lifecycle/status")]
        consumer.stop()
    finally:
        consumer.kill()
    log = consumer.log.read_text()
    (started,) = (json.loads(line) for line in log.splitlines() if '"message":"started"' in line)
    assert started["settings"]["secret_client"] == dict.fromkeys(secrets, "**********")
    assert started["settings"]["client"]["sasl.username"] == "someone"
    written = [path.read_text(errors="replace") for path in consumer.records.rglob("*") if path.is_file()]
    for told in (log, *map(str, answers), *written):
        assert HIDDEN not in told

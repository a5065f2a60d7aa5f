"""An operator's own count of its periodic reconciles."""

import pytest

from experiments.reconciles import periodical

SCRAPE = """# TYPE strimzi_reconciliations_periodical_total counter
strimzi_reconciliations_periodical_total{kind="KafkaConnect",namespace="strategy-e"} 4.0
strimzi_reconciliations_periodical_total{kind="KafkaTopic",namespace="strategy-e"} 9.0
strimzi_reconciliations_total{kind="KafkaConnect",namespace="strategy-e"} 70.0
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SCRAPE, 4),
        (SCRAPE.replace("KafkaTopic", "KafkaConnect"), 13),  # of two namespaces
        (SCRAPE.replace("4.0", "1.2e+01"), 12),
        (SCRAPE.replace("KafkaConnect", "Kafka"), None),
        ("", None),
    ],
)
def test_it_is_read_by_its_name(text: str, expected: int | None) -> None:
    assert periodical(text) == expected

"""What a result bears besides what it concludes."""

from experiments.run import Attachments, StoredLogs, with_attachments
from tests.support.samples import RESULT


def test_a_result_says_what_others_told_and_nothing_where_there_was_nobody() -> None:
    assert with_attachments(RESULT, Attachments(None, None, None)) == RESULT
    stored = StoredLogs({"store": "VictoriaLogs v1"}, frozenset({"blue-0 (UID u): gone"}))
    found = with_attachments(RESULT, Attachments(stored, {"fired": []}, []))
    assert (found.logs, found.alerts, found.screenshots) == ({"store": "VictoriaLogs v1"}, {"fired": []}, [])
    assert found.criteria == RESULT.criteria

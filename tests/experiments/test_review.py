"""The comment about a switch in a pull request, from previews that were recorded of a real stack, and a live object.

`together.json` and `no-switch.json` are `pulumi preview --json` of a stack `strategy-c`, cut to what is looked at.
"""

import json
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from experiments import cli, review_command
from experiments.cluster import ClusterError
from experiments.errors import ExperimentError
from experiments.review import MARKER, Preview, alone, comment
from tests.support.page_world import past

FOLDER = Path(__file__).with_name("previews")
STACK = "strategy-c"


def recorded(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return content


def preview(content: dict[str, Any]) -> Preview:
    return Preview.of(json.dumps(content))


def switch_only() -> dict[str, Any]:
    """The recorded one without what else changes in it."""
    content = recorded("together")
    content["steps"] = [step for step in content["steps"] if step["urn"].endswith("KafkaConsumerSwitch::switch")]
    return content


def live(*history: dict[str, Any], state: str = "PAUSED") -> dict[str, Any]:
    """The switch as it is: blue at work, three of green that stand by."""
    spec = deepcopy(switch_only()["steps"][0]["oldState"]["inputs"]["spec"])
    members = [{"pod": f"consumer-green-{n}", "color": "green", "state": state, "ready": True} for n in range(3)]
    status = {"active": "blue", "phase": "Ready", "members": members, "history": list(history), "conditions": []}
    return {"metadata": {"generation": 70}, "spec": spec, "status": status}


def test_a_switch_is_one_line_its_versions_and_whether_it_would_go_through() -> None:
    content = switch_only()
    content["steps"][0]["newState"]["inputs"]["spec"]["green"]["version"] = "1"
    text = comment(STACK, preview(content), live(past(3), past(2), past(1, "RolledBack", reason="ResumeTimeout")))
    assert text.startswith(MARKER.format(stack=STACK))
    assert "### `strategy-c`: switch blue → green, version `1` → `1`" in text
    assert "````diff\n- spec.active: blue\n+ spec.active: green\n````" in text
    assert "✅ blue -> green would not be refused now: 3 of 3 green members stand by" in text
    assert "Nothing else changes." in text
    assert "Of the last 3 switches 2 went through; the newest that did not: RolledBack, 2026-11-28T10:01Z" in text
    assert "| hand-off, s | 0.058 | 0.058 |" in text
    assert "| switch, s | 0.084 | 0.084 |" in text


def test_a_switch_that_would_be_refused_says_why() -> None:
    text = comment(STACK, preview(switch_only()), live(state="Unreachable"))
    assert "⚠️ **a switch blue -> green would not go through now. NotReady: consumer-green-0 (Unreachable)" in text
    assert "No switch of this stack has ended yet." in text


def test_what_else_changes_is_told_with_its_paths() -> None:
    found = preview(recorded("together"))
    text = comment(STACK, found, live())
    assert "⚠️ Besides the switch, 5 resources change:" in text
    assert '| update | `ConfigMap` | `producer` | `data["settings.yaml"]` |' in text
    assert "ConfigMap producer" in alone(found)
    assert alone(preview(switch_only())) == ""


def test_what_of_the_switch_changes_beside_active_is_told() -> None:
    content = switch_only()
    content["steps"][0]["newState"]["inputs"]["spec"]["drainTimeoutSeconds"] = 30
    assert alone(preview(content)) == "spec.drainTimeoutSeconds"
    assert "- spec.drainTimeoutSeconds: 10\n+ spec.drainTimeoutSeconds: 30" in comment(STACK, preview(content), live())


def test_a_preview_without_a_switch_says_so() -> None:
    found = preview(recorded("no-switch"))
    text = comment(STACK, found, live())
    assert "### `strategy-c`: no switch" in text
    assert "4 resources change" in text
    assert "⚠️" not in text
    assert alone(found) == ""
    nothing = preview({"steps": []})
    assert "Nothing changes." in comment(STACK, nothing, live())


def test_a_new_switch_and_one_that_goes() -> None:
    made, gone = switch_only(), switch_only()
    del made["steps"][0]["oldState"]
    del gone["steps"][0]["newState"]
    assert "a new switch, green first" in comment(STACK, preview(made), None)
    assert "the switch would be deleted" in comment(STACK, preview(gone), live())


def test_a_preview_that_failed_says_why_and_promises_nothing() -> None:
    content = {"steps": [], "diagnostics": [{"severity": "error", "message": "kafka-bluegreen:active: ````purple````"}]}
    text = comment(STACK, preview(content), live())
    assert "**The preview failed**" in text
    assert "kafka-bluegreen:active: ''''purple''''" in text
    assert "Nothing changes" not in text


def test_a_cluster_that_cannot_be_read_is_said_and_an_object_that_is_not_there() -> None:
    text = comment(STACK, preview(switch_only()), None, "the cluster cannot be read: 403")
    assert "**Whether it would be refused now is not known**: the cluster cannot be read: 403" in text
    assert "the switch is not in the cluster" in comment(STACK, preview(switch_only()), None)


def test_a_reason_is_no_markup() -> None:
    text = comment(STACK, preview(switch_only()), live(past(1, "Failed", reason="`</b>\n# DrainTimeout`")))
    assert "`'</b> # DrainTimeout'`" in text


@pytest.mark.parametrize("text", ["", "[]", '{"steps": [{}]}', "Previewing update"])
def test_what_is_no_preview_is_refused(text: str) -> None:
    with pytest.raises(ExperimentError, match="no output of pulumi preview --json"):
        Preview.of(text)


class Api:
    def __init__(self, found: dict[str, Any] | None) -> None:
        self.found = found

    def get(self, path: str) -> dict[str, Any]:
        if self.found is None:
            raise ClusterError("GET: 403 Forbidden", 403)
        return self.found


def test_the_command_writes_a_file_and_can_be_strict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(review_command, "Cluster", lambda: Api(live()))
    out = tmp_path / "review.md"
    arguments = ["review", "-s", STACK, "--preview", str(FOLDER / "together.json"), "--out", str(out)]
    assert cli.main(arguments) == 0
    assert "switch blue → green" in out.read_text()
    assert cli.main([*arguments, "--alone"]) == 1
    assert "active changes together with" in capsys.readouterr().err
    monkeypatch.setattr(review_command, "Cluster", lambda: Api(None))
    assert cli.main(arguments) == 0
    assert "the cluster cannot be read: GET: 403 Forbidden" in out.read_text()


def test_the_command_runs_a_preview_and_says_why_it_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(review_command, "Cluster", lambda: Api(live()))
    pulumi = tmp_path / "pulumi"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    pulumi.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\ncat {FOLDER}/no-switch.json\n')
    pulumi.chmod(0o755)
    assert cli.main(["review", "-s", STACK]) == 0
    assert (tmp_path / "asked").read_text() == "preview --json --non-interactive --stack strategy-c\n"
    pulumi.write_text("#!/bin/sh\necho no stack >&2\nexit 255\n")
    assert cli.main(["review", "-s", STACK]) == 2
    assert "exit code 255: no stack" in capsys.readouterr().err
    pulumi.unlink()
    assert cli.main(["review", "-s", STACK]) == 2
    assert "--preview FILE" in capsys.readouterr().err


def test_a_preview_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(shutil, "which", lambda _: "/bin/pulumi")
    monkeypatch.setattr(subprocess, "run", run)
    assert cli.main(["review", "-s", STACK]) == 2

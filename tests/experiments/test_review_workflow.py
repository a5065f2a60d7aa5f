"""Who reviews has nothing to write with, and who writes runs nothing of the pull request."""

from pathlib import Path
from typing import Any

import yaml

from experiments.review import MARKER

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"


def workflow(name: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text())
    return content


def steps(content: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in content["jobs"].values() for step in job["steps"]]


def test_a_pull_requests_own_code_has_nothing_to_write_with() -> None:
    review = workflow("switch-review.yml")
    assert set(review[True]) == {"pull_request"}, "YAML takes `on` for a truth value; not pull_request_target"
    assert review["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in review["jobs"].values())
    (checkout,) = [step for step in steps(review) if str(step.get("uses", "")).startswith("actions/checkout")]
    assert checkout["with"] == {"persist-credentials": False}
    given = {name for step in steps(review) for name in step.get("env", {})}
    assert "GH_TOKEN" not in given
    assert "GITHUB_TOKEN" not in given


def test_who_comments_runs_nothing_of_the_pull_request() -> None:
    comment = workflow("switch-review-comment.yml")
    assert set(comment[True]) == {"workflow_run"}
    assert comment[True]["workflow_run"]["workflows"] == [workflow("switch-review.yml")["name"]]
    assert comment["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert not any("checkout" in str(step.get("uses", "")) for step in steps(comment))
    for step in steps(comment):
        assert "${{" not in step.get("run", ""), "what a pull request names is no part of a script"


def test_the_comment_is_found_again_by_what_the_review_begins_with() -> None:
    (script,) = [step["run"] for step in steps(workflow("switch-review-comment.yml")) if "run" in step]
    assert MARKER.format(stack='$(basename "$file" .md)') in script


def test_the_reviewers_rights_are_to_read_and_to_no_secret() -> None:
    documents = list(yaml.safe_load_all((ROOT / "components" / "files" / "reviewer.yaml").read_text()))
    (role,) = [one for one in documents if one["kind"] == "ClusterRole"]
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} <= {"get", "list", "watch"}
    assert not any({"secrets", "*"} & set(rule["resources"]) for rule in role["rules"])

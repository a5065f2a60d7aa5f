"""An image that is not known is refused with what to run."""

import json
from pathlib import Path

import pytest

from components.images import ARGO_ROLLOUTS, CONNECT, VARIABLE, ImageError, platform_images, sandbox_images
from components.settings import platform_settings


def test_the_references_that_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "images.json"
    path.write_text('{"workloads": "localhost/w:1", "kafka": "localhost/k:2", "other": "x"}', encoding="utf-8")
    assert sandbox_images(("kafka", "workloads"), {VARIABLE: str(path)}) == {
        "kafka": "localhost/k:2",
        "workloads": "localhost/w:1",
    }


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "images workloads: not in"),
        ('{"kafka": "k"}', "images workloads: not in"),
        ('{"workloads": ""}', "images workloads: not in"),
        ('{"workloads": 1}', "images workloads: not in"),
    ],
)
def test_a_missing_image_is_refused(tmp_path: Path, content: str | None, why: str) -> None:
    path = tmp_path / "images.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ImageError, match=why) as refused:
        sandbox_images(("workloads",), {VARIABLE: str(path)})
    assert "run: python -m tools.sandbox images" in str(refused.value)


def test_what_is_made_only_when_asked_for_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "images.json"
    path.write_text('{"workloads": "localhost/w:1"}', encoding="utf-8")
    for environment in ({}, {VARIABLE: str(path)}):
        with pytest.raises(ImageError, match=r"run: python -m tools\.sandbox up --with connect && eval"):
            sandbox_images(("workloads", CONNECT), environment)


def test_without_a_sandbox_both_ways_are_told() -> None:
    with pytest.raises(ImageError, match="kafka-bluegreen:images") as refused:
        sandbox_images(("workloads",), {})
    assert "run: python -m tools.sandbox images" in str(refused.value)


def test_the_platform_runs_argo_only_when_it_is_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "images.json"
    path.write_text('{"kafka": "k", "victoriametrics": "v"}', encoding="utf-8")
    environment = {VARIABLE: str(path)}
    assert platform_images(platform_settings({}), environment) == {"kafka": "k", "victoriametrics": "v"}
    with pytest.raises(ImageError, match=r"images argo-rollouts: .* --with argo"):
        platform_images(platform_settings({"argo": "true"}), environment)
    given = {"kafka": "a", "victoriametrics": "b", "argoRollouts": "c"}
    cluster = {"platform": "cluster", "images": json.dumps(given)}
    assert platform_images(platform_settings(cluster), {}) == {"kafka": "a", "victoriametrics": "b"}
    assert platform_images(platform_settings({**cluster, "argo": "true"}), {})[ARGO_ROLLOUTS] == "c"

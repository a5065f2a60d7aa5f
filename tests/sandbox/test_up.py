"""What is made, imported and handed out, without making any of it: the parts that do are stood in for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.sandbox import packages, preflight, strimzi
from tools.sandbox.builds import VICTORIALOGS, Build
from tools.sandbox.catalogue import Image
from tools.sandbox.errors import SandboxError
from tools.sandbox.paths import Layout
from tools.sandbox.preflight import Machine, Work
from tools.sandbox.progress import Progress
from tools.sandbox.up import CLUSTER_IMAGES, HANDED_OUT, Sandbox, assemble

OWN = {*CLUSTER_IMAGES, *HANDED_OUT}
DEFINED = "define " + " ".join(strimzi.NAMES)


class _Builder:
    """Everything is built but what is `missing`."""

    def key(self, build: Build) -> str:
        return "key"

    def folder(self, build: Build) -> Path:
        return Path("/nowhere") / build.name

    def __init__(self, did: list[str]) -> None:
        self.missing: list[str] = []
        self._did = did

    def is_built(self, build: Build) -> bool:
        return build.name not in self.missing

    def download(self, build: Build) -> None:
        self._did.append(f"download {build.name}")

    def build(self, build: Build) -> None:
        self._did.append(f"compile {build.name}")


class _Imports:
    """What containerd has, by reference."""

    def __init__(self, did: list[str]) -> None:
        self.there: list[str] = []
        self._did = did

    def actual(self) -> list[str]:
        return list(self.there)

    recorded = actual

    def add(self, archive: Path, reference: str) -> None:
        self._did.append(f"import {_name(reference)}")
        self.there.append(reference)


class _Parts:
    """Stands in for the store, the cluster and kubectl: notes what they are asked for."""

    def __init__(self, did: list[str]) -> None:
        self._did = did

    def archive(self, image: Image, reference: str) -> Path:
        self._did.append(f"build {image.name}")
        return Path("/nowhere")

    def pid(self) -> int:
        return 1

    def start(self, programs: object) -> bool:
        return False

    def apply(self, text: str) -> None:
        self._did.append("apply")

    def define(self, text: str, names: tuple[str, ...], what: str) -> None:
        self._did.append(f"define {' '.join(names)}")

    def wait_until_ready(self) -> None: ...

    wait_for_api = wait_for_containerd = wait_until_ready


def _name(reference: str) -> str:
    return reference.rpartition("/")[2].partition(":")[0]


@pytest.fixture
def did() -> list[str]:
    """What was done, in order."""
    return []


@pytest.fixture
def sandbox(
    layout: Layout, progress: Progress, did: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Sandbox:
    """One that runs, with nothing imported and no definitions yet."""
    made = assemble(layout, {"PATH": "/nowhere"}, progress)
    parts: Any = _Parts(did)
    builder: Any = _Builder(did)
    imports: Any = _Imports(did)
    made.builder, made.store, made.cluster, made.imports = builder, parts, parts, imports
    monkeypatch.setattr(Sandbox, "kubectl", lambda _: parts)
    monkeypatch.setattr(made.toolbox, "make", lambda: None)
    monkeypatch.setattr(packages, "missing", lambda _: [])
    monkeypatch.setattr(packages, "cni_plugins", lambda: tmp_path)
    monkeypatch.setattr(preflight, "check", lambda *_: None)
    assert made.definitions.kept is not None
    made.definitions.kept.mkdir(parents=True)
    return made


def _references(layout: Layout) -> set[str]:
    names: dict[str, str] = json.loads(layout.image_references.read_text())
    return set(names)


def test_what_nobody_asked_for_is_not_made(sandbox: Sandbox, did: list[str], layout: Layout) -> None:
    sandbox.up()
    assert {step for step in did if step.startswith("build ")} == {f"build {name}" for name in OWN}
    assert DEFINED not in did
    assert _references(layout) == set(HANDED_OUT)


def test_what_was_asked_for_is_added_to_what_is_up(sandbox: Sandbox, did: list[str], layout: Layout) -> None:
    sandbox.up()
    did.clear()
    sandbox.up(["connect"])
    assert sorted(did) == ["apply", "build connect", "build connect", DEFINED, "import connect"]
    assert did.index("apply") < did.index(DEFINED)
    assert _references(layout) == {*HANDED_OUT, "connect"}


def test_asking_again_changes_nothing(sandbox: Sandbox, did: list[str]) -> None:
    sandbox.up(["connect"])
    did.clear()
    sandbox.up(["connect"])
    assert sorted(did) == ["apply", DEFINED]


@pytest.mark.parametrize("again", [Sandbox.up, Sandbox.build_images])
def test_what_was_asked_for_once_stays(
    sandbox: Sandbox, did: list[str], layout: Layout, again: Callable[[Sandbox], None]
) -> None:
    sandbox.up(["connect"])
    did.clear()
    again(sandbox)
    assert set(did) <= {"apply"}
    assert "connect" in _references(layout)


def test_an_image_of_files_that_have_changed_since_is_not_handed_out(sandbox: Sandbox, layout: Layout) -> None:
    sandbox.up(["connect"])
    there: Any = sandbox.imports
    there.there = [_of_other_files(reference) for reference in there.there]
    layout.image_references.write_text(_of_other_files(layout.image_references.read_text()))
    sandbox.up()
    assert _references(layout) == set(HANDED_OUT)
    sandbox.up(["connect"])
    assert _references(layout) == {*HANDED_OUT, "connect"}


def _of_other_files(text: str) -> str:
    return text.replace("/connect:", "/connect:0")


def test_another_sandbox_of_the_checkout_takes_nothing_away(sandbox: Sandbox, layout: Layout) -> None:
    sandbox.up(["connect"])
    other: Any = sandbox.imports
    other.there = []
    sandbox.up()
    assert _references(layout) == {*HANDED_OUT, "connect"}


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_file_of_references_that_cannot_be_read_is_written_anew(
    sandbox: Sandbox, layout: Layout, content: str
) -> None:
    layout.image_references.parent.mkdir(parents=True)
    layout.image_references.write_text(content)
    sandbox.up()
    assert _references(layout) == set(HANDED_OUT)


def test_images_alone_are_built_without_definitions(sandbox: Sandbox, did: list[str], layout: Layout) -> None:
    sandbox.build_images(["connect"])
    assert "import connect" in did
    assert DEFINED not in did
    assert "connect" in _references(layout)


@pytest.mark.parametrize("make", [Sandbox.up, Sandbox.build_images])
def test_what_an_extra_is_compiled_from_is_compiled_for_whoever_asked(
    sandbox: Sandbox, did: list[str], layout: Layout, monkeypatch: pytest.MonkeyPatch, make: Callable[..., None]
) -> None:
    builder: Any = sandbox.builder
    monkeypatch.setattr(builder, "is_built", lambda build: build is not VICTORIALOGS)
    monkeypatch.setattr(builder, "download", lambda _: None, raising=False)
    monkeypatch.setattr(builder, "build", lambda build: did.append(f"compile {build.name}"), raising=False)
    make(sandbox)
    assert "compile victorialogs" not in did
    make(sandbox, ["logs"])
    assert did.count("compile victorialogs") == 1
    assert did.index("compile victorialogs") < did.index("build vlagent")
    assert {"victorialogs", "vlagent"} <= _references(layout)


def test_a_machine_is_asked_for_what_the_definitions_need_only_when_they_are_to_be_made(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Work] = []

    def note(machine: Machine, work: Work, *_: object) -> None:
        asked.append(work)
        raise SandboxError("refused")

    monkeypatch.setattr(preflight, "check", note)
    assert sandbox.definitions.kept is not None
    for extras in (["connect"], []):
        with pytest.raises(SandboxError, match="refused"):
            sandbox.up(extras)
    sandbox.definitions.kept.rmdir()
    for extras in (["connect"], []):
        with pytest.raises(SandboxError, match="refused"):
            sandbox.up(extras)
    assert [work.makes_crds for work in asked] == [False, False, True, False]
    assert all(work.builds_kafka for work in asked)


@pytest.mark.parametrize("ask", [Sandbox.up, Sandbox.build_images])
def test_the_program_of_an_extra_is_compiled_before_its_image_and_for_nobody_else(
    sandbox: Sandbox, did: list[str], layout: Layout, ask: Callable[[Sandbox, list[str]], None]
) -> None:
    builder: Any = sandbox.builder
    builder.missing = ["argo-rollouts"]
    ask(sandbox, [])
    assert "compile argo-rollouts" not in did
    assert "argo-rollouts" not in _references(layout)
    ask(sandbox, ["argo"])
    order = [did.index(f"{step} argo-rollouts") for step in ("download", "compile", "build", "import")]
    assert order == sorted(order)
    assert "argo-rollouts" in _references(layout)

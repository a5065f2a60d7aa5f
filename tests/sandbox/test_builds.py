import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from tools.sandbox import builds
from tools.sandbox.builds import Build, Builder, required_go, version_parts
from tools.sandbox.errors import SandboxError
from tools.sandbox.paths import Layout
from tools.sandbox.process import Runner
from tools.sandbox.progress import Progress

BUILD = Build(name="hello", module="hello", packages=("./cmd/hello",), links={"hello": ("greet",)})

# Does what the builder asks of Go, without compiling anything.
FAKE_GO = """#!/bin/sh
echo "$@" >> "$FAKE_LOG"
case "$1" in
env) echo "go$FAKE_VERSION" ;;
list) echo a; echo b; echo c ;;
build)
    for argument; do case "$previous" in -o) target=$argument ;; esac; previous=$argument; done
    echo a; echo b
    [ -z "$FAKE_FAILURE" ] || { echo "# b" >&2; echo "b.go:1:1: broken" >&2; exit 1; }
    printf '#!/bin/sh\\necho hello\\n' > "$target/hello"; chmod +x "$target/hello"
    ;;
esac
"""


class Workshop:
    """A builder with a module of its own and a Go that only pretends."""

    def __init__(self, layout: Layout, folder: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.sources = folder / "go"
        self.module = self.sources / "hello"
        (self.module / "cmd" / "hello").mkdir(parents=True)
        (self.module / "go.mod").write_text("module hello\n\ngo 1.26.0\n")
        (self.module / "go.sum").write_text("")
        (self.module / "cmd" / "hello" / "main.go").write_text("package main\n")
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.log = folder / "log"
        self.log.touch()
        monkeypatch.setattr(builds, "GO_SOURCES", self.sources)
        monkeypatch.setenv("FAKE_LOG", str(self.log))
        monkeypatch.setenv("PATH", f"{self.programs}:/usr/bin:/bin")
        self.set_go("1.26.1")
        self.builder = Builder(layout, Runner(), progress)

    def set_go(self, version: str | None) -> None:
        self.monkeypatch.setattr(builds, "_go_version", None)
        go = self.programs / "go"
        if version is None:
            go.unlink()
            return
        go.write_text(FAKE_GO)
        go.chmod(0o755)
        self.monkeypatch.setenv("FAKE_VERSION", version)

    def compilations(self) -> int:
        return sum(line.startswith("build ") for line in self.log.read_text().splitlines())


@pytest.fixture
def workshop(layout: Layout, tmp_path: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(layout, tmp_path, progress, monkeypatch)


def test_a_build_is_made_once_and_has_all_its_names(workshop: Workshop) -> None:
    folder = workshop.builder.build(BUILD)
    assert {path.name for path in folder.iterdir()} == {"hello", "greet"}
    assert subprocess.run([folder / "greet"], capture_output=True, check=True).stdout == b"hello\n"
    assert workshop.builder.build(BUILD) == folder
    assert workshop.compilations() == 1


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "cmd/hello/main.go", "cmd/hello/other.go"])
def test_a_changed_file_is_another_build(workshop: Workshop, name: str) -> None:
    before = workshop.builder.key(BUILD)
    with (workshop.module / name).open("a") as file:
        file.write("// changed\n")
    assert workshop.builder.key(BUILD) != before


def test_other_flags_or_another_go_are_another_build(workshop: Workshop) -> None:
    before = workshop.builder.key(BUILD)
    other = Build(name="hello", module="hello", packages=BUILD.packages, links=BUILD.links, variables={"a": "b"})
    assert workshop.builder.key(other) != before
    workshop.set_go("1.26.2")
    assert workshop.builder.key(BUILD) != before


def test_a_files_time_is_no_change(workshop: Workshop) -> None:
    before = workshop.builder.key(BUILD)
    os.utime(workshop.module / "go.mod", (0, 0))
    assert workshop.builder.key(BUILD) == before


def test_what_is_built_needs_no_go(workshop: Workshop) -> None:
    for version in ("1.26.2", "1.26.10"):
        workshop.set_go(version)
        newest = workshop.builder.build(BUILD)
    workshop.set_go(None)
    assert workshop.builder.is_built(BUILD)
    assert workshop.builder.build(BUILD) == newest
    with (workshop.module / "go.sum").open("a") as file:
        file.write("x\n")
    assert not workshop.builder.is_built(BUILD)


def test_a_failed_build_says_why_and_leaves_nothing_that_looks_built(workshop: Workshop) -> None:
    workshop.monkeypatch.setenv("FAKE_FAILURE", "1")
    with pytest.raises(SandboxError, match=r"(?s)build of hello.*b\.go:1:1: broken"):
        workshop.builder.build(BUILD)
    assert not workshop.builder.is_built(BUILD)
    workshop.monkeypatch.delenv("FAKE_FAILURE")
    assert workshop.builder.build(BUILD).exists()


def test_what_a_killed_build_left_does_not_get_into_the_next(workshop: Workshop, layout: Layout) -> None:
    partial = layout.bin / f".hello-{workshop.builder.key(BUILD)}.partial"
    partial.mkdir(parents=True)
    (partial / "half").touch()
    assert not (workshop.builder.build(BUILD) / "half").exists()
    assert not partial.exists()


def test_two_commands_at_once_build_once(workshop: Workshop, layout: Layout, progress: Progress) -> None:
    builders = [Builder(layout, Runner(), progress) for _ in range(4)]
    threads = [threading.Thread(target=builder.build, args=(BUILD,)) for builder in builders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert workshop.builder.is_built(BUILD)
    assert workshop.compilations() == 1


def test_versions_are_compared_as_numbers() -> None:
    assert version_parts("1.26.10") > version_parts("1.26.9") > version_parts("1.26")


def test_the_pinned_modules_are_complete() -> None:
    """Each module has its sums, and its own mains are where its packages say."""
    for build in (
        builds.KUBERNETES,
        builds.VICTORIAMETRICS,
        builds.ARGO_ROLLOUTS,
        builds.VICTORIALOGS,
        builds.VMALERT,
        builds.PULUMI,
        builds.PULUMI_KUBERNETES,
        builds.PULUMI_LANGUAGE_HOST,
    ):
        assert (build.source / "go.sum").stat().st_size > 0
        for package in build.packages:
            if package.startswith("./"):
                assert (build.source / package / "main.go").exists()
            else:
                module = (build.source / "go.mod").read_text()
                assert re.search(rf"^(tool |\t){re.escape(package)}$", module, re.MULTILINE)
    assert version_parts(required_go([builds.KUBERNETES])) >= (1, 26)


@pytest.mark.skipif(shutil.which("gofmt") is None, reason="no Go on this machine")
def test_our_go_files_are_formatted() -> None:
    result = subprocess.run(["gofmt", "-l", str(builds.GO_SOURCES)], capture_output=True, text=True, check=True)
    assert result.stdout == ""

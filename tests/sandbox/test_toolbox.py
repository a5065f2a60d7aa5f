from pathlib import Path

import pytest

from tools.sandbox import builds
from tools.sandbox.builds import Build
from tools.sandbox.errors import SandboxError
from tools.sandbox.paths import Layout
from tools.sandbox.toolbox import PROVIDER, PROVIDER_VERSION, Toolbox

HOST = ["pulumi-language-python", "pulumi-language-python-exec", "pulumi-analyzer-policy-python"]


class _Built:
    """Stands in for a builder that has built everything."""

    def __init__(self, layout: Layout) -> None:
        self._bin = layout.bin
        for build, programs in (
            (builds.KUBERNETES, ["kubectl"]),
            (builds.PULUMI, ["pulumi"]),
            (builds.PULUMI_LANGUAGE_HOST, HOST),
            (builds.PULUMI_KUBERNETES, [PROVIDER]),
        ):
            for program in programs:
                path = self.folder(build) / program
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(program)

    def folder(self, build: Build) -> Path:
        return self._bin / f"{build.name}-key"


def _toolbox(layout: Layout, path: str = "/nowhere", home: Path | None = None) -> Toolbox:
    environment = {"PATH": path, "HOME": str(home or layout.cache)}
    return Toolbox(layout, _Built(layout), environment)  # type: ignore[arg-type]


def _pulumi(folder: Path, version: str, *, host: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pulumi", *(["pulumi-language-python"] if host else [])):
        (folder / name).write_text(f"#!/bin/sh\necho {version}\n")
        (folder / name).chmod(0o755)


def test_settings_before_the_first_up_are_refused(layout: Layout) -> None:
    with pytest.raises(SandboxError, match="up' first"):
        _toolbox(layout).variables()


def test_programs_are_in_one_folder_first_on_the_path(layout: Layout) -> None:
    toolbox = _toolbox(layout, "/usr/bin:/bin")
    toolbox.make()
    variables = toolbox.variables()
    first, rest = variables["PATH"].split(":", 1)
    names = {"kubectl", "pulumi", *HOST}
    assert {path.name for path in Path(first).iterdir()} == names
    assert rest == "/usr/bin:/bin"
    assert variables["PULUMI_CONFIG_PASSPHRASE"] == ""
    assert Path(variables["PULUMI_BACKEND_URL"].removeprefix("file://")).is_dir()
    again = _toolbox(layout, variables["PATH"])
    assert again.variables() == variables
    assert again.own_pulumi is None  # ours, found on the path, is not somebody else's


def test_the_provider_is_where_pulumi_looks_and_follows_its_build(layout: Layout) -> None:
    toolbox = _toolbox(layout)
    toolbox.make()
    plugin = layout.pulumi_home / "plugins" / f"resource-kubernetes-v{PROVIDER_VERSION}" / PROVIDER
    assert plugin.read_text() == PROVIDER
    built = layout.bin / "pulumi-kubernetes-key" / PROVIDER
    built.unlink()
    built.write_text("newer")
    toolbox.make()
    assert plugin.read_text() == "newer"


@pytest.mark.parametrize(
    ("version", "used"),
    [("v3.215.0", True), ("v3.300.1", True), ("v3.214.9", False), ("v2.900.0", False), ("?", False)],
)
def test_the_machines_own_pulumi_is_used_when_it_is_new_enough(
    layout: Layout, tmp_path: Path, version: str, used: bool
) -> None:
    _pulumi(tmp_path / "official", version)
    toolbox = _toolbox(layout, f"{tmp_path / 'official'}:/usr/bin:/bin")
    assert (toolbox.own_pulumi is not None) == used
    assert (builds.PULUMI in toolbox.builds()) != used
    toolbox.make()
    assert (toolbox.folder / "pulumi").exists() != used
    assert (toolbox.folder / "kubectl").exists()


def test_a_pulumi_without_its_python_host_is_not_used(layout: Layout, tmp_path: Path) -> None:
    _pulumi(tmp_path / "official", "v3.215.0", host=False)
    assert _toolbox(layout, f"{tmp_path / 'official'}:/usr/bin:/bin").own_pulumi is None


def test_an_installed_provider_of_this_version_is_used(layout: Layout, tmp_path: Path) -> None:
    plugin = tmp_path / ".pulumi" / "plugins" / f"resource-kubernetes-v{PROVIDER_VERSION}" / PROVIDER
    plugin.parent.mkdir(parents=True)
    plugin.write_text("official")
    plugin.chmod(0o755)
    toolbox = _toolbox(layout, home=tmp_path)
    assert builds.PULUMI_KUBERNETES not in toolbox.builds()
    toolbox.make()
    there = layout.pulumi_home / "plugins" / f"resource-kubernetes-v{PROVIDER_VERSION}" / PROVIDER
    assert there.read_text() == "official"

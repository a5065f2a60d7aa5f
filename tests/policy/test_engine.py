"""The policy pack as Pulumi runs it: by the real engine, on a program whose resources are written to files in place of
a cluster (the provider's `renderYamlToDirectory`).
"""

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "tools" / "policy"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("engine"),
    pytest.mark.skipif(
        importlib.util.find_spec("pulumi_policy") is None,
        reason="pulumi-policy is not installed: make .venv/.installed",
    ),
]

PROGRAM = """
import pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap
config = pulumi.Config()
here = pulumi.ResourceOptions(provider=Provider("files", render_yaml_to_directory="rendered"))
CustomResource(
    "switch", api_version="kafka-bluegreen.io/v1alpha1", kind="KafkaConsumerSwitch",
    metadata={"name": "consumer", "namespace": "default"},
    spec={"active": config.require("active"), "attempt": 1}, opts=here,
)
ConfigMap(
    "producer", metadata={"name": "producer", "namespace": "default"},
    data={"rate": config.require("rate"), "password": config.require_secret("password")}, opts=here,
)
"""


class Program:
    """A stack of that program, up with blue active and a rate of 100."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "state").mkdir()
        home = folder / "home"
        home.mkdir()
        (home / "plugins").symlink_to(Path(os.environ["PULUMI_HOME"]) / "plugins")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "KUBECONFIG"},  # to files, to no cluster
            "PULUMI_HOME": str(home),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
        }
        virtualenv = f"virtualenv: {ROOT / '.venv'}"
        (folder / "Pulumi.yaml").write_text(f"name: policed\nruntime:\n  name: python\n  options: {{{virtualenv}}}\n")
        (folder / "__main__.py").write_text(PROGRAM)
        self.ok("stack", "init", "one")
        self.ok("config", "set", "active", "blue")
        self.ok("config", "set", "rate", "100")
        self.ok("config", "set", "--secret", "password", "hunter2")
        self.ok("up", "--yes", "--skip-preview")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def ok(self, *arguments: str) -> None:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def preview(self, *arguments: str) -> tuple[int, str]:
        done = self.run("preview", "--policy-pack", str(PACK), *arguments)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    if shutil.which("pulumi-analyzer-policy-python") is None:
        pytest.fail("Pulumi's launcher of Python's policy packs is not on PATH: python -m tools.sandbox up")
    return Program(tmp_path_factory.mktemp("policed"))


def test_one_changed_field_passes_and_a_second_one_is_refused_unless_it_is_allowed(program: Program) -> None:
    program.ok("config", "set", "active", "green")
    code, said = program.preview()
    assert code == 0, said
    program.ok("config", "set", "rate", "2000")
    code, said = program.preview()
    assert code != 0, said
    assert "active changes together with ConfigMap producer: data.rate" in said
    assert "hunter2" not in said
    allowed = program.folder / "together.json"
    allowed.write_text(json.dumps({"active-alone": {"together": True}}))
    code, said = program.preview("--policy-pack-config", str(allowed))
    assert code == 0, said
    program.ok("config", "set", "active", "blue")
    code, said = program.preview()
    assert code == 0, f"without a switch everything may change: {said}"

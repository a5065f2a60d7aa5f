"""The definitions of Strimzi's resources, made by Strimzi's own generator from its own classes.

Only what strategy E uses: KafkaConnect and KafkaConnector, ``kafka.strimzi.io/v1``. The checkout has the recipe and the
jars' checksums, the cache what is made.
"""

import os
import tempfile
from pathlib import Path

import yaml

from tools.sandbox import jdk, maven
from tools.sandbox.errors import SandboxError
from tools.sandbox.inputs import Input, cached
from tools.sandbox.paths import SOURCES, Layout
from tools.sandbox.process import Runner

FOLDER = SOURCES / "strimzi-crds"
POM, CHECKSUMS = FOLDER / "pom.xml", FOLDER / "SHA256SUMS"
VERSION = "1.2.0"
JAVA = 21  # of its byte code
WHAT = "the jars of Strimzi's generator"
ARGUMENTS = (
    *("--yaml", "--target-kube", "1.27+", "--crd-api-version", "v1"),
    *("--api-versions", "v1", "--storage-version", "v1"),
)
CLASSES = {
    "kafkaconnects": "io.strimzi.api.kafka.model.connect.KafkaConnect",
    "kafkaconnectors": "io.strimzi.api.kafka.model.connector.KafkaConnector",
}
NAMES = tuple(f"{plural}.kafka.strimzi.io" for plural in CLASSES)
# What tells these from those that came with an operator: there is none of Strimzi's in the sandbox.
LABELS = {"app.kubernetes.io/version": VERSION, "app.kubernetes.io/managed-by": "kafka-bluegreen-sandbox"}


def definitions(layout: Layout, runner: Runner) -> Input:
    """The folder with one file per definition, which is kept in the cache. Making it may raise SandboxError."""
    identity = "\0".join([POM.read_text(), CHECKSUMS.read_text(), *ARGUMENTS, *CLASSES.values()])
    return cached(layout, "strimzi-crds", identity, lambda target: _make(runner, target))


def labelled(folder: Path) -> str:
    """The definitions of the folder as one YAML stream, with `LABELS`."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())
        metadata = definition["metadata"]
        metadata["labels"] = {**(metadata.get("labels") or {}), **LABELS}
        found.append(definition)
    return yaml.safe_dump_all(found, sort_keys=False)


def missing_java() -> str:
    """What is said when the machine has no Java that is new enough."""
    return (
        f"Java {JAVA} or newer is missing, with which Strimzi's CRDs are made (looked for in {jdk.looked_at()}):"
        " install one, which may stand beside an older one, and set JAVA_HOME to it if it is somewhere else"
    )


def _make(runner: Runner, target: Path) -> None:
    java = jdk.find(JAVA, os.environ)
    if java is None:
        raise SandboxError(missing_java())
    with tempfile.TemporaryDirectory() as folder:
        jars = Path(folder) / "jars"
        maven.fetch(runner, POM, jars, ["-DincludeScope=runtime"], checksums=CHECKSUMS, what=WHAT)
        target.mkdir()
        command = [str(java), "-cp", f"{jars}/*", "io.strimzi.crdgenerator.CrdGenerator", *ARGUMENTS]
        command += [f"{name}={target / plural}.yaml" for plural, name in CLASSES.items()]
        runner.run(command, what="Strimzi's generator of CRDs", seconds=120)

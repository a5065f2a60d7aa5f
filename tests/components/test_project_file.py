"""Pulumi.yaml, the switch's definition and docs/configuration.md say what components/settings declares.

And the stacks' files are accepted.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from components.settings import NAMESPACE, generate, platform_settings, schema_defaults, strategy_settings

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
OURS = {key: entry for key, entry in PROJECT["config"].items() if ":" not in key}


def handed_over(value: object) -> str:
    """A value of a configuration file as Pulumi gives it to a program."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize("part", generate.parts(), ids=lambda part: part.path.name)
def test_what_is_generated_is_as_it_would_be_generated_now(part: generate.Part) -> None:
    content = part.path.read_text(encoding="utf-8")
    assert part.applied(content) == content, f"run: {generate.COMMAND}"


def test_the_schema_has_the_keys_and_defaults_of_the_settings() -> None:
    assert {key: handed_over(entry["default"]) for key, entry in OURS.items()} == schema_defaults()


def test_every_key_is_described() -> None:
    assert [key for key, entry in OURS.items() if not entry.get("description")] == []


def test_the_program_runs_as_the_contract_says() -> None:
    assert PROJECT["name"] == NAMESPACE
    assert PROJECT["stackConfigDir"] == "stacks"
    assert PROJECT["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
    assert PROJECT["config"]["kubernetes:enableConfigMapMutable"] == {"value": "true"}


@pytest.mark.parametrize("path", sorted((ROOT / "stacks").glob("Pulumi.*.yaml")), ids=lambda path: path.name)
def test_every_stack_file_is_accepted(path: Path) -> None:
    stack = path.name.split(".")[1]
    configuration = yaml.safe_load(path.read_text(encoding="utf-8"))["config"]
    raw = {
        **schema_defaults(),
        **{key.removeprefix(f"{NAMESPACE}:"): handed_over(value) for key, value in configuration.items()},
    }
    if stack == "platform":
        assert platform_settings(raw, stack).platform == "sandbox"
    else:
        assert strategy_settings(raw, stack).strategy == stack.removeprefix("strategy-")[0]


def test_every_stack_file_has_the_salt_of_the_sandboxs_passphrase() -> None:
    """Pulumi would write one at the first `up`, and a tracked file would be changed; one for all is one key to derive.

    What a salt is made of: `v1:<salt>:v1:<nonce>:<the word pulumi, encrypted>` (`secrets/passphrase/manager.go` and
    `resource/config/crypt.go` of pulumi 3.215).
    """
    files = sorted((ROOT / "stacks").glob("Pulumi.*.yaml"))
    (text,) = {yaml.safe_load(path.read_text(encoding="utf-8"))["encryptionsalt"] for path in files}
    _, salt, _, nonce, word = text.split(":")
    passphrase = b""  # as tests/sandbox/test_toolbox.py has it
    key = hashlib.pbkdf2_hmac("sha256", passphrase, base64.b64decode(salt), 1_000_000)
    assert AESGCM(key).decrypt(base64.b64decode(nonce), base64.b64decode(word), None) == b"pulumi"


# -- the generator ---------------------------------------------------------------------------------------


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The three files in a folder of their own, the one of docs with markers and nothing between them."""
    for part in generate.parts():
        copy = tmp_path / part.path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(part.path.read_bytes())
    page = f"# Before\n\n<!-- generated from components/settings: {generate.COMMAND} -->\n"
    (tmp_path / "docs" / "configuration.md").write_text(
        f"{page}<!-- end of what is generated -->\nafter\n", encoding="utf-8"
    )
    made = generate.parts(tmp_path)
    monkeypatch.setattr(generate, "parts", lambda: made)
    return tmp_path


def test_a_check_says_what_is_stale_and_writes_nothing(copies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (copies / "docs" / "configuration.md").read_bytes()
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().err == f"configuration.md is not what the settings say; run: {generate.COMMAND}\n"
    assert (copies / "docs" / "configuration.md").read_bytes() == before
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    text = (copies / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert text.startswith("# Before\n")
    assert text.endswith("<!-- end of what is generated -->\nafter\n")
    assert "| `drainTimeoutSeconds` | strategy-* | 1-300 = 10 |" in text
    assert "| `blue`, `green` | strategy-* | object |" in text


def test_a_changed_default_is_found(copies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate.main([])
    for name, old, new in (
        ("Pulumi.yaml", "default: takeover", "default: shared"),
        ("components/files/kafkaconsumerswitch.yaml", "maximum: 300\n", "maximum: 301\n"),
    ):
        path = copies / name
        right = path.read_text(encoding="utf-8")
        assert old in right
        path.write_text(right.replace(old, new, 1), encoding="utf-8")
        capsys.readouterr()
        assert generate.main(["--check"]) == 1
        assert path.name in capsys.readouterr().err
        path.write_text(right, encoding="utf-8")


def test_a_file_without_its_markers_is_named(copies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copies / "docs" / "configuration.md").write_text("nothing\n", encoding="utf-8")
    assert generate.main(["--check"]) == 1
    assert "configuration.md: needs one line '<!-- generated from" in capsys.readouterr().err
    assert generate.main(["--chekc"]) == 2

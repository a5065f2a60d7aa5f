"""Every way in which Pulumi's provider can be told its cluster leads to the same one, and none says a credential."""

import base64
import json
import logging
import stat
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.cluster import kubeconfig
from components.cluster.access import AccessError, ClusterAccess, configuration, require_named, require_readable

SECRET = "hunter2-hunter2-hunter2"  # noqa: S105 - nobody's
HERE = "https://10.0.0.1:6443"
THERE = "https://10.0.0.2:6443"


def content(user: Mapping[str, Any] | None = None, /, **changed: Any) -> dict[str, Any]:
    """A kubeconfig with two clusters, `here` being the current one."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "here", "cluster": {"server": HERE}},
            {"name": "there", "cluster": {"server": THERE}},
        ],
        "users": [{"name": "me", "user": {"token": SECRET} if user is None else dict(user)}],
        "contexts": [
            {"name": "here", "context": {"cluster": "here", "user": "me"}},
            {"name": "there", "context": {"cluster": "there", "user": "me"}},
        ],
        "current-context": "here",
        **changed,
    }


def with_clusters(**servers: str) -> dict[str, Any]:
    """A kubeconfig with a cluster and a context of each name; the first is current."""
    return content(
        clusters=[{"name": name, "cluster": {"server": server}} for name, server in servers.items()],
        contexts=[{"name": name, "context": {"cluster": name, "user": "me"}} for name in servers],
        **{"current-context": next(iter(servers))},
    )


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, in a folder of its own, and no cluster around."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    return folder


def write(path: Path, text: str | Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else yaml.safe_dump(dict(text)), encoding="utf-8")
    return path


# -- the same cluster ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [yaml.safe_dump, json.dumps, lambda c: json.dumps(c, indent=2)])
def test_a_kubeconfig_as_content(form: Callable[[Any], str]) -> None:
    made = configuration(ClusterAccess(form(content())))
    assert (made.host, made.auth_settings()["BearerToken"]["value"]) == (HERE, f"Bearer {SECRET}")


def test_a_kubeconfig_as_a_path(home: Path) -> None:
    write(home / "elsewhere" / "config", content())
    for given in (str(home / "elsewhere" / "config"), "~/elsewhere/config", "elsewhere/config"):
        assert configuration(ClusterAccess(given)).host == HERE


@pytest.mark.parametrize("given", [True, False], ids=["given", "in KUBECONFIG"])
def test_a_list_of_paths_is_merged_as_client_go_does(given: bool, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first file that says something has its way, also about the current context; absent files are passed over."""
    write(home / "first", with_clusters(here=HERE))
    write(home / "second", with_clusters(there=THERE, here="https://wrong"))
    listed = f"{home / 'absent'}:{home / 'first'}::{home / 'second'}"
    if not given:
        monkeypatch.setenv("KUBECONFIG", listed)
    access = listed if given else None
    assert configuration(ClusterAccess(access)).host == HERE
    assert configuration(ClusterAccess(access, context="there")).host == THERE


def test_without_any_the_one_at_home(home: Path) -> None:
    write(home / ".kube" / "config", content())
    assert configuration(ClusterAccess()).host == HERE
    assert configuration(ClusterAccess("")).host == HERE


def test_the_environment_is_read_when_it_is_asked_not_when_it_is_loaded(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / "one", with_clusters(here=HERE))
    write(home / "two", with_clusters(there=THERE))
    for name, server in (("one", HERE), ("two", THERE)):
        monkeypatch.setenv("KUBECONFIG", str(home / name))
        assert configuration(ClusterAccess()).host == server


def test_another_context_and_another_cluster() -> None:
    text = yaml.safe_dump(content())
    assert configuration(ClusterAccess(text, context="there")).host == THERE
    assert configuration(ClusterAccess(text, cluster="there")).host == THERE
    assert configuration(ClusterAccess(text, context="there", cluster="here")).host == HERE


@pytest.fixture
def service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is in a pod."""
    from kubernetes.config import incluster_config

    token = write(tmp_path / "account" / "token", SECRET)
    authority = write(tmp_path / "account" / "ca.crt", "-----BEGIN CERTIFICATE-----\n")
    monkeypatch.setattr(kubeconfig, "TOKEN_FILE", token)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.3")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")


@pytest.mark.usefixtures("service_account")
def test_in_a_pod_its_service_account(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = configuration(ClusterAccess())
    assert (made.host, made.auth_settings()["BearerToken"]["value"]) == ("https://10.0.0.3:443", f"bearer {SECRET}")
    monkeypatch.setenv("KUBECONFIG", str(home / "absent"))
    assert configuration(ClusterAccess()).host == "https://10.0.0.3:443"
    write(home / ".kube" / "config", content())
    monkeypatch.delenv("KUBECONFIG")
    assert configuration(ClusterAccess()).host == HERE


def test_files_beside_the_kubeconfig_are_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As kubectl finds them, beside the file; and as the provider does, which starts at the program's folder."""
    user = {"tokenFile": "token"}
    write(home / "sub" / "token", SECRET)
    path = write(home / "sub" / "config", content(user))
    monkeypatch.setenv("KUBECONFIG", str(path))
    for access in (ClusterAccess(), ClusterAccess(str(path))):
        assert configuration(access).auth_settings()["BearerToken"]["value"] == f"Bearer {SECRET}"
    write(home / "token", "the program's")
    assert configuration(ClusterAccess(str(path))).auth_settings()["BearerToken"]["value"] == "Bearer the program's"
    assert configuration(ClusterAccess()).auth_settings()["BearerToken"]["value"] == f"Bearer {SECRET}"


def test_a_client_certificate() -> None:
    data = base64.b64encode(SECRET.encode()).decode()
    made = configuration(
        ClusterAccess(yaml.safe_dump(content({"client-certificate-data": data, "client-key-data": data})))
    )
    assert Path(made.key_file).read_text(encoding="utf-8") == SECRET
    assert stat.S_IMODE(Path(made.key_file).stat().st_mode) == 0o600


def plugin(folder: Path, script: str) -> dict[str, Any]:
    program = write(folder / "plugin", f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "args": [SECRET]}}


def test_an_exec_plugin(home: Path) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": SECRET},
    }
    access = ClusterAccess(yaml.safe_dump(content(plugin(home, f"echo '{json.dumps(credential)}'"))))
    assert configuration(access).auth_settings()["BearerToken"]["value"] == f"Bearer {SECRET}"


# -- no credential in what is said -----------------------------------------------------------------------


def whole_text(error: BaseException) -> str:
    """What any reporter could print of it: the chain, whether or not it is suppressed."""
    text, seen = "", error
    while seen is not None:
        text += "".join(traceback.format_exception(seen)) + repr(seen)
        seen = seen.__cause__ or seen.__context__  # type: ignore[assignment]
    # The lines of this test's own source, which hold the word SECRET but not its value.
    return text


ENCODED = base64.b64encode(SECRET.encode()).decode()
BROKEN: dict[str, str] = {
    "broken YAML": f"clusters: [\nusers:\n- name: me\n  user: {{token: {SECRET}\n",
    "YAML with a tab": f"users:\n\t- token: {SECRET}",
    "broken JSON": json.dumps(content())[:-3],
    "a token alone": SECRET,
    "a path that is not there": f"/no/such/{SECRET}",
    "a control character": f"token: \x01{SECRET}",
    "a null byte": f"token: \x00{SECRET}",
    "nothing but a list": f"- {SECRET}",
    "no list of users": yaml.safe_dump(content(users={"me": {"token": SECRET}})),
    "no object in users": yaml.safe_dump(content(users=[f"token {SECRET}"])),
    "a nameless user": yaml.safe_dump(content(users=[{"user": {"token": SECRET}}])),
    "an unknown context": yaml.safe_dump(content(**{"current-context": "x"})),
    "no server": yaml.safe_dump(content(clusters=[{"name": "here", "cluster": {"proxy-url": f"http://u:{SECRET}@p"}}])),
    "a server that is none": yaml.safe_dump(
        content(clusters=[{"name": "here", "cluster": {"server": f"https://u:{SECRET}@[::1"}}])
    ),
    "a server with a port that is none": yaml.safe_dump(
        content(clusters=[{"name": "here", "cluster": {"server": f"https://u:x@h:{SECRET}"}}])
    ),
    "a certificate that is not base64": yaml.safe_dump(content({"client-certificate-data": f"{SECRET}=x"})),
    "a token that is an object": yaml.safe_dump(content({"token": {"value": SECRET}, "tokenFile": SECRET})),
    "an absent token file": yaml.safe_dump(content({"tokenFile": f"/no/{SECRET}"})),
    "an exec plugin that is not there": yaml.safe_dump(
        content({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": f"no-{SECRET}"}})
    ),
    "an exec plugin that is none": yaml.safe_dump(content({"exec": SECRET})),
    "an auth provider without configuration": yaml.safe_dump(
        content({"auth-provider": {"name": "gcp", "config": {"cmd-path": "", "cmd-args": SECRET}}})
    ),
}


@pytest.mark.parametrize("form", ["content", "path", "KUBECONFIG"])
@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_no_error_holds_a_credential(  # noqa: PLR0917 - fixtures
    text: str,
    form: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = str(write(home / "config", text))
    if form == "KUBECONFIG":
        monkeypatch.setenv("KUBECONFIG", path)
    access = ClusterAccess({"content": text, "path": path, "KUBECONFIG": None}[form])
    with caplog.at_level(logging.DEBUG):
        try:
            configuration(access)
        except AccessError as error:
            said = whole_text(error)
        else:
            assert text == BROKEN["a token that is an object"]
            said = ""
    said += repr(access) + caplog.text + "".join(capfd.readouterr())
    assert SECRET not in said
    assert ENCODED not in said


def test_an_exec_plugin_that_fails_is_named_without_what_it_said(
    home: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    text = yaml.safe_dump(content(plugin(home, f"echo {SECRET} >&2; echo {SECRET}; exit 1")))
    with pytest.raises(AccessError, match=r"the plugin that its user names \(exec\) gave no credential") as refused:
        configuration(ClusterAccess(text))
    said = whole_text(refused.value) + caplog.text + "".join(capfd.readouterr())
    assert SECRET not in said


def test_a_file_that_cannot_be_read_is_named(home: Path) -> None:
    (home / "folder").mkdir()
    with pytest.raises(AccessError, match=r"kubeconfig .*/folder cannot be read: Is a directory"):
        configuration(ClusterAccess(str(home / "folder")))
    (home / "bytes").write_bytes(b"\xff\xfe" + SECRET.encode())
    with pytest.raises(AccessError, match="bytes is not text") as refused:
        configuration(ClusterAccess(str(home / "bytes")))
    assert SECRET not in whole_text(refused.value)


def test_what_is_wrong_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = yaml.safe_dump(content())
    with pytest.raises(AccessError, match="has no context 'x'; it has: here, there"):
        require_readable(ClusterAccess(text, context="x"))
    with pytest.raises(AccessError, match="has no cluster 'x'; it has: here, there"):
        require_readable(ClusterAccess(text, cluster="x"))
    with pytest.raises(AccessError, match=r"no cluster is named: ~/.kube/config .* set KUBECONFIG, or"):
        require_readable(ClusterAccess())
    monkeypatch.setenv("KUBECONFIG", str(home / "absent"))
    with pytest.raises(AccessError, match=r"KUBECONFIG .*absent"):
        require_readable(ClusterAccess())
    with pytest.raises(AccessError, match=r"neither YAML nor JSON \(line 2, column"):
        require_readable(ClusterAccess("a: b\n  c: d"))


def test_readable_is_what_can_be_used(home: Path) -> None:
    require_readable(ClusterAccess(yaml.safe_dump(content())))


# -- the sandbox's cluster, and no other -----------------------------------------------------------------


def test_with_the_sandboxs_platform_the_cluster_has_to_be_named() -> None:
    """Without KUBECONFIG the default kubeconfig would be taken, which is of another cluster."""
    with pytest.raises(AccessError, match=r'KUBECONFIG is not set.*run: eval "\$\(python -m tools.sandbox env\)"'):
        require_named(ClusterAccess(), "sandbox", {"PULUMI_CONFIG_PASSPHRASE": ""})


@pytest.mark.parametrize(
    ("access", "platform", "environment"),
    [
        (ClusterAccess(), "sandbox", {"KUBECONFIG": "/there"}),
        (ClusterAccess("/there"), "sandbox", {}),
        (ClusterAccess(context="there"), "sandbox", {}),
        (ClusterAccess(), "cluster", {}),
    ],
)
def test_a_cluster_that_is_named_is_taken(access: ClusterAccess, platform: str, environment: Mapping[str, str]) -> None:
    require_named(access, platform, environment)

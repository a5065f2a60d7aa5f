"""A sidecar reads one Lease and reports on its own pod, and nothing else: tried with its own token, in its own pod."""

import json
import subprocess

import pytest

from tests.support.field import Field

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c")]

# Runs inside the sidecar's container: prints the HTTP status of each attempt.
_ATTEMPTS = """
import json, ssl, urllib.error, urllib.request
base = "/var/run/secrets/kubernetes.io/serviceaccount/"
token, space = open(base + "token").read(), open(base + "namespace").read()
context = ssl.create_default_context(cafile=base + "ca.crt")
condition = {"type": "kafka-bluegreen.io/Lifecycle", "status": "True", "reason": "ACTIVE", "message": "a lie"}
other = {**condition, "type": "Ready"}
def call(method, path, body=None, kind="application/strategic-merge-patch+json"):
    request = urllib.request.Request("https://kubernetes.default.svc" + path, method=method)
    request.add_header("Authorization", "Bearer " + token)
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        request.add_header("Content-Type", kind)
    try:
        return urllib.request.urlopen(request, data, timeout=10, context=context).status
    except urllib.error.HTTPError as error:
        return error.code
core, leases = f"/api/v1/namespaces/{space}", f"/apis/coordination.k8s.io/v1/namespaces/{space}/leases"
patch = lambda pod, body: call("PATCH", f"{core}/pods/{pod}/status", body)
print(json.dumps({
    "own lease": call("GET", f"{leases}/consumer-switch"),
    "all leases": call("GET", leases),
    "write the lease": call("PATCH", f"{leases}/consumer-switch", {"spec": {"holderIdentity": "green"}}),
    "own pod, another condition": patch("consumer-blue-0", {"status": {"conditions": [other]}}),
    "own pod, phase": patch("consumer-blue-0", {"status": {"phase": "Failed"}}),
    "neighbour of its colour": patch("consumer-blue-1", {"status": {"conditions": [condition]}}),
    "neighbour of the other colour": patch("consumer-green-0", {"status": {"conditions": [condition]}}),
    "read its pod": call("GET", f"{core}/pods/consumer-blue-0"),
    "list pods": call("GET", f"{core}/pods"),
    "secrets": call("GET", f"{core}/secrets"),
    "the switch": call("GET", f"/apis/kafka-bluegreen.io/v1alpha1/namespaces/{space}/kafkaconsumerswitches/consumer"),
    "own pod, nothing changed": patch("consumer-blue-0", {"status": {"conditions": []}}),
}))
"""


def _in_pod(field: Field, container: str, code: str) -> str:
    command = [
        "kubectl",
        "exec",
        "-n",
        field.namespace,
        "consumer-blue-0",
        "-c",
        container,
        "--",
        "python3",
        "-c",
        code,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_sidecar_can_do_its_work_and_nothing_else(blue: Field) -> None:
    answers = json.loads(_in_pod(blue, "sidecar", _ATTEMPTS))
    allowed = {what for what, status in answers.items() if status == 200}
    assert allowed == {"own lease", "own pod, nothing changed"}, answers
    assert {status for what, status in answers.items() if what not in allowed} <= {403, 422}, answers


def test_the_consumer_has_no_token(blue: Field) -> None:
    code = "import os; print(os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token'))"
    assert _in_pod(blue, "consumer", code).strip() == "False"


def test_the_containers_are_unprivileged_and_read_only(blue: Field) -> None:
    code = (
        "import os\n"
        "print(os.geteuid())\n"
        "try:\n"
        "    open('/workload-was-here', 'w')\n"
        "    print('written')\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('CapEff')][0])\n"
    )
    for container in ("sidecar", "consumer"):
        user, written, capabilities = _in_pod(blue, container, code).splitlines()
        assert int(user) != 0
        assert written == "Read-only file system"
        assert int(capabilities, 16) == 0

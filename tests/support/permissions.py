"""What a pod's own token may do at the API server: tried with it, in the pod."""

import json
import subprocess
from collections.abc import Sequence

# Runs inside the container, with the pod's name and its neighbours': prints the HTTP status of each attempt.
_ATTEMPTS = """
import json, ssl, sys, urllib.error, urllib.request
own, *neighbours = sys.argv[1:]
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
connectors = f"/apis/kafka.strimzi.io/v1/namespaces/{space}/kafkaconnectors"
patch = lambda pod, body: call("PATCH", f"{core}/pods/{pod}/status", body)
print(json.dumps({
    "own lease": call("GET", f"{leases}/consumer-switch"),
    "all leases": call("GET", leases),
    "write the lease": call("PATCH", f"{leases}/consumer-switch", {"spec": {"holderIdentity": "green"}}),
    "own pod, another condition": patch(own, {"status": {"conditions": [other]}}),
    "own pod, phase": patch(own, {"status": {"phase": "Failed"}}),
    **{f"report for {pod}": patch(pod, {"status": {"conditions": [condition]}}) for pod in neighbours},
    "read its pod": call("GET", f"{core}/pods/{own}"),
    "list pods": call("GET", f"{core}/pods"),
    "list configmaps": call("GET", f"{core}/configmaps"),
    "secrets": call("GET", f"{core}/secrets"),
    "connectors": call("GET", connectors),
    "the switch": call("GET", f"/apis/kafka-bluegreen.io/v1alpha1/namespaces/{space}/kafkaconsumerswitches/consumer"),
    "own pod, nothing changed": patch(own, {"status": {"conditions": []}}),
}))
"""


def python_in(namespace: str, pod: str, container: str, code: str, *arguments: str) -> str:
    """What a piece of Python prints in a container."""
    command = ["kubectl", "exec", "-n", namespace, pod, "-c", container, "--", "python3", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def allowed_to(namespace: str, pod: str, container: str, neighbours: Sequence[str]) -> set[str]:
    """Which of the attempts succeed; all others are refused for want of a permission, or by the admission policy."""
    answers: dict[str, int] = json.loads(python_in(namespace, pod, container, _ATTEMPTS, pod, *neighbours))
    allowed = {what for what, status in answers.items() if status == 200}
    assert {status for what, status in answers.items() if what not in allowed} <= {403, 422}, answers
    return allowed

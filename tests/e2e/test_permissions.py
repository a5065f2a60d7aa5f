"""A sidecar reads one Lease and reports on its own pod, and nothing else: tried with its own token, in its own pod."""

import pytest

from tests.support.field import Field
from tests.support.permissions import allowed_to, python_in

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("strategy-c")]

POD = "consumer-blue-0"


def test_a_sidecar_can_do_its_work_and_nothing_else(blue: Field) -> None:
    allowed = allowed_to(blue.namespace, POD, "sidecar", ["consumer-blue-1", "consumer-green-0"])
    assert allowed == {"own lease", "own pod, nothing changed"}


def test_the_consumer_has_no_token(blue: Field) -> None:
    code = "import os; print(os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token'))"
    assert python_in(blue.namespace, POD, "consumer", code).strip() == "False"


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
        user, written, capabilities = python_in(blue.namespace, POD, container, code).splitlines()
        assert int(user) != 0
        assert written == "Read-only file system"
        assert int(capabilities, 16) == 0

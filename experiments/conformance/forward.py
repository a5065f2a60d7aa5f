"""The way from this machine to the cluster's broker: a port-forward, and a relay before it.

The broker has a listener that is advertised as `localhost:19092` (`components/files/kafka/server.properties`), so that
whoever comes through a forward of that port stays on it.
"""

import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from components.names import KAFKA, KAFKA_FORWARDED_PORT, PLATFORM_NAMESPACE
from experiments.conformance.relay import Relay
from experiments.errors import PreflightError

_SECONDS = 20.0
_FORWARDING = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+) ->")


@contextmanager
def to_the_broker() -> Iterator[Relay]:
    """A relay at the address that the broker says it has. Raises `PreflightError`."""
    with forwarded(PLATFORM_NAMESPACE, f"{KAFKA}-0", KAFKA_FORWARDED_PORT) as ports:
        try:
            relay = Relay(("127.0.0.1", ports[KAFKA_FORWARDED_PORT]), port=KAFKA_FORWARDED_PORT)
        except OSError as error:
            raise PreflightError(
                f"nobody can listen on 127.0.0.1:{KAFKA_FORWARDED_PORT}, as which the broker is known here "
                f"({error.strerror}): end what does"
            ) from error
        try:
            yield relay
        finally:
            relay.close()


@contextmanager
def forwarded(namespace: str, pod: str, *ports: int) -> Iterator[dict[int, int]]:
    """Ports of this machine by ports of the pod, as long as it lasts. Raises `PreflightError`."""
    command = ["kubectl", "port-forward", "-n", namespace, f"pod/{pod}", *(f":{port}" for port in ports)]
    try:
        # Unbuffered: what is read ahead would be waited for in vain.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    except OSError as error:
        raise PreflightError(f"kubectl cannot be started: {error.strerror}") from error
    try:
        yield _listening(process, pod, ports)
    finally:
        process.terminate()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _listening(process: "subprocess.Popen[bytes]", pod: str, ports: tuple[int, ...]) -> dict[int, int]:
    found: dict[int, int] = {}
    until = time.monotonic() + _SECONDS
    told, wrong = process.stdout, process.stderr
    if told is None or wrong is None:
        raise TypeError("both are pipes")
    while len(found) < len(ports):
        ready, _, _ = select.select([told], [], [], max(0.0, until - time.monotonic()))
        line = told.readline() if ready else b""
        if not line:
            process.kill()
            said = wrong.read().decode(errors="replace").strip()
            raise PreflightError(f"kubectl port-forward to {pod} gives no port: {said or 'no answer'}")
        if match := _FORWARDING.search(line):
            found[ports[len(found)]] = int(match[1])
    return found

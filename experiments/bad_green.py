"""What a green does wrong in scenario 5, for colours whose members handle records, and for connectors.

Members of our own fail half of their records, or handle a quarter of what comes in, as they are told while they run. A
connector has no fault to inject. Its records get keys, of which half are plain text and the others JSON, and green's
connector is configured to read keys as JSON: Connect refuses that half. With `errors.tolerance: all` it skips them, and
says so in a dead-letter queue; with `none` its tasks are FAILED at the first of them. Mended is one that reads keys as
text, as blue does.
"""

from collections.abc import Mapping
from typing import Protocol

from experiments import dead_letters, faults
from experiments.errors import PreconditionError
from experiments.lab import Lab

ERRORS, SLOW, TASKS = "errors", "slow", "tasks"
SHARE_FAILED = 0.5
_SHARE_HANDLED = 0.25
_CONVERTERS = "org.apache.kafka.connect"
_AS_JSON, _AS_TEXT = f"{_CONVERTERS}.json.JsonConverter", f"{_CONVERTERS}.storage.StringConverter"


class BadGreen(Protocol):
    """causes: what it can do wrong, in the order in which it does."""

    causes: tuple[str, str]

    def prepare(self) -> None:
        """Once, before the first round."""
        ...

    def does(self, cause: str) -> None:
        """Have it do this wrong, and nothing else; nothing at all if it is empty. It waits meanwhile."""
        ...

    def finish(self) -> None:
        """Once, after the last round."""
        ...


def of(lab: Lab) -> BadGreen:
    """The one of this lab's strategy."""
    return BadMembers(lab) if lab.parts.connectors is None else BadConnector(lab)


class BadMembers:
    """Members that handle records, by their faults."""

    causes = (ERRORS, SLOW)

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def prepare(self) -> None:
        """Nothing: the scenario has both colours configured for faults."""

    def does(self, cause: str) -> None:
        """See BadGreen. Raises FaultError."""
        lab, replicas = self._lab, self._lab.settings.replicas
        wrong: dict[str, faults.Fault] = {
            "failure_rate": SHARE_FAILED if cause == ERRORS else 0.0,
            "processing_delay_ms": faults.slow(_SHARE_HANDLED, replicas, lab.settings.rate) if cause == SLOW else 0.0,
        }
        pods = [lab.pod("green", number) for number in range(replicas)]
        faults.put(lab.namespace, lab.parts.members.program.container, pods, wrong)

    def finish(self) -> None:
        """Nothing: the pair is the run's own."""


class BadConnector:
    """A connector, by its configuration, as a user would make and mend the mistake."""

    causes = (ERRORS, TASKS)

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def prepare(self) -> None:
        """See BadGreen: a queue for what is skipped, and keys. Raises CollectionError, ClusterError."""
        dead_letters.make(self._lab.namespace)
        self._lab.producer.set_plain_keys(SHARE_FAILED)

    def does(self, cause: str) -> None:
        """See BadGreen. Raises PreconditionError."""
        self._reshaped(green={"config": self._config(cause)})

    def finish(self) -> None:
        """Green waits, configured as it is checked in: the pair is the standing one, and what is at work is not
        configured anew. Raises PreconditionError.
        """
        lab = self._lab
        if lab.active == "green":
            lab.switch()
        lab.stack.configuration.put_back("green")
        self._reshaped()

    def _reshaped(self, **changes: object) -> None:
        update = self._lab.reshape(**changes)
        if update.error is not None:
            raise PreconditionError(f"green's connector could not be configured:\n{update.error}")

    def _config(self, cause: str) -> Mapping[str, str]:
        skips = cause != TASKS
        return {
            "key.converter": _AS_JSON if cause else _AS_TEXT,
            "key.converter.schemas.enable": "false",
            "errors.tolerance": "all" if skips else "none",
            # Without a name there is none: what ends a task is not skipped, so it is none of the queue's.
            "errors.deadletterqueue.topic.name": dead_letters.queue(self._lab.namespace) if skips else "",
            "errors.deadletterqueue.topic.replication.factor": "-1",
            "errors.deadletterqueue.context.headers.enable": "true",
        }

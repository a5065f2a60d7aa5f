"""The campaign's own pair: a strategy's stack beside the standing one, with a topic of its own, and its faults enabled.

It stays between the pieces of a campaign, and is taken away when the last one has ended.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from components.settings import registry
from experiments import environment, faults, own_pair, preflight
from experiments.cluster import Cluster, ClusterError
from experiments.interrupts import Interrupts
from experiments.lab import Lab
from experiments.platform import Platform
from experiments.progress import Progress
from experiments.session import lab_of
from experiments.stacks import Configuration, Stack

REPLICAS = 2
_STATE = "stage.json"
#: Shorter than the defaults, because a campaign waits for them all the time; the ratios are the defaults'.
_TIMEOUTS = {"lagTimeoutSeconds": 15, "readyTimeoutSeconds": 20}
_GROUP_TIMEOUTS = {"drainTimeoutSeconds": 5, "resumeTimeoutSeconds": 5, "sessionTimeoutSeconds": 12}
_CLIENT = {"max.poll.interval.ms": 20000}


def name_of(letter: str) -> str:
    """The stack's name, which is its namespace's, too."""
    return f"strategy-{letter}-faults"


def settings_of(letter: str) -> dict[str, Any]:
    """The keys of its configuration, besides the standing stack's."""
    found: dict[str, Any] = {"strategy": letter, "replicas": REPLICAS, **_TIMEOUTS}
    if "session_timeout_seconds" in registry.models()[letter].model_fields:
        found |= _GROUP_TIMEOUTS
    for color, enabled in faults.enabled(letter).items():
        found[color] = {**enabled, "config": dict(_CLIENT)}
    return found


class Stage:
    """The pair of one campaign. folder: the campaign's. bootstrap: where the brokers are, once it is up."""

    def __init__(
        self,
        repository: Path,
        letter: str,
        folder: Path,
        cluster: Cluster,
        *,
        interrupts: Interrupts,
        progress: Progress,
    ) -> None:
        self.name = name_of(letter)
        self.bootstrap = ""
        self._repository = repository
        self._cluster = cluster
        self._interrupts = interrupts
        self._progress = progress
        self._state = folder / _STATE
        self._platform = Platform(repository, folder, {"alerts": True}, interrupts, progress)
        self._configuration = Configuration(
            repository, self.name, folder / f"Pulumi.{self.name}.yaml", like=f"strategy-{letter}"
        )
        self._configuration.set(**settings_of(letter))
        topic = preflight.strategy_settings_of(self._configuration).topic
        self.topic = f"{topic}-faults"
        self._configuration.set(topic=self.topic)
        self._stack: Stack | None = None

    def prepare(self) -> Lab:
        """Have it up, by this checkout, whatever there was before; as it stands, where this checkout has made it."""
        made_by = {"code": environment.commit(), "images": os.environ.get("KAFKA_BLUEGREEN_IMAGES", "")}
        known: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            known = json.loads(self._state.read_text())
        clean = bool(made_by["code"]) and not str(made_by["code"]).endswith("-dirty")
        stands = self._ask_on() and clean and known == made_by
        # Whoever measured something in between had it as stacks/ says, without alerts.
        self.bootstrap = self._platform.prepare()
        self._configuration.share_salt(self._platform.configuration)
        self._stack = stack = self._made()
        if not stands:
            self._configuration.set(allowInPlace=True)
            stack.prepare(lambda: None)
            self._configuration.put_back("allowInPlace")
            self._state.write_text(json.dumps(made_by) + "\n")
        return lab_of(
            self._cluster,
            stack,
            preflight.strategy_settings_of(self._configuration),
            bootstrap=self.bootstrap,
            progress=self._progress,
            spell_seconds=0.0,
        )

    def _ask_on(self) -> bool:
        """Ask for the colour that is at work, as a further attempt: what was asked for last may have failed, and would
        again. Whether there is a pair at all.
        """
        try:
            live = self._cluster.switch(self.name)
        except ClusterError as error:
            if error.not_found:
                return False
            raise
        spec = live.raw["spec"]
        self._configuration.set(active=live.active or live.wanted, attempt=int(spec.get("attempt", 1)) + 1)
        # As it was left: partitions are never taken away, and other numbers of pods would be a change of shape.
        self._configuration.set(**{key: int(spec[key]) for key in ("partitions", "replicas") if key in spec})
        return True

    def _made(self) -> Stack:
        return Stack(self._repository, self._configuration, self._interrupts, self._progress)

    def anew(self) -> Lab:
        """Another pair in its place, for this one does not get well by itself."""
        self.take_away()
        self._configuration.set(active="blue", attempt=1, replicas=REPLICAS)
        return self.prepare()

    def end(self) -> None:
        """All is done: the pair goes, and the platform is as stacks/ has it. Raises UpdateError."""
        self.take_away()
        self._platform.put_back()

    def take_away(self) -> None:
        """The pair, and its topic. Raises UpdateError."""
        self._state.unlink(missing_ok=True)
        own_pair.take_away(self._stack or self._made(), self.topic, self._progress)
        self._stack = None

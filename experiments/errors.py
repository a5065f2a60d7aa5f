"""The ways in which a run can end without a verdict. Each message names what was wrong and what to do."""


class ExperimentError(Exception):
    """The run could not be carried out (exit code 2). The message is meant for the user and is complete in itself."""


class PreflightError(ExperimentError):
    """Something that the runner needs is not there; nothing was touched."""


class PreconditionError(ExperimentError):
    """The system is up, but not in the state in which the plan wants a test to begin."""


class DeadlineError(ExperimentError):
    """A wait ended without what it waited for."""

    def __init__(self, what: str, seconds: float, last_seen: str) -> None:
        super().__init__(f"waited {seconds:.0f} s for {what}; last seen: {last_seen}")
        self.what = what
        self.last_seen = last_seen


class CollectionError(ExperimentError):
    """A log could not be copied whole. A log cut short is never judged."""

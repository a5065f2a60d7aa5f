"""What goes wrong on the way to a cluster. No text in here holds a credential, nor anything that was read from where
credentials are.
"""


class AccessError(ValueError):
    """No cluster, or none that can be used, is named. The message says which place was looked at, and what to do."""


class ApiError(RuntimeError):
    """The API server, or what it was asked to reach, gave an error. status: HTTP's; None when there was no answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def not_found(self) -> bool:
        """Whether what was asked for is not there."""
        return self.status == 404

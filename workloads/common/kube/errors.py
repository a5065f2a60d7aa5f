"""What can go wrong between a workload and the API server."""


class KubeError(Exception):
    """A request to the API server that did not succeed. `asked` is the method and path."""

    def __init__(self, asked: str, said: str) -> None:
        super().__init__(f"{asked}: {said}")
        self.asked = asked


class ApiError(KubeError):
    """The API server refused: `status` (HTTP) and `reason` (as `Conflict`, `NotFound`, `Forbidden`)."""

    def __init__(self, asked: str, status: int, reason: str, message: str) -> None:
        super().__init__(asked, f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class UnreachableError(KubeError):
    """No answer came (connection, TLS, deadline): whether a write was done is not known."""


class SilentError(UnreachableError):
    """A watch told nothing for a while. That may be because there is nothing to tell: only a request can say."""


class AccessError(ValueError):
    """Neither a service account nor a kubeconfig says how to reach the API server."""

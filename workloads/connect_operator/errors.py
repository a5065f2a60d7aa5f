"""What makes a reconcile fail. `reason` is what stands in the resource's condition: Strimzi's name of the exception."""


class ReconcileError(Exception):
    """A reconcile that ends with the condition NotReady, whose reason and message this gives."""

    reason = "RuntimeException"


class InvalidResourceError(ReconcileError):
    """The resource says what cannot be carried out."""

    reason = "InvalidResourceException"


class NoSuchResourceError(ReconcileError):
    """What the resource refers to does not exist, or does not want to be managed by resources."""

    reason = "NoSuchResourceException"


class TimedOutError(ReconcileError):
    """Something that was waited for did not come true in time."""

    reason = "TimeoutException"


class RestError(ReconcileError):
    """Kafka Connect answered with an error: method, path, HTTP status, and what it said."""

    reason = "ConnectRestException"

    def __init__(self, method: str, path: str, status: int, said: str) -> None:
        super().__init__(f"{method} {path} returned {status}: {said}")
        self.status = status


class RestUnreachableError(ReconcileError):
    """No answer of Kafka Connect: no connection, or the deadline passed. Whether the request was done is not known."""

    reason = "ConnectException"

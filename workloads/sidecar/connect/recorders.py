"""The recorders that follow what a connector's sink writes: told when it stands, and asked how far it came."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson
import urllib3

from workloads.sidecar.connect.control import SilentError

# Where the colour's recorders answer. Raises SilentError.
Addresses = Callable[[float], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Handled:
    """What a colour's sinks have written under the newest epoch in their files: partition -> next offset."""

    epoch: int
    next: Mapping[int, int]


class Recorders:
    """`POST /mark {"epoch"}` to each: it notes how far its files go, reads them to there, and answers
    `{"epoch", "next": {partition: offset}}`.
    """

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._http = urllib3.PoolManager(maxsize=2)

    def mark(self, epoch: int, deadline: float) -> Handled | None:
        """Under the withdrawal of this epoch the connector stands. None: nobody records.

        Raises SilentError that names who does not answer, or not as it should.
        """
        newest, reached = -1, dict[int, int]()
        addresses = self._addresses(deadline)
        for address in addresses:
            found = self._one(address, epoch, deadline)
            if found.epoch > newest:
                newest, reached = found.epoch, {}
            if found.epoch == newest:
                for partition, after in found.next.items():
                    reached[partition] = max(after, reached.get(partition, 0))
        return Handled(newest, reached) if addresses else None

    def _one(self, address: str, epoch: int, deadline: float) -> Handled:
        asked = f"recorder {address}"
        try:
            response = self._http.request(
                "POST",
                f"{address}/mark",
                body=orjson.dumps({"epoch": epoch}),
                headers={"Content-Type": "application/json"},
                timeout=deadline,
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SilentError(f"{asked} does not answer: {error}") from error
        if response.status != 200:
            raise SilentError(f"{asked} answers with {response.status}: {response.data[:300]!r}")
        try:
            said = orjson.loads(response.data)
            return Handled(int(said["epoch"]), {int(number): int(after) for number, after in said["next"].items()})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SilentError(f"{asked} does not answer as it should: {response.data[:300]!r}") from error

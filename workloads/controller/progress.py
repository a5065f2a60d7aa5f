"""What the members tell of themselves at `/progress`: positions and counts."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import orjson
import urllib3

from workloads.controller.measured import MeasureError, Progress

PROGRESS_SECONDS = 1.0
PODS_AT_ONCE = 8


class ProgressReader:
    """Reads `/progress` of several pods at once, over connections that are kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._http = urllib3.PoolManager(num_pools=64, maxsize=1, retries=False)
        self._threads = ThreadPoolExecutor(PODS_AT_ONCE, "progress")

    def read(self, addresses: Mapping[str, str]) -> dict[str, Progress]:
        """Pod name -> its account. Raises MeasureError naming the first pod that did not answer."""
        asked = {pod: self._threads.submit(self._one, pod, address) for pod, address in addresses.items()}
        return {pod: answer.result() for pod, answer in asked.items()}

    def _one(self, pod: str, address: str) -> Progress:
        if not address:
            raise MeasureError(f"{pod} has no address")
        host = f"[{address}]" if ":" in address else address
        try:
            response = self._http.request("GET", f"http://{host}:{self._port}/progress", timeout=PROGRESS_SECONDS)
            said = orjson.loads(response.data)
            found = Progress(
                process=str(said.get("boot_id", "")),
                positions={int(number): int(offset) for number, offset in said["positions"].items()},
                handled=int(said.get("handled", 0)),
                failed=int(said.get("failed", 0)),
            )
            if not 0 <= found.failed <= found.handled:
                raise ValueError(f"{found.failed} of {found.handled} records failed")
            return found
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise MeasureError(f"{pod} does not tell its progress: {error!r}") from error
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise MeasureError(f"{pod}'s /progress is not what it should be: {error!r}") from error

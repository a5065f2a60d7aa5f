"""An API server's answers over real HTTP: lists, watches and proxies, as a test puts them there."""

import json
import queue
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tests.support.loopback import Scripted, ScriptedExchange


class FakeApi(Scripted):
    """See Scripted. `events` feeds every watch in turn; None ends one."""

    def __init__(self) -> None:
        self.events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        super().__init__(_Handler)

    def kubeconfig(self, folder: Path) -> str:
        file = folder / "kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": "secret"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        file.write_text(json.dumps(content))
        return str(file)

    def close(self) -> None:
        self.events.put(None)
        super().close()


class _Handler(ScriptedExchange):
    owner: ClassVar[FakeApi]

    def tell(self, path: str, query: Mapping[str, list[str]], sent: Any) -> None:
        if "watch" not in query:
            super().tell(path, query, sent)
            return
        self.begin_chunks()
        while (event := self.owner.events.get()) is not None:
            line = json.dumps(event).encode() + b"\n"
            half = len(line) // 2
            self.chunks((line[:half], line[half:]))  # a chunk is not a line
        self.end_chunks()

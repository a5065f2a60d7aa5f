"""What every client on librdkafka is told here, and how it shows that it knows no broker any more. No client here: it
is a table and a rule over what librdkafka says.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# librdkafka's default is 30 s. For some seconds after a broker's pod was replaced its name still resolves to the old
# address, and a connect to that is not refused, it is dropped; only when it is given up is the name resolved again.
# The whole of it (TCP, TLS, SASL) takes milliseconds within a cluster; a first packet that was lost is sent again after
# 1 s (RFC 6298), and then as much is left once more.
CONNECTING: Mapping[str, int] = MappingProxyType({"socket.connection.setup.timeout.ms": 3000})
# Of a client that only asks: what it says of brokers that are away is told by whoever asked.
ASKING: Mapping[str, bool | int] = MappingProxyType({**CONNECTING, "socket.nagle.disable": True, "log_level": 3})

STATISTICS_MS = 1000
# A re-bootstrap names its servers within milliseconds of the moment when the last broker was dropped: one set of
# statistics that names none may fall between the two, five in a row are a client that does not come back. That is 5 s,
# and needs no fresh client where the old one would have got over it.
_STRANDED_STATISTICS = 5
# `source` of a broker that a client asks: what it was configured with, what it learned from an answer. The others are
# roles (the group's coordinator: `logical`) and librdkafka's own (`internal`), neither of which has an address by
# itself.
_ADDRESSED = frozenset({"configured", "learned"})

STRANDED = (
    "librdkafka knows no broker any more and asks for none, after one that was shutting down answered without brokers "
    "(librdkafka issue 5301); only a fresh client helps"
)


class Stranding:
    """Watches the statistics of one client for that: a broker that is away is named in them, one that was dropped is
    not.

    A fenced KRaft broker that still listens answers a Metadata request without brokers and closes its connections. The
    answer has every broker dropped, and cancels the re-bootstrap that the closed connections have asked for; with
    `metadata.recovery.strategy=none` there is none in the first place. Seen with librdkafka 2.16.0;
    https://github.com/confluentinc/librdkafka/issues/5301.
    """

    def __init__(self) -> None:
        self._without = 0

    def observe(self, statistics: Mapping[str, Any]) -> bool:
        """Take the next statistics (parsed); whether the client is of no use any more, for the reason `STRANDED`."""
        named = any(broker["source"] in _ADDRESSED for broker in statistics["brokers"].values())
        self._without = 0 if named else self._without + 1
        return self._without >= _STRANDED_STATISTICS

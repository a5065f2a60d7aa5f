"""The metadata of a commit, written so that it can be told from what librdkafka gives behind it.

librdkafka copies a commit's metadata without a closing byte 0, and confluent-kafka reads on until it finds one
(librdkafka 2.16, confluent-kafka 2.16; librdkafka issue 4649 is of the same place, and open): `epoch=10` was read as
`epoch=108`, and as something that is no UTF-8. So a label says where it ends, and nothing behind that counts. It is
filled up to a length where the allocator's own leftovers, pointers, have their upper bytes, which are 0: what is behind
it seldom has to be decoded.
"""

_END = ";"
_WORD_BYTES = 8


def sealed(text: str) -> str:
    """As it is committed. text: ASCII, without `;`."""
    ended = text + _END
    return ended + " " * (-(len(ended) + 1) % _WORD_BYTES)


def unsealed(metadata: str | None) -> str:
    """What was sealed. Metadata without an end, another tool's or an earlier version's, as it is; none as ""."""
    return (metadata or "").partition(_END)[0]

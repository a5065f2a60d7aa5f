"""What a member of a connector's group is assigned, as brokers write it down."""

import struct

import pytest

from workloads.sidecar.connect.group import assigned


def written(*topics: tuple[str, tuple[int, ...]]) -> bytes:
    """As ConsumerProtocolAssignment has it, version 0, with user data behind it."""
    body = struct.pack(">hi", 0, len(topics))
    for name, numbers in topics:
        body += struct.pack(">h", len(name)) + name.encode() + struct.pack(f">i{len(numbers)}i", len(numbers), *numbers)
    return body + struct.pack(">i", 3) + b"abc"


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        (b"", ()),
        (written(), ()),
        (written(("t", (3, 0))), (("t", 0), ("t", 3))),
        (written(("records", ()), ("b", (1,)), ("a", (7, 2))), (("a", 2), ("a", 7), ("b", 1))),
    ],
)
def test_an_assignment_is_read(assignment: bytes, expected: tuple[tuple[str, int], ...]) -> None:
    assert assigned(assignment) == expected

"""What is written into a picture besides the picture: text chunks of a PNG. Pure, bytes in, bytes out.

https://www.w3.org/TR/png-3/#11tEXt: a keyword and a text in Latin-1, a NUL between them.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXT, _FIRST = b"tEXt", b"IHDR"
_KEYWORD = 79


def with_text(png: bytes, told: Mapping[str, str]) -> bytes:
    """The same picture with these words, by keyword, behind its header. Raises ValueError for what is no PNG, and for
    words that a chunk cannot have.
    """
    chunks = list(_chunks(png))
    said = [_chunk(_TEXT, _words(keyword, text)) for keyword, text in told.items()]
    (_, header), *rest = chunks
    return b"".join([_SIGNATURE, _chunk(_FIRST, header), *said, *(_chunk(kind, content) for kind, content in rest)])


def text_of(png: bytes) -> dict[str, str]:
    """The words of a picture, by keyword. Raises ValueError for what is no whole PNG."""
    found = {}
    for kind, content in _chunks(png):
        if kind == _TEXT:
            keyword, _, text = content.partition(b"\0")
            found[keyword.decode("latin-1")] = text.decode("latin-1")
    return found


def size_of(png: bytes) -> tuple[int, int]:
    """Its width and height in pixels. Raises ValueError for what is no whole PNG."""
    (_, header), *_ = _chunks(png)
    width, height = struct.unpack(">II", header[:8])
    return width, height


def _words(keyword: str, text: str) -> bytes:
    if not 0 < len(keyword) <= _KEYWORD or "\0" in keyword + text:
        raise ValueError(f"no keyword and text of a PNG: {keyword!r}, {text!r}")
    return keyword.encode("latin-1") + b"\0" + text.encode("latin-1")


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each, the header first. Raises ValueError."""
    if not png.startswith(_SIGNATURE):
        raise ValueError("it does not begin as a PNG does")
    at, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        if at + 12 > len(png):
            raise ValueError("it ends in the middle")
        (length,) = struct.unpack(">I", png[at : at + 4])
        before, kind, content = kind, png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        checksum = png[at + 8 + length : at + 12 + length]
        if checksum != struct.pack(">I", zlib.crc32(kind + content)):
            raise ValueError(f"its chunk {kind!r} is torn")
        if not before and kind != _FIRST:
            raise ValueError(f"it begins with {kind!r}")
        yield kind, content
        at += 12 + length


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

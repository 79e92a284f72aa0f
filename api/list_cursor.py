"""Where a list of items ended, as text that a client hands back."""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from zlib import crc32

from embedstore.errors import BadQuery

_FORM = struct.Struct(">qq")
_CRC = struct.Struct(">I")


def written(row: int, collection: int) -> str:
    """Write the last row of a list as a cursor.

    Args:
        row: After which the list goes on.
        collection: Id of the collection that is listed.
    """
    packed = _FORM.pack(collection, row)
    return urlsafe_b64encode(packed + _CRC.pack(crc32(packed))).decode().rstrip("=")


def place_of(cursor: str, collection: int) -> int:
    """Read the row after which a list goes on.

    Args:
        cursor: As `written` made it.
        collection: Id of the collection that is listed.

    Raises:
        BadQuery: It is no cursor, or one of another collection.
    """
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError:
        raw = b""
    if len(raw) != _FORM.size + _CRC.size or _CRC.pack(crc32(raw[:-4])) != raw[-4:]:
        raise _refused(cursor, "it is damaged or no cursor at all")
    held, row = _FORM.unpack(raw[:-4])
    if held != collection:
        raise _refused(cursor, "it is of another collection, or of this one before a re-embedding")
    return int(row)


def _refused(cursor: str, why: str) -> BadQuery:
    return BadQuery(
        f"cursor {cursor[:24]!r} does not fit this list: {why}; expected the cursor of the list "
        "before; leave it out to begin with the first items"
    )

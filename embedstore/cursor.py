"""Where a page of a search ended, as text that a client hands back."""

import math
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from embedstore.errors import BadQuery
from embedstore.types import Vectors

_FORM = struct.Struct(">q16sqdqq")
_CRC = struct.Struct(">I")
_SLACK = 1e-3  # of a length that rounding may leave


@dataclass(frozen=True)
class Place:
    """How far the pages of one search have come.

    Attributes:
        collection: Its id.
        asked: Digest of what is asked, 32 hexadecimal digits.
        seq: The commit that the first page saw.
        score: Of the last row given; infinite before the first page.
        row: That row; of rows that score alike the lower comes first.
        given: Rows on the pages so far.
        vector: Of the query, float32: an encoder need not give the same bits twice.
    """

    collection: int
    asked: str
    seq: int
    score: float = math.inf
    row: int = 0
    given: int = 0
    vector: bytes = b""

    def is_before(self, score: float, row: int) -> bool:
        """Say whether a row with this score comes after this place."""
        return (-self.score, self.row) < (-score, row)

    def cursor(self) -> str:
        """Write the place as text that may stand in a URL."""
        packed = _FORM.pack(
            self.collection, bytes.fromhex(self.asked), self.seq, self.score, self.row, self.given
        )
        packed += self.vector
        return urlsafe_b64encode(packed + _CRC.pack(crc32(packed))).decode().rstrip("=")


def read(cursor: str, collection: int, dim: int) -> Place:
    """Read a cursor of a search in a collection.

    Args:
        cursor: As `Place.cursor` wrote it.
        collection: Id of the collection that is searched.
        dim: Of its space.

    Raises:
        BadQuery: It is no cursor, or one of another collection.
    """
    place = _unpacked(cursor)
    if place is None or not _is_unit(np.frombuffer(place.vector, "<f4"), dim):
        raise refused(cursor, "it is damaged or no cursor at all")
    if place.collection != collection:
        raise refused(cursor, "it is of another collection, or of this one before a re-embedding")
    return place


def check_asked(cursor: str, place: Place, asked: str) -> None:
    """Refuse a cursor of another search.

    Args:
        cursor: As it came.
        place: What was read from it.
        asked: Digest of what is asked.

    Raises:
        BadQuery: It is of another query.
    """
    if place.asked != asked:
        raise refused(
            cursor,
            "it is of another query; words, picture, target, where and least scores stay the same "
            "from page to page, and so does the calibration",
        )


def refused(cursor: str, why: str) -> BadQuery:
    """The error for a cursor that cannot be gone on from."""
    return BadQuery(
        f"cursor {cursor[:24]!r} does not fit this search: {why}; expected the cursor of the page "
        "before; leave it out to begin with the first page"
    )


def _unpacked(cursor: str) -> Place | None:
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError:
        return None
    if len(raw) < _FORM.size + _CRC.size or _CRC.pack(crc32(raw[:-4])) != raw[-4:]:
        return None
    collection, asked, seq, score, row, given = _FORM.unpack(raw[: _FORM.size])
    sound = math.isfinite(score) and min(seq, row, given) >= 0
    vector = raw[_FORM.size : -_CRC.size]
    if not sound or len(vector) % 4:
        return None
    return Place(collection, asked.hex(), seq, score, row, given, vector)


def _is_unit(vector: Vectors, dim: int) -> bool:
    return vector.shape == (dim,) and bool(abs(np.linalg.norm(vector) - 1.0) < _SLACK)

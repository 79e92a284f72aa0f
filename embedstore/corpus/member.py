"""A picture inside a tar, which is read where it lies: nothing is ever extracted."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Member:
    """The place of a picture in an uncompressed tar.

    Attributes:
        path: The tar.
        offset: Of the picture's first byte.
        size: Of the picture, bytes.
        name: What the tar calls it; for messages only.
    """

    path: Path
    offset: int
    size: int
    name: str

    def __fspath__(self) -> str:
        """Name the place as if the tar were a folder; there is no such file to open."""
        return str(self)

    def __str__(self) -> str:
        return f"{self.path}/{self.name}"


Source = Path | bytes | Member
"""What a picture is read from: a file, the encoded bytes of one, or a part of a tar."""

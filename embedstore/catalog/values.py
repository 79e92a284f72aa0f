"""The values that go into the catalog and come out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedstore.types import Halves, Item, Space, Vectors

Rows = NDArray[np.int64]  # (n,), ids of item rows


@dataclass(frozen=True)
class CollectionInfo:
    """What is known about a collection.

    Attributes:
        id: Never reused, even after the collection is dropped.
        name: What users call it.
        space: The space of all its vectors.
        options: JSON object that the collection's owner keeps here.
        seq: Commits so far.
        purged_seq: Deletions up to this commit are forgotten.
        created_at: ISO time, UTC.
    """

    id: int
    name: str
    space: Space
    options: Mapping[str, Any]
    seq: int
    purged_seq: int
    created_at: str


@dataclass(frozen=True)
class NewRow:
    """An item with its vectors, ready to be stored.

    Attributes:
        item: What to store; a picture given as bytes is kept in the catalog.
        image: `(m, d)` unit rows of its picture.
        text: `(t, d)` unit rows, one a text.
        corpus: The root it was read from.
        stamp: Cheap sign of change of its source.
        content_hash: Hash of its content.
        original: Encoded picture to keep, where `item.image` does not hold it.
    """

    item: Item
    image: Vectors | None = field(default=None, compare=False)
    text: Vectors | None = field(default=None, compare=False)
    corpus: str | None = None
    stamp: str | None = None
    content_hash: str | None = None
    original: bytes | None = None


@dataclass(frozen=True)
class Written:
    """A committed `put`.

    Attributes:
        seq: The commit.
        rows: Row id of each given item, in the given order.
        removed: Row ids of the items that were replaced.
        replaced: Keys of the items that were replaced.
    """

    seq: int
    rows: Sequence[int]
    removed: Sequence[int]
    replaced: frozenset[str]


@dataclass(frozen=True)
class Removed:
    """A committed `delete`.

    Attributes:
        seq: The commit.
        rows: Row ids that are gone.
        missing: Keys that were not there.
    """

    seq: int
    rows: Sequence[int]
    missing: Sequence[str]


@dataclass(frozen=True)
class Changes:
    """What happened to one modality after a commit, read in one snapshot.

    Attributes:
        seq: The last commit of the snapshot.
        purged_seq: Deletions up to here are forgotten; a reader that is older must reload.
        ids: `(m,)` row of each new vector, ascending; an item with several vectors repeats.
        vectors: `(m, d)`, in the order of their parts within a row.
        seqs: `(m,)` commit of each vector.
        removed: `(r,)` rows deleted or replaced.
        removed_seqs: `(r,)` commit of each removal.
    """

    seq: int
    purged_seq: int
    ids: Rows
    vectors: Halves
    seqs: Rows
    removed: Rows
    removed_seqs: Rows


@dataclass(frozen=True)
class FieldHeld:
    """What a sample of items holds in a metadata field.

    Attributes:
        name: As a filter writes it.
        kind: That most values have: number, string, boolean or array; the rest is of that kind.
        items: With the field, among those that were looked at.
        distinct: How many different values there are; of a list, parts.
        values: The most usual with their number of items, at most 24; long texts are left out.
        least: Of numbers.
        most: Of numbers.
    """

    name: str
    kind: str
    items: int
    distinct: int
    values: tuple[tuple[Any, int], ...]
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class FieldsHeld:
    """What a sample of items holds in its metadata.

    Attributes:
        items: In the collection.
        looked_at: Of them, spread evenly over all.
        fields: Those that the most items have come first.
    """

    items: int
    looked_at: int
    fields: tuple[FieldHeld, ...]


class Mark(NamedTuple):
    """A place among the items of a collection in the order they were stored.

    Attributes:
        seq: A commit.
        row: The last row of that commit that lies before.
    """

    seq: int
    row: int


class Amount(NamedTuple):
    """How much a collection holds.

    Attributes:
        vectors: Of both modalities.
        words: Length of texts and metadata, characters.
        pictures: Length of the pictures kept in the catalog, bytes.
    """

    vectors: int
    words: int
    pictures: int


@dataclass(frozen=True)
class Source:
    """What an item was made of.

    Attributes:
        mark: Where it lies.
        item: As it is given back; a picture kept in the catalog is in `original`.
        picture: What to decode: the kept bytes, or a file that may be gone.
        original: Bytes kept in the catalog.
        has_image: Whether its picture has a vector.
        has_text: Whether its texts have vectors.
        corpus: The root it was read from.
        stamp: Cheap sign of change of its source.
        content_hash: Hash of its content.
    """

    mark: Mark
    item: Item
    picture: Path | bytes | None
    original: bytes | None
    has_image: bool
    has_text: bool
    corpus: str | None
    stamp: str | None
    content_hash: str | None

    @property
    def is_missing(self) -> bool:
        """Whether it has a vector whose picture or text was never given."""
        return (self.has_image and self.picture is None) or (self.has_text and not self.item.texts)


class Stamp(NamedTuple):
    """How an item's source looked when it was stored.

    Attributes:
        stamp: Cheap sign of change, such as time and size.
        content_hash: Hash of its content.
    """

    stamp: str | None
    content_hash: str | None


@dataclass(frozen=True)
class Quarantined:
    """An item of a corpus that failed.

    Attributes:
        key: The key it would have had.
        reason: What was wrong.
        corpus: The root it was read from.
        stamp: Sign of change of its source; the same stamp will fail again.
    """

    key: str
    reason: str
    corpus: str | None = None
    stamp: str | None = None

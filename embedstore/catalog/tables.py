"""The tables; the same on SQLite and PostgreSQL.

A row of `items` is never changed once it is committed, but for its stamp: a replacement is a new
row with a new id, so the vectors of a row id are the same for ever and row ids rise with seq.
Metadata is kept as JSON text on both, because PostgreSQL's JSONB reorders keys and rewrites
numbers (1e300 comes back as an integer).
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

BigInt = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is SQLite's own row id

metadata = MetaData()


def _collection(primary: bool = False) -> Column[int]:
    return Column(
        "collection_id",
        BigInt,
        ForeignKey("collections.id", ondelete="CASCADE"),
        primary_key=primary,
        nullable=False,
        autoincrement=False,
    )


def _row() -> Column[int]:
    return Column(
        "row",
        BigInt,
        ForeignKey("items.row", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


# Ids come from here, under the write lock, so that none is ever used twice.
counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last", BigInt, nullable=False),
)

collections = Table(
    "collections",
    metadata,
    Column("id", BigInt, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("space", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("seq", BigInt, nullable=False),
    Column("purged_seq", BigInt, nullable=False),
    Column("created_at", Text, nullable=False),
)

items = Table(
    "items",
    metadata,
    Column("row", BigInt, primary_key=True, autoincrement=False),
    _collection(),
    Column("key", Text, nullable=False),
    Column("meta", Text, nullable=False),
    Column("texts", Text, nullable=False),
    Column("path", LargeBinary),  # file names need not be Unicode
    Column("corpus", Text),
    Column("stamp", Text),
    Column("content_hash", Text),
    Column("seq", BigInt, nullable=False),
    Column("image_count", Integer, nullable=False),
    Column("text_count", Integer, nullable=False),
    UniqueConstraint("collection_id", "key"),
)
# Counting vectors since a commit reads this index alone.
Index(
    "items_by_seq",
    items.c.collection_id,
    items.c.seq,
    items.c.row,
    items.c.image_count,
    items.c.text_count,
)

vectors = Table(
    "vectors",
    metadata,
    _row(),
    Column("modality", Text, primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("vector", LargeBinary, nullable=False),
    Column("crc", BigInt, nullable=False),
)

originals = Table(
    "originals",
    metadata,
    _row(),
    Column("media_type", Text, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
)

tombstones = Table(
    "tombstones",
    metadata,
    _collection(primary=True),
    Column("seq", BigInt, primary_key=True, autoincrement=False),
    Column("row", BigInt, primary_key=True, autoincrement=False),
)

fields = Table(
    "fields",
    metadata,
    _collection(primary=True),
    Column("name", Text, primary_key=True),
)

quarantine = Table(
    "quarantine",
    metadata,
    _collection(primary=True),
    Column("key", Text, primary_key=True),
    Column("corpus", Text),
    Column("stamp", Text),
    Column("reason", Text, nullable=False),
)

# Queries that a collection's pictures are corrected with, of the space they were encoded in.
banks = Table(
    "banks",
    metadata,
    _collection(primary=True),
    Column("fingerprint", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("weight", Float, nullable=False),
    Column("vectors", LargeBinary, nullable=False),
    Column("crc", BigInt, nullable=False),
    Column("of_captions", Integer),  # of the items themselves: 1, 0, or not known
)

# What an index promises to find, and queries of the space it was asked in to measure that with.
promises = Table(
    "promises",
    metadata,
    _collection(primary=True),
    Column("modality", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("queries", LargeBinary, nullable=False),
    Column("crc", BigInt, nullable=False),
)

# Metadata fields, as filters write them, that have an index of the database in all collections.
field_indexes = Table("field_indexes", metadata, Column("name", Text, primary_key=True))

migrations = Table(
    "migrations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("applied_at", Text, nullable=False),
)

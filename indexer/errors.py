"""What can go wrong with numbers.

IndexerError
├── BadVectors        wrong shape, wrong dimension, NaN or infinity
├── CorruptSnapshot   a published file is missing, short, altered or of another space
├── NotReached        no index keeps the promised recall within the memory
├── NoDevice          a GPU was asked for and there is none, or it is full
└── DiskFull          a published file could not be written whole
"""


class IndexerError(Exception):
    """Base of every error that the indexer raises."""


class BadVectors(IndexerError):
    """Vectors or ids that cannot be indexed or searched."""


class CorruptSnapshot(IndexerError):
    """Published files that must not be read; the caller rebuilds them from its rows."""


class NotReached(IndexerError):
    """A recall that no index keeps within the memory; says what is reachable."""


class NoDevice(IndexerError):
    """A device that was asked for and is not there."""


class DiskFull(IndexerError):
    """No space to publish; the previous generation is untouched."""

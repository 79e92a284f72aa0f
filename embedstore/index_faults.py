"""The indexer's errors as embedstore's."""

from collections.abc import Iterator
from contextlib import contextmanager

from embedstore.errors import BadQuery, Corrupt, EmbedStoreError, Invalid, NoDevice, StorageFull
from indexer import errors as numbers

_MEANING: dict[type[numbers.IndexerError], type[EmbedStoreError]] = {
    numbers.BadVectors: BadQuery,
    numbers.DiskFull: StorageFull,
    numbers.NoDevice: NoDevice,
    numbers.NotReached: Invalid,
    numbers.CorruptSnapshot: Corrupt,
}


@contextmanager
def meaningful_errors() -> Iterator[None]:
    """Raise the indexer's errors as embedstore's."""
    try:
        yield
    except numbers.IndexerError as error:
        raise _MEANING.get(type(error), EmbedStoreError)(str(error)) from error

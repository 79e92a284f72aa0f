"""What the vectors of a modality are stored as in its index: as they are, or with an offset."""

import shutil
from pathlib import Path
from typing import NamedTuple

from embedstore.catalog import Catalog, CollectionInfo
from embedstore.errors import Corrupt
from embedstore.hubness import QueryBank, asked
from embedstore.types import MODALITIES, Halves, Modality, Space, Vectors
from indexer import CorruptSnapshot, VectorSet


class IndexForm(NamedTuple):
    """Where an index lies and what its rows are.

    Attributes:
        bank: Gives pictures their offset; None where there is none.
        folder: Of the published files; another bank has another folder.
        fingerprint: Of the space and the bank.
        dim: Of a row.
    """

    bank: QueryBank | None
    folder: Path
    fingerprint: str
    dim: int

    @classmethod
    def of(
        cls, modality: Modality, space: Space, bank: QueryBank | None, folder: Path
    ) -> "IndexForm":
        """Choose the form of a modality; captions have no offset, for the bank holds texts."""
        if modality == "text" or bank is None:
            return cls(None, folder / modality, space.fingerprint, space.dim)
        fingerprint = f"{space.fingerprint}-{bank.name}"
        return cls(bank, folder / f"{modality}-{bank.name}", fingerprint, space.dim + 1)

    def clear(self) -> None:
        """Remove the published files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear_others(self, modality: Modality) -> None:
        """Remove what was published with other banks, which may hold what was deleted."""
        for other in self.folder.parent.glob(f"{modality}*"):
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)

    def empty(self) -> VectorSet:
        """Make a set that holds nothing."""
        return VectorSet(self.dim, offset=self.bank is not None)

    def opened(self, purged: int) -> VectorSet:
        """Open what is published; see `VectorSet.open`."""
        offset = self.bank is not None
        return VectorSet.open(self.folder, self.fingerprint, self.dim, purged, offset)

    def rows(self, vectors: Halves) -> Halves:
        """Give the rows to store for unit vectors `(n, d)`."""
        return vectors if self.bank is None else self.bank.folded(vectors)

    def asked(self, queries: Vectors) -> Vectors:
        """Give queries of words `(q, d)` the form that such rows take."""
        return queries if self.bank is None else asked(queries, 1.0)


def damage_of(catalog: Catalog, info: CollectionInfo, folder: Path) -> list[str]:
    """Prove every byte that is published of a collection, and change nothing.

    Args:
        catalog: Holds its query bank.
        info: The collection.
        folder: Of its index files.

    Returns:
        One line for each file that is damaged.
    """
    found = []
    try:
        kept = catalog.bank(info.id)
    except Corrupt as error:
        return [str(error)]
    bank = None if kept is None else QueryBank(kept.name, kept.weight, kept.vectors)
    for modality in MODALITIES:
        try:
            IndexForm.of(modality, info.space, bank, folder).opened(0)
        except CorruptSnapshot as error:
            found.append(str(error))
    return found

"""What exists: the only room with SQL."""

from embedstore.catalog.catalog import Catalog
from embedstore.catalog.values import (
    Changes,
    CollectionInfo,
    NewRow,
    Quarantined,
    Removed,
    Stamp,
    Written,
)

__all__ = [
    "Catalog",
    "Changes",
    "CollectionInfo",
    "NewRow",
    "Quarantined",
    "Removed",
    "Stamp",
    "Written",
]

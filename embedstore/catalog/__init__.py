"""What exists: the only room with SQL."""

from embedstore.catalog.banks import StoredBank
from embedstore.catalog.catalog import Catalog
from embedstore.catalog.promises import StoredPromise
from embedstore.catalog.values import (
    Amount,
    Changes,
    CollectionInfo,
    FieldHeld,
    FieldsHeld,
    Mark,
    NewRow,
    Quarantined,
    Removed,
    Source,
    Stamp,
    Written,
)

__all__ = [
    "Amount",
    "Catalog",
    "Changes",
    "CollectionInfo",
    "FieldHeld",
    "FieldsHeld",
    "Mark",
    "NewRow",
    "Quarantined",
    "Removed",
    "Source",
    "Stamp",
    "StoredBank",
    "StoredPromise",
    "Written",
]

"""The folders of index files: one a collection, called NAME-ID after what it was made as."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from embedstore.catalog import Catalog, CollectionInfo


def folder_of(store: Path, info: CollectionInfo) -> Path:
    """Find the folder of a collection's index files, which keeps its name when that changes."""
    made = next((store / "index").glob(f"*-{info.id}"), None)
    return made or store / "index" / f"{info.name}-{info.id}"


def sweep(catalog: Catalog, store: Path) -> None:
    """Remove the folders of collections that are gone, whoever dropped them."""
    folders = list((store / "index").glob("*-*"))
    known = catalog.ids()  # asked last: an id is in the catalog before it has a folder
    numbers = {folder.name.rpartition("-")[2] for folder in folders}
    remove(store, {int(each) for each in numbers if each.isdecimal()} - known)


def remove(store: Path, collection_ids: Iterable[int]) -> None:
    """Remove the folders of some collections; what they still need is built anew."""
    for number in collection_ids:
        for folder in (store / "index").glob(f"*-{number}"):
            shutil.rmtree(folder, ignore_errors=True)

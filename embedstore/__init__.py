"""Find photos with words: train, index, search, answer, measure.

    import embedstore

    with embedstore.open("my-store") as store:
        photos = store.create("photos", encoder="mini")
        embedstore.index(photos, "~/Pictures")
        for hit in photos.search("a dog on the beach", k=5):
            print(hit.rank, hit.score, hit.item.key)

Names are imported when they are first used, so that `import embedstore` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedstore import encoders, errors
    from embedstore.answering.answerer import Answerer
    from embedstore.client import connect
    from embedstore.collection import Collection
    from embedstore.indexing import index
    from embedstore.re_embedding import re_embed
    from embedstore.store import Store, open
    from embedstore.training.recipe import Recipe
    from embedstore.training.train import train
    from embedstore.types import Hit, Item, Query, Space

_HOMES = {
    "Answerer": "embedstore.answering.answerer",
    "Collection": "embedstore.collection",
    "Hit": "embedstore.types",
    "Item": "embedstore.types",
    "Query": "embedstore.types",
    "Recipe": "embedstore.training.recipe",
    "Space": "embedstore.types",
    "Store": "embedstore.store",
    "connect": "embedstore.client",
    "index": "embedstore.indexing",
    "open": "embedstore.store",
    "re_embed": "embedstore.re_embedding",
    "train": "embedstore.training.train",
}

__version__ = "0.1.0"
__all__ = [
    "Answerer",
    "Collection",
    "Hit",
    "Item",
    "Query",
    "Recipe",
    "Space",
    "Store",
    "connect",
    "encoders",
    "errors",
    "index",
    "open",
    "re_embed",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name from the room it lives in."""
    if name in ("encoders", "errors"):
        return import_module(f"embedstore.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'embedstore' has no attribute {name!r}")
